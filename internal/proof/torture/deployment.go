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

// deployment is a NEMS under torture with two mailboxes of its own, and another
// NEMS on a bad line, which is its MESH.
type deployment struct {
	r           *run
	nodes       []*process // equal nodes; only one, unless they share a database
	here, there *process   // the first node; the other MESH
	base        *base      // what the nodes share; nil if the single node has its own database
	gap         gap
	line        *line
	ledger      *ledger
	good, bad   []byte // a message that is accepted, one that is refused
	rounds      int
	remote      string       // the mailbox of this round at the other MESH
	wide        []string     // further mailboxes of its own
	also        func() error // collects what is in no mailbox; nil for nothing
	poisoned    []string     // subscriptions whose mailbox does not exist
	slowest     time.Duration
	note        string    // about the present fault, for the table
	healed      time.Time // when healing began; zero means just now

	load     sync.WaitGroup
	stopLoad chan struct{}
}

const (
	leeds, national = "MAILBOX1234", "X26ABC1"
	event           = "&MessageHeader.event=vaccinations-1"
	aboutJack       = "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9912003888" + event
	england         = "/Bundle?type=message&subscriptionRuleType=COUNTRYCODE&Organization.identifier=E92000001" + event
)

// newDeployment boots a deployment in a folder, or in a folder and a database.
func (r *run) newDeployment(folder string) (*deployment, error) {
	if r.store != onPostgres {
		return r.newDeploymentOn(folder, nil)
	}
	b, err := newBase()
	if err != nil {
		return nil, err
	}
	return r.newDeploymentOn(folder, b)
}

// newDeploymentOn boots a deployment whose nodes share a database.
func (r *run) newDeploymentOn(folder string, b *base) (dep *deployment, err error) {
	dep = &deployment{r: r, base: b}
	defer func() {
		if err != nil {
			dep.end()
		}
	}()
	if dep.good, err = example.Message("vaccinations-1", "new", example.Patient{}); err != nil {
		return dep, err
	}
	if dep.bad, err = example.Message("vaccinations-1", "new", example.Patient{NHSNumber: "9990000018", Family: "NOBODY"}); err != nil {
		return dep, err
	}
	dep.ledger = newLedger(dep.bad)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return dep, err
	}
	if dep.there, err = newProcess(r.binary, filepath.Join(r.folder, filepath.Base(folder)+"-mesh")); err != nil {
		return dep, err
	}
	if err := dep.there.start(); err != nil {
		return dep, err
	}
	if dep.line, err = newLine(dep.there.url); err != nil {
		return dep, err
	}
	for n := range b.nodes() {
		if err := dep.addNode(filepath.Join(folder, []string{"data", "data2"}[n])); err != nil {
			return dep, err
		}
	}
	if _, err := dep.subscribe(aboutJack, leeds); err != nil {
		return dep, err
	}
	_, err = dep.subscribe(england, national)
	return dep, err
}

// addNode starts one more node.
func (dep *deployment) addNode(data string) error {
	p, err := newProcess(dep.r.binary, data,
		"--mesh-remote-url", dep.line.url, "--mesh-remote-shared-key", devworld.SharedKey, "--mesh-remote-password", devworld.Password)
	if err != nil {
		return err
	}
	if dep.base != nil {
		p.level = "warn"
		if p.database, err = dep.base.address(); err != nil {
			return err
		}
	}
	dep.nodes = append(dep.nodes, p)
	dep.here = dep.nodes[0]
	return p.start()
}

// end ends everything that the deployment started.
func (dep *deployment) end() {
	for _, p := range append(dep.nodes, dep.there) {
		if p != nil {
			p.kill()
		}
	}
	dep.base.close()
	if dep.line != nil {
		dep.line.close()
	}
}

func (dep *deployment) subscribe(criteria, box string) (string, error) {
	c := client.Client{URL: dep.here.url, ASID: "200000000115", ODS: "RR8", NEMS: string(devworld.NEMS), HTTP: dep.here.http, Now: dep.here.now}
	if box == national {
		c.ASID, c.ODS = "200000000116", "X26"
	}
	created, err := c.Subscribe(context.Background(), client.Subscription{Criteria: criteria, Mailbox: box, Reason: "Torture"})
	if err != nil {
		return "", err
	}
	return created.ID, nil
}

func (dep *deployment) unsubscribe(id string) error {
	c := client.Client{URL: dep.here.url, ASID: "200000000115", ODS: "RR8", NEMS: string(devworld.NEMS), HTTP: dep.here.http, Now: dep.here.now}
	return c.Unsubscribe(context.Background(), id)
}

// openRound gives the round a mailbox of its own at the other MESH, because the
// lane of an earlier one may still be claimed by a process that was killed.
func (dep *deployment) openRound() (subscription string, err error) {
	if dep.r.hosted {
		return "", nil
	}
	dep.remote = remoteBox(dep.rounds)
	if err := dep.there.putMailboxes(operator.Mailbox{ID: dep.remote, ODS: "RR8", Password: devworld.Password}); err != nil {
		return "", err
	}
	if err := dep.here.putMailboxes(operator.Mailbox{ID: dep.remote, ODS: "RR8", Remote: true}); err != nil {
		return "", err
	}
	return dep.subscribe(aboutJack, dep.remote)
}

// round injects a fault once, under load, and measures the recovery.
func (dep *deployment) round(f fault) error {
	dep.rounds++
	id, err := dep.openRound()
	if err != nil {
		return fmt.Errorf("preparing a round: %w", err)
	}
	dep.ledger.begin(f.name, dep.near()...)
	dep.startLoad()
	err = f.round(dep)
	if err == nil {
		err = dep.recover(cmp.Or(f.within, recoverWithin))
	}
	dep.endLoad()
	for _, poisoned := range dep.poisoned {
		err = errors.Join(err, dep.unsubscribe(poisoned))
	}
	dep.poisoned = nil
	if id != "" {
		err = errors.Join(err, dep.unsubscribe(id))
	}
	return err
}

// restart starts the process that died. The recovery is measured from here.
func (dep *deployment) restart() error { return dep.revive(dep.here) }

// revive starts a node that died.
func (dep *deployment) revive(p *process) error {
	dep.healed = time.Now()
	return p.start()
}

// recoverWithin is how long the recovery of a process may take.
const recoverWithin = 10 * time.Second

// recover waits until every node accepts publishes again.
func (dep *deployment) recover(within time.Duration) error {
	began := dep.healed
	if began.IsZero() {
		began = time.Now()
	}
	dep.healed = time.Time{}
	for n, p := range dep.nodes {
		for dep.publishAt(p, dep.good) != accepted {
			if time.Since(began) > within {
				return fmt.Errorf("node %d accepts nothing %s after healing", n+1, within)
			}
			dep.wait(20 * time.Millisecond)
		}
	}
	dep.slowest = max(dep.slowest, time.Since(began))
	return nil
}

// wait lets time pass under load.
func (dep *deployment) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}
