//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"nems/internal/operator"
	"nems/internal/store"
)

// The number of failing copies, and how often they may be tried.
const (
	poisoned      = 25 // mailboxes that are refused permanently, and as many that fail temporarily
	doses         = 2  // copies for each
	mostTries     = 20 // for one that fails temporarily
	parkedWithin  = 3 * time.Minute
	longestPause  = 11 * time.Minute // a little more than between two attempts
	beforeNextTry = 200 * time.Millisecond
)

// picky is a MESH that fails for copies to some mailboxes, and counts how often
// each copy was sent.
type picky struct {
	server *httptest.Server
	mesh   *httputil.ReverseProxy
	ill    map[string]bool // mailboxes whose copies fail temporarily
	well   atomic.Bool     // they no longer fail

	mu    sync.Mutex
	tries map[string]int // by local id
}

func newPicky(to string, ill []string) (*picky, error) {
	target, err := url.Parse(to)
	if err != nil {
		return nil, err
	}
	p := &picky{mesh: httputil.NewSingleHostReverseProxy(target), ill: map[string]bool{}, tries: map[string]int{}}
	for _, box := range ill {
		p.ill[box] = true
	}
	p.server = httptest.NewServer(p)
	return p, nil
}

// ServeHTTP passes calls on, and answers 500 to copies for ill mailboxes.
func (p *picky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/outbox") {
		p.mu.Lock()
		p.tries[r.Header.Get("Mex-LocalID")]++
		p.mu.Unlock()
		if p.ill[r.Header.Get("Mex-To")] && !p.well.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
	}
	p.mesh.ServeHTTP(w, r)
}

// poisonCopies makes copies be refused permanently or fail temporarily, for as
// long as necessary by a clock that runs fast. All of them must end parked, and no
// other copy may be missing. Parked copies that no longer fail must arrive when an
// operator retries them.
func poisonCopies(r *run) (line row, err error) {
	dep, c, err := r.newClockedDeployment("poison")
	if err != nil {
		return line, err
	}
	defer dep.end()
	ill, unknown, err := dep.brew()
	if err != nil {
		return line, err
	}
	mesh, err := newPicky(dep.line.url, ill)
	if err != nil {
		return line, err
	}
	defer mesh.server.Close()
	if err := dep.reroute(mesh.server.URL); err != nil {
		return line, err
	}
	if _, err := dep.openBox(); err != nil { // of a healthy mailbox
		return line, err
	}
	dep.ledger.begin("poison", append(dep.far(), leeds, national)...)
	for range doses {
		if v := dep.publish(dep.good); v != accepted {
			return line, fmt.Errorf("a publish is not accepted: verdict %d", v)
		}
	}
	began := time.Now()
	parked, err := dep.allParked(c, len(ill)+len(unknown))
	line.Rounds, line.Slowest = doses, time.Since(began)
	if err != nil {
		return line, err
	}
	if line.Note, err = mesh.judge(parked, c); err != nil {
		return line, err
	}
	mesh.well.Store(true)
	if err := dep.retry(ill, parked); err != nil {
		return line, err
	}
	dep.unclocked(r)
	return dep.finish(line)
}

// brew makes the mailboxes of the failing copies. Those that fail temporarily
// exist at the other MESH, and get their copies at the end.
func (dep *deployment) brew() (ill, unknown []string, err error) {
	for n := range poisoned {
		if _, err := dep.openBox(); err != nil {
			return nil, nil, err
		}
		box := fmt.Sprintf("RR8NONE%d", n)
		if err := dep.here.putMailboxes(operator.Mailbox{ID: box, ODS: "RR8", Remote: true}); err != nil {
			return nil, nil, err
		}
		if _, err := dep.subscribe(aboutJack, box); err != nil {
			return nil, nil, err
		}
		unknown = append(unknown, box)
	}
	return dep.far(), unknown, nil
}

// openBox opens a mailbox at the other MESH that is collected from at the end.
func (dep *deployment) openBox() (subscription string, err error) {
	dep.rounds++
	return dep.openRound()
}

// reroute restarts the process with another address of its MESH.
func (dep *deployment) reroute(to string) error {
	for i, flag := range dep.here.flags {
		if flag == "--mesh-remote-url" {
			dep.here.flags[i+1] = to
		}
	}
	if err := dep.here.stop(); err != nil {
		return err
	}
	return dep.here.start()
}

// allParked lets the clocks run until all failing copies are parked. The clocks
// of both sides run, because otherwise tokens would be refused.
func (dep *deployment) allParked(c clocks, boxes int) (parked []operator.Delivery, err error) {
	var off time.Duration
	for began := time.Now(); time.Since(began) < parkedWithin; dep.wait(beforeNextTry) {
		if parked, err = dep.deliveries(operator.DeliveryFilter{State: store.Parked}); err != nil || len(parked) == boxes*doses {
			return parked, err
		}
		off += longestPause
		c.pass(off)
	}
	return parked, fmt.Errorf("%d copies are parked after %s; expected %d", len(parked), parkedWithin, boxes*doses)
}

func (dep *deployment) deliveries(f operator.DeliveryFilter) (all []operator.Delivery, err error) {
	desk, err := dep.here.desk()
	if err != nil {
		return nil, err
	}
	for d, err := range operator.Each(context.Background(), desk, operator.FindDeliveries, operator.Matching(f)) {
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// judge counts how often parked copies were sent, as the MESH saw it and as the
// process says.
func (p *picky) judge(parked []operator.Delivery, c clocks) (note string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	permanent, most, least := 0, 0, mostTries+1
	for _, d := range parked {
		n := p.tries[d.ID]
		switch {
		case n != d.Attempts:
			return "", fmt.Errorf("the MESH saw %d attempts of a copy, the process says %d", n, d.Attempts)
		case p.ill[d.Mailbox] && n > mostTries, !p.ill[d.Mailbox] && n != 1:
			return "", fmt.Errorf("%d attempts of a copy with %s", n, d.Error)
		case p.ill[d.Mailbox]:
			most, least = max(most, n), min(least, n)
		default:
			permanent++
		}
	}
	return fmt.Sprintf("%d refused for good, one attempt each; %d failing for now, %d to %d attempts each; all parked by %s on the clock",
		permanent, len(parked)-permanent, least, most, time.Duration(c.here.passed.Load())), nil
}

// retry has parked copies for mailboxes sent again.
func (dep *deployment) retry(boxes []string, parked []operator.Delivery) error {
	var ids []string
	for _, d := range parked {
		for _, box := range boxes {
			if d.Mailbox == box {
				ids = append(ids, d.ID)
			}
		}
	}
	desk, err := dep.here.desk()
	if err != nil {
		return err
	}
	moved, err := operator.MoveDeliveries.Do(context.Background(), desk, operator.Moving{Move: operator.Retry, IDs: ids})
	if err == nil && moved.Moved != len(ids) {
		err = fmt.Errorf("%d of %d parked copies can be retried", moved.Moved, len(ids))
	}
	return err
}
