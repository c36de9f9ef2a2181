//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"nems/client"
	"nems/internal/directory/devworld"
)

// Limits of an overload.
const (
	times        = 10                     // how often the capacity of the service
	connections  = 1000                   // of the generator
	gentle       = 200                    // publishes a second that every node can do
	acceptWithin = time.Second            // the 99th percentile of accepted publishes
	refuseWithin = 100 * time.Millisecond // of refusals
	normalWithin = 30 * time.Second
	mostMemory   = 512 << 10 // KiB
)

// overload offers ten times the capacity of the service with these flags. A
// slow machine can exceed limits of time: then the note says so, and the run
// continues.
func overload(flags ...string) func(*run) (row, error) {
	return func(r *run) (line row, err error) {
		dep, err := r.newDeployment(filepath.Join(r.folder, fmt.Sprintf("overload%d", len(flags))))
		if err != nil {
			return line, err
		}
		defer dep.end()
		dep.here.flags = append(dep.here.flags, flags...)
		if err := errors.Join(dep.here.stop(), dep.here.start()); err != nil {
			return line, err
		}
		g := &generator{url: dep.here.url, message: dep.good}
		err = g.overload(r, dep, &line)
		return line, errors.Join(err, g.collect(dep, &line), dep.verify())
	}
}

// overload measures the capacity of the service, asks for ten times that, and
// compares the answers with the limits.
func (g *generator) overload(r *run, dep *deployment, line *row) error {
	quiet := g.publishFor(4, gentle, 2*time.Second)
	full := g.publishFor(32, 0, 3*time.Second)
	capacity := float64(len(full.accepted)) / 3
	if capacity == 0 {
		return errors.New("the service accepts nothing before the overload")
	}
	span := min(max(r.each, 5*time.Second), 4*time.Minute) // a token is valid for five
	much := g.publishFor(connections, times*capacity, span)
	line.Rounds = 1
	line.Slowest = g.calm(quiet.median())
	memory, err := dep.here.memory()
	if err != nil {
		return err
	}
	var broken []string
	limit := func(name string, within bool) {
		if !within {
			broken = append(broken, name)
		}
	}
	limit("accepted too late", much.p99(much.accepted) <= acceptWithin)
	limit("refused too late", much.p99(much.refused) <= refuseWithin)
	limit("not back to normal in time", line.Slowest <= normalWithin)
	line.Note = fmt.Sprintf("capacity %.0f/s, offered %.0f/s (10 times: %.0f/s) by %d connections that share the processors; accepted %.0f/s, p99 %s; refused %.0f/s, p99 %s; memory %d MiB; normal again after %s; beyond the limits: %s",
		capacity, float64(much.offered)/span.Seconds(), times*capacity, connections,
		float64(len(much.accepted))/span.Seconds(), much.p99(much.accepted), float64(len(much.refused))/span.Seconds(), much.p99(much.refused),
		memory>>10, line.Slowest.Round(time.Millisecond), cmp.Or(strings.Join(broken, ", "), "none"))
	if memory > mostMemory {
		err = fmt.Errorf("the process held %d MiB", memory>>10)
	}
	return errors.Join(err, much.wrong())
}

// generator publishes numbered messages and remembers what became of each.
type generator struct {
	url      string
	message  []byte
	next     atomic.Int64
	mu       sync.Mutex
	accepted []int64 // numbers
	unknown  map[int64]bool
}

// tally is what a generator was told.
type tally struct {
	offered           int
	accepted, refused []time.Duration // time until the answer, in ascending order
	silent            int             // refusals that do not say when to try again
	others            map[int]int     // by status; 0: no answer
}

// publishFor publishes over connections for a while. With a rate it publishes at that
// rate when a connection is free, whether or not answers come. At rate 0 each
// connection publishes one message after the other.
func (g *generator) publishFor(connections int, rate float64, span time.Duration) tally {
	counted := tally{others: map[int]int{}}
	var mu sync.Mutex
	var all sync.WaitGroup
	var turn atomic.Int64
	began := time.Now()
	for range connections {
		all.Go(func() {
			own := tally{others: map[int]int{}}
			rc := newRawClient(g.url, g.message)
			defer rc.close()
			for time.Since(began) < span {
				if rate > 0 {
					due := time.Duration(float64(turn.Add(1)) / rate * float64(time.Second))
					time.Sleep(due - time.Since(began))
				}
				g.publish(rc, &own)
			}
			mu.Lock()
			defer mu.Unlock()
			counted.add(own)
		})
	}
	all.Wait()
	slices.Sort(counted.accepted)
	slices.Sort(counted.refused)
	return counted
}

// publish sends one message.
func (g *generator) publish(rc *rawClient, counted *tally) {
	n := g.next.Add(1)
	s, err := rc.publish(n)
	counted.offered++
	refused := s.status == http.StatusServiceUnavailable || s.status == http.StatusTooManyRequests
	switch {
	case err == nil && s.status == http.StatusAccepted:
		counted.accepted = append(counted.accepted, s.took)
		g.mu.Lock()
		g.accepted = append(g.accepted, n)
		g.mu.Unlock()
		return
	case err == nil && refused:
		counted.refused = append(counted.refused, s.took)
		if !s.later {
			counted.silent++
		}
		return
	case err != nil:
		s.status = 0
	}
	counted.others[s.status]++
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.unknown == nil {
		g.unknown = map[int64]bool{}
	}
	g.unknown[n] = true
}

func (counted *tally) add(o tally) {
	counted.offered, counted.silent = counted.offered+o.offered, counted.silent+o.silent
	counted.accepted, counted.refused = append(counted.accepted, o.accepted...), append(counted.refused, o.refused...)
	for status, n := range o.others {
		counted.others[status] += n
	}
}

// wrong returns an error for what must not happen whatever the load.
func (counted *tally) wrong() error {
	var wrong []error
	if counted.silent > 0 {
		wrong = append(wrong, fmt.Errorf("%d refusals without Retry-After", counted.silent))
	}
	if len(counted.others) > 0 {
		wrong = append(wrong, fmt.Errorf("answers other than 202, 429 and 503, by status (0: none): %v", counted.others))
	}
	return errors.Join(wrong...)
}

func (*tally) p99(sorted []time.Duration) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)*99/100].Round(100 * time.Microsecond)
}

func (counted *tally) median() time.Duration {
	if len(counted.accepted) == 0 {
		return time.Minute // nothing was accepted
	}
	return counted.accepted[len(counted.accepted)/2]
}

// calm returns how long it takes until answers come as fast as before. It gives
// up after twice the limit.
func (g *generator) calm(usual time.Duration) time.Duration {
	began := time.Now()
	for time.Since(began) < 2*normalWithin {
		counted := g.publishFor(4, gentle, 250*time.Millisecond)
		if len(counted.refused) == 0 && counted.median() <= 2*usual {
			break
		}
	}
	return time.Since(began)
}

// collect empties the mailboxes and compares each copy with what was told.
func (g *generator) collect(dep *deployment, line *row) error {
	copies := map[string]map[int64]int{}
	for _, box := range []string{leeds, national} {
		copies[box] = map[int64]int{}
		if err := dep.here.empty(box, func(id string, body []byte) {
			copies[box][g.number(body)]++
		}); err != nil {
			return err
		}
	}
	g.count(copies, line)
	return nil
}

// count adds up what became of the messages. copies says, by mailbox, how often
// each message arrived.
func (g *generator) count(copies map[string]map[int64]int, line *row) {
	told := make(map[int64]bool, len(g.accepted))
	for _, n := range g.accepted {
		told[n] = true
		line.Acknowledged++
		missing := 0
		for _, got := range copies {
			if got[n] == 0 {
				missing++
			}
		}
		line.Missing += missing
		if missing == len(copies) {
			line.Lost++
		}
	}
	for _, got := range copies {
		for n, many := range got {
			line.Doubled, line.Repeated = line.Doubled+many-1, line.Repeated+many-1
			if !told[n] && !g.unknown[n] {
				line.Wrong += many
			}
		}
	}
}

// number returns the number of a message of the generator, 0 for any other bytes.
func (g *generator) number(body []byte) int64 {
	tail, ours := bytes.CutPrefix(body, g.message)
	digits := strings.TrimSuffix(strings.TrimPrefix(string(tail), "<!-- "), " -->")
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ours || err != nil || fmt.Sprintf(numbered, n) != string(tail) {
		return 0
	}
	return n
}

// empty collects all messages from a mailbox of its own, many at a time.
func (p *process) empty(box string, take func(id string, body []byte)) error {
	m, err := client.NewMailbox(client.MailboxConfig{URL: p.url, ID: box, Password: devworld.Password, SharedKey: devworld.SharedKey, HTTP: p.http, Now: p.now})
	if err != nil {
		return err
	}
	ctx := context.Background()
	var mu sync.Mutex
	for {
		ids, err := m.List(ctx)
		if err != nil || len(ids) == 0 {
			return err
		}
		var g errgroup.Group
		g.SetLimit(16)
		for _, id := range ids {
			g.Go(func() error {
				got, err := m.Download(ctx, id)
				if err != nil {
					return err
				}
				mu.Lock()
				take(id, got.Body)
				mu.Unlock()
				return m.Acknowledge(ctx, id)
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
}

// memory returns the largest amount of memory that the process has held so far, in KiB (proc(5),
// VmHWM).
func (p *process) memory() (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, errors.New("the kernel does not tell VmHWM")
	}
	return strconv.Atoi(fields[0])
}
