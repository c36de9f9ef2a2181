//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"nems/client"
	"nems/internal/catalogue/example"
	"nems/internal/directory/devworld"
	"nems/internal/operator"
)

// world is a NEMS under torture with two mailboxes of its own, and another one
// behind a bad line that is its MESH.
type world struct {
	r           *run
	nodes       []*process // equal; one, unless they share a database
	here, there *process   // the first node; the other MESH
	base        *base      // what the nodes share; nil: here has its own
	gap         gap
	line        *line
	ledger      *ledger
	good, bad   []byte // a message that is accepted, one that is refused
	rounds      int
	remote      string   // the mailbox of this round at the other MESH
	wide        []string // further mailboxes of its own
	poisoned    []string // subscriptions whose mailbox does not exist
	slowest     time.Duration
	note        string    // on the fault of the moment, for the table
	healed      time.Time // when healing began; the zero time: just now

	load     sync.WaitGroup
	stopLoad chan struct{}
}

const (
	leeds, national = "MAILBOX1234", "X26ABC1"
	event           = "&MessageHeader.event=vaccinations-1"
	aboutJack       = "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9912003888" + event
	england         = "/Bundle?type=message&subscriptionRuleType=COUNTRYCODE&Organization.identifier=E92000001" + event
)

// newWorld boots a world in a folder, or in one and a database.
func (r *run) newWorld(folder string) (*world, error) {
	if r.store != onPostgres {
		return r.newWorldOn(folder, nil)
	}
	b, err := newBase()
	if err != nil {
		return nil, err
	}
	return r.newWorldOn(folder, b)
}

// newWorldOn boots a world whose nodes share a database.
func (r *run) newWorldOn(folder string, b *base) (w *world, err error) {
	w = &world{r: r, base: b}
	defer func() {
		if err != nil {
			w.end()
		}
	}()
	if w.good, err = example.Message("vaccinations-1", "new", example.Patient{}); err != nil {
		return w, err
	}
	if w.bad, err = example.Message("vaccinations-1", "new", example.Patient{NHSNumber: "9990000018", Family: "NOBODY"}); err != nil {
		return w, err
	}
	w.ledger = newLedger(w.bad)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return w, err
	}
	if w.there, err = newProcess(r.binary, filepath.Join(r.folder, filepath.Base(folder)+"-mesh")); err != nil {
		return w, err
	}
	if err := w.there.start(); err != nil {
		return w, err
	}
	if w.line, err = newLine(w.there.url); err != nil {
		return w, err
	}
	for n := range b.nodes() {
		if err := w.addNode(filepath.Join(folder, []string{"data", "data2"}[n])); err != nil {
			return w, err
		}
	}
	if _, err := w.subscribe(aboutJack, leeds); err != nil {
		return w, err
	}
	_, err = w.subscribe(england, national)
	return w, err
}

// addNode starts one more node.
func (w *world) addNode(data string) error {
	p, err := newProcess(w.r.binary, data,
		"--mesh-remote-url", w.line.url, "--mesh-remote-shared-key", devworld.SharedKey, "--mesh-remote-password", devworld.Password)
	if err != nil {
		return err
	}
	if w.base != nil {
		p.level = "warn"
		if p.database, err = w.base.address(); err != nil {
			return err
		}
	}
	w.nodes = append(w.nodes, p)
	w.here = w.nodes[0]
	return p.start()
}

// end ends all that the world started.
func (w *world) end() {
	for _, p := range append(w.nodes, w.there) {
		if p != nil {
			p.kill()
		}
	}
	w.base.close()
	if w.line != nil {
		w.line.close()
	}
}

func (w *world) subscribe(criteria, box string) (string, error) {
	c := client.Client{URL: w.here.url, ASID: "200000000115", ODS: "RR8", NEMS: string(devworld.NEMS), HTTP: w.here.http, Now: w.here.now}
	if box == national {
		c.ASID, c.ODS = "200000000116", "X26"
	}
	created, err := c.Subscribe(context.Background(), client.Subscription{Criteria: criteria, Mailbox: box, Reason: "Torture"})
	if err != nil {
		return "", err
	}
	return created.ID, nil
}

func (w *world) unsubscribe(id string) error {
	c := client.Client{URL: w.here.url, ASID: "200000000115", ODS: "RR8", NEMS: string(devworld.NEMS), HTTP: w.here.http, Now: w.here.now}
	return c.Unsubscribe(context.Background(), id)
}

// openRound gives the round a mailbox of its own at the other MESH: the lane
// of an earlier one may still be claimed by a process that was killed.
func (w *world) openRound() (subscription string, err error) {
	if w.r.hosted {
		return "", nil
	}
	w.remote = remoteBox(w.rounds)
	if err := w.there.putMailboxes(operator.Mailbox{ID: w.remote, ODS: "RR8", Password: devworld.Password}); err != nil {
		return "", err
	}
	if err := w.here.putMailboxes(operator.Mailbox{ID: w.remote, ODS: "RR8", Remote: true}); err != nil {
		return "", err
	}
	return w.subscribe(aboutJack, w.remote)
}

// round injects a fault once, under load, and measures the recovery.
func (w *world) round(f fault) error {
	w.rounds++
	id, err := w.openRound()
	if err != nil {
		return fmt.Errorf("preparing a round: %w", err)
	}
	w.ledger.begin(f.name, w.near()...)
	w.startLoad()
	err = f.round(w)
	if err == nil {
		err = w.recover(cmp.Or(f.within, recoverWithin))
	}
	w.endLoad()
	for _, poisoned := range w.poisoned {
		err = errors.Join(err, w.unsubscribe(poisoned))
	}
	w.poisoned = nil
	if id != "" {
		err = errors.Join(err, w.unsubscribe(id))
	}
	return err
}

// restart starts the process that died: the recovery counts from here.
func (w *world) restart() error { return w.revive(w.here) }

// revive starts a node that died.
func (w *world) revive(p *process) error {
	w.healed = time.Now()
	return p.start()
}

// recoverWithin is how long a process may take after healing.
const recoverWithin = 10 * time.Second

// recover waits until every node accepts publishes again.
func (w *world) recover(within time.Duration) error {
	began := w.healed
	if began.IsZero() {
		began = time.Now()
	}
	w.healed = time.Time{}
	for n, p := range w.nodes {
		for w.publishAt(p, w.good) != accepted {
			if time.Since(began) > within {
				return fmt.Errorf("node %d accepts nothing %s after healing", n+1, within)
			}
			w.wait(20 * time.Millisecond)
		}
	}
	w.slowest = max(w.slowest, time.Since(began))
	return nil
}

// wait lets time pass under load.
func (w *world) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}
