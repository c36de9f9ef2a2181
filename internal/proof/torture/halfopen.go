//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"nems/internal/operator"
)

// The limits for a bad pipe to the other MESH.
const (
	farBoxes    = 5                     // mailboxes there, each with a lane of its own
	farPause    = 50 * time.Millisecond // between publishes, because a lane sends one copy at a time
	shortOutage = 20 * time.Second      // however little time there is
	longOutage  = time.Minute           // however much time there is
	drainWithin = 2 * longOutage        // a call may take a minute until it counts as unanswered
	fewMore     = 10                    // goroutines of connections that are kept for later use
	quietWithin = 30 * time.Second      // until those of the outage have ended
	halving     = 5 * time.Second       // between the moments at which all connections become half-open
)

// impaired returns a fault that makes the pipe to the other MESH bad; nil means
// that connections become half-open.
func impaired(w *impairment) func(*run) (row, error) {
	return func(r *run) (row, error) {
		return r.impaired(func(p *pipe) {
			if w == nil {
				p.halve()
			} else {
				p.impairment.Store(w)
			}
		})
	}
}

// impaired makes the pipe to the other MESH bad for a while, under load, and waits
// until the backlog is delivered.
func (r *run) impaired(worsen func(*pipe)) (line row, err error) {
	dep, err := r.newDeployment(filepath.Join(r.folder, fmt.Sprintf("impaired%d", r.random())))
	if err != nil {
		return line, err
	}
	defer dep.end()
	p, err := dep.lay()
	if err != nil {
		return line, err
	}
	defer p.close()
	dep.ledger.begin("impaired", append([]string{leeds, national}, dep.far()...)...)
	if err := dep.stream(3*time.Second, func() {}); err != nil { // connections that are used again
		return line, err
	}
	if _, err := dep.through(); err != nil {
		return line, err
	}
	before, err := dep.goroutines(0)
	if err != nil {
		return line, err
	}
	outage := min(max(r.each, shortOutage), longOutage)
	var most float64
	after := before
	for began := time.Now(); line.Rounds == 0 || time.Since(began)+outage < r.each; line.Rounds++ {
		waiting, late, err := dep.outage(p, worsen, outage)
		if err != nil {
			return line, err
		}
		most, line.Slowest = max(most, waiting), max(line.Slowest, late)
		n, err := dep.goroutines(before + fewMore)
		if after = max(after, n); err != nil {
			return line, err
		}
	}
	if most == 0 {
		return line, errHarmless
	}
	line.Note = fmt.Sprintf("up to %.0f copies waited after %s, through %.1f times as long after it; goroutines before %d, after %d at most",
		most, outage, line.Slowest.Seconds()/outage.Seconds(), before, after)
	return dep.finish(line)
}

// outage makes the pipe bad for a while. It returns how many copies waited at the
// end, and how long it took to deliver them.
func (dep *deployment) outage(p *pipe, worsen func(*pipe), span time.Duration) (waiting float64, late time.Duration, err error) {
	next := time.Now()
	if err := dep.stream(span, func() {
		if time.Now().After(next) {
			worsen(p)
			next = time.Now().Add(halving)
		}
	}); err != nil {
		return 0, 0, err
	}
	if waiting, err = dep.here.metric("nems_courier_backlog"); err != nil {
		return waiting, 0, err
	}
	p.impairment.Store(&impairment{})
	late, err = dep.through()
	return waiting, late, err
}

// lay puts a pipe between the deployment and its MESH, with mailboxes beyond it.
func (dep *deployment) lay() (*pipe, error) {
	p, err := newPipe(strings.TrimPrefix(dep.line.url, "http://"))
	if err != nil {
		return nil, err
	}
	err = dep.reroute(p.url)
	for range farBoxes {
		if err == nil {
			_, err = dep.openBox()
		}
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// far returns the mailboxes of the rounds so far.
func (dep *deployment) far() (boxes []string) {
	for n := range dep.rounds {
		boxes = append(boxes, fmt.Sprintf("RR8T%d", n+1))
	}
	return boxes
}

// stream publishes at a pace that the lanes can follow.
func (dep *deployment) stream(span time.Duration, meanwhile func()) error {
	for began := time.Now(); time.Since(began) < span; dep.wait(farPause) {
		meanwhile()
		if dep.publish(dep.good) != accepted {
			return errors.New("a publish is not accepted while another MESH is away")
		}
	}
	return nil
}

// through waits until nothing is on its way to the other MESH, and returns how
// long that took.
func (dep *deployment) through() (time.Duration, error) {
	for began := time.Now(); ; dep.wait(20 * time.Millisecond) {
		waiting, err := dep.here.metric("nems_courier_backlog")
		switch {
		case err != nil:
			return 0, err
		case waiting == 0:
			return time.Since(began), nil
		case time.Since(began) > drainWithin:
			return 0, fmt.Errorf("%d copies still wait %s after the line works again", int(waiting), drainWithin)
		}
	}
}

// goroutines returns how many goroutines the process has when nobody calls it.
// It waits until there are no more than most, unless that is 0.
func (dep *deployment) goroutines(most int) (int, error) {
	for began := time.Now(); ; dep.wait(200 * time.Millisecond) {
		dep.here.http.CloseIdleConnections()
		n, err := dep.here.metric("go_goroutines")
		switch {
		case err != nil, most == 0, int(n) <= most:
			return int(n), err
		case time.Since(began) > quietWithin:
			return int(n), fmt.Errorf("goroutines have grown to %d, more than %d", int(n), most)
		}
	}
}

// metric returns the sum of a metric of the process.
func (p *process) metric(name string) (sum float64, err error) {
	answer, err := p.http.Get(p.url + "/metrics")
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, errors.New("metrics: " + answer.Status)
	}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		rest, ours := strings.CutPrefix(lines.Text(), name)
		if !ours || rest == "" || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		n, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, lines.Err()
}

// desk returns a client of the operators' API.
func (p *process) desk() (*operator.Client, error) {
	access, err := operator.ReadAccess(p.data)
	return &operator.Client{Access: access, User: "torture", HTTP: p.http}, err
}
