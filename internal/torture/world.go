package main

import (
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
	here, there *process
	line        *line
	ledger      *ledger
	good, bad   []byte // a message that is accepted, one that is refused
	rounds      int
	remote      string   // the mailbox of this round at the other MESH
	wide        []string // further mailboxes of its own
	poisoned    []string // subscriptions whose mailbox does not exist
	slowest     time.Duration
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

// newWorld boots a world in a folder.
func (r *run) newWorld(folder string) (w *world, err error) {
	w = &world{r: r, ledger: newLedger()}
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
	if w.here, err = newProcess(r.binary, filepath.Join(folder, "data"),
		"--mesh-remote-url", w.line.url, "--mesh-remote-shared-key", devworld.SharedKey, "--mesh-remote-password", devworld.Password); err != nil {
		return w, err
	}
	if err := w.here.start(); err != nil {
		return w, err
	}
	if _, err := w.subscribe(aboutJack, leeds); err != nil {
		return w, err
	}
	_, err = w.subscribe(england, national)
	return w, err
}

// end ends all that the world started.
func (w *world) end() {
	for _, p := range []*process{w.here, w.there} {
		if p != nil {
			p.kill()
		}
	}
	if w.line != nil {
		w.line.close()
	}
}

func (w *world) subscribe(criteria, box string) (string, error) {
	c := client.Client{URL: w.here.url, ASID: "200000000115", ODS: "RR8", NEMS: string(devworld.NEMS), HTTP: w.here.http}
	if box == national {
		c.ASID, c.ODS = "200000000116", "X26"
	}
	return c.Subscribe(context.Background(), client.Subscription{Criteria: criteria, Mailbox: box, Reason: "Torture"})
}

func (w *world) unsubscribe(id string) error {
	c := client.Client{URL: w.here.url, ASID: "200000000115", ODS: "RR8", NEMS: string(devworld.NEMS), HTTP: w.here.http}
	return c.Unsubscribe(context.Background(), id)
}

// openRound gives the round a mailbox of its own at the other MESH: the lane
// of an earlier one may still be claimed by a process that was killed.
func (w *world) openRound() (subscription string, err error) {
	if w.r.hosted {
		return "", nil
	}
	w.remote = fmt.Sprintf("RR8T%d", w.rounds)
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
		err = w.recover(recoverWithin)
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
func (w *world) restart() error {
	w.healed = time.Now()
	return w.here.start()
}

// recoverWithin is how long a process may take after healing.
const recoverWithin = 10 * time.Second

// recover waits until publishes are accepted again.
func (w *world) recover(within time.Duration) error {
	began := w.healed
	if began.IsZero() {
		began = time.Now()
	}
	w.healed = time.Time{}
	for {
		if w.publish(w.good) == accepted {
			w.slowest = max(w.slowest, time.Since(began))
			return nil
		}
		if time.Since(began) > within {
			return fmt.Errorf("nothing is accepted %s after healing", within)
		}
		w.wait(20 * time.Millisecond)
	}
}

// wait lets time pass under load.
func (w *world) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}
