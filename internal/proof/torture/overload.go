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
	times        = 10                     // of what the service can do
	connections  = 1000                   // of the crowd
	gentle       = 200                    // publishes a second that every node can do
	acceptWithin = time.Second            // the 99th percentile of what is accepted
	refuseWithin = 100 * time.Millisecond // of refusals
	normalWithin = 30 * time.Second
	mostMemory   = 512 << 10 // KiB
)

// overload offers ten times what the service with these flags can do. A slow
// machine breaks limits of time: the note says so, and the run goes on.
func overload(flags ...string) func(*run) (row, error) {
	return func(r *run) (line row, err error) {
		w, err := r.newWorld(filepath.Join(r.folder, fmt.Sprintf("overload%d", len(flags))))
		if err != nil {
			return line, err
		}
		defer w.end()
		w.here.flags = append(w.here.flags, flags...)
		if err := errors.Join(w.here.stop(), w.here.start()); err != nil {
			return line, err
		}
		c := &crowd{url: w.here.url, message: w.good}
		err = c.overload(r, w, &line)
		return line, errors.Join(err, c.collect(w, &line), w.verify())
	}
}

// overload measures what the service can do, asks for ten times that, and holds
// the answers against the limits.
func (c *crowd) overload(r *run, w *world, line *row) error {
	quiet := c.shoot(4, gentle, 2*time.Second)
	full := c.shoot(32, 0, 3*time.Second)
	capacity := float64(len(full.accepted)) / 3
	if capacity == 0 {
		return errors.New("the service accepts nothing before the overload")
	}
	span := min(max(r.each, 5*time.Second), 4*time.Minute) // a token is valid for five
	much := c.shoot(connections, times*capacity, span)
	line.Rounds = 1
	line.Slowest = c.calm(quiet.median())
	memory, err := w.here.memory()
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

// crowd publishes numbered messages and remembers what became of each.
type crowd struct {
	url      string
	message  []byte
	next     atomic.Int64
	mu       sync.Mutex
	accepted []int64 // numbers
	unknown  map[int64]bool
}

// volley is what a crowd was told.
type volley struct {
	offered           int
	accepted, refused []time.Duration // until the answer, in ascending order
	silent            int             // refusals that do not say when to come back
	others            map[int]int     // by status; 0: no answer
}

// shoot publishes over connections for a while: at a rate, whether or not answers
// come, as far as a connection is free; or, at rate 0, one after the other.
func (c *crowd) shoot(connections int, rate float64, span time.Duration) volley {
	v := volley{others: map[int]int{}}
	var mu sync.Mutex
	var all sync.WaitGroup
	var turn atomic.Int64
	began := time.Now()
	for range connections {
		all.Go(func() {
			own := volley{others: map[int]int{}}
			g := newGun(c.url, c.message)
			defer g.close()
			for time.Since(began) < span {
				if rate > 0 {
					due := time.Duration(float64(turn.Add(1)) / rate * float64(time.Second))
					time.Sleep(due - time.Since(began))
				}
				c.publish(g, &own)
			}
			mu.Lock()
			defer mu.Unlock()
			v.add(own)
		})
	}
	all.Wait()
	slices.Sort(v.accepted)
	slices.Sort(v.refused)
	return v
}

// publish sends one message.
func (c *crowd) publish(g *gun, v *volley) {
	n := c.next.Add(1)
	s, err := g.fire(n)
	v.offered++
	refused := s.status == http.StatusServiceUnavailable || s.status == http.StatusTooManyRequests
	switch {
	case err == nil && s.status == http.StatusAccepted:
		v.accepted = append(v.accepted, s.took)
		c.mu.Lock()
		c.accepted = append(c.accepted, n)
		c.mu.Unlock()
		return
	case err == nil && refused:
		v.refused = append(v.refused, s.took)
		if !s.later {
			v.silent++
		}
		return
	case err != nil:
		s.status = 0
	}
	v.others[s.status]++
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unknown == nil {
		c.unknown = map[int64]bool{}
	}
	c.unknown[n] = true
}

func (v *volley) add(o volley) {
	v.offered, v.silent = v.offered+o.offered, v.silent+o.silent
	v.accepted, v.refused = append(v.accepted, o.accepted...), append(v.refused, o.refused...)
	for status, n := range o.others {
		v.others[status] += n
	}
}

// wrong tells what must not happen however much there is to do.
func (v *volley) wrong() error {
	var wrong []error
	if v.silent > 0 {
		wrong = append(wrong, fmt.Errorf("%d refusals without Retry-After", v.silent))
	}
	if len(v.others) > 0 {
		wrong = append(wrong, fmt.Errorf("answers that are none of 202, 429 and 503, by status (0: none): %v", v.others))
	}
	return errors.Join(wrong...)
}

func (*volley) p99(sorted []time.Duration) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)*99/100].Round(100 * time.Microsecond)
}

func (v *volley) median() time.Duration {
	if len(v.accepted) == 0 {
		return time.Minute // nothing was accepted
	}
	return v.accepted[len(v.accepted)/2]
}

// calm tells how long it takes until answers come as fast as before, twice the
// time at most.
func (c *crowd) calm(usual time.Duration) time.Duration {
	began := time.Now()
	for time.Since(began) < 2*normalWithin {
		v := c.shoot(4, gentle, 250*time.Millisecond)
		if len(v.refused) == 0 && v.median() <= 2*usual {
			break
		}
	}
	return time.Since(began)
}

// collect empties the mailboxes and holds each copy against what was told.
func (c *crowd) collect(w *world, line *row) error {
	copies := map[string]map[int64]int{}
	for _, box := range []string{leeds, national} {
		copies[box] = map[int64]int{}
		if err := w.here.empty(box, func(id string, body []byte) {
			copies[box][c.number(body)]++
		}); err != nil {
			return err
		}
	}
	c.count(copies, line)
	return nil
}

// count adds up what became of the messages. copies has, by mailbox, how often
// each of them arrived.
func (c *crowd) count(copies map[string]map[int64]int, line *row) {
	told := make(map[int64]bool, len(c.accepted))
	for _, n := range c.accepted {
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
			if !told[n] && !c.unknown[n] {
				line.Wrong += many
			}
		}
	}
}

// number is that of a message of the crowd, 0 of any other bytes.
func (c *crowd) number(body []byte) int64 {
	tail, ours := bytes.CutPrefix(body, c.message)
	digits := strings.TrimSuffix(strings.TrimPrefix(string(tail), "<!-- "), " -->")
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ours || err != nil || fmt.Sprintf(numbered, n) != string(tail) {
		return 0
	}
	return n
}

// empty takes all messages out of a mailbox of its own, many at a time.
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

// memory is the most that the process has held so far, in KiB (proc(5), VmHWM).
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
