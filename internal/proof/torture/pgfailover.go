//go:build linux

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// failoverWithin is how long nothing may be accepted after a primary was killed.
const failoverWithin = 30 * time.Second

// failedOver repeatedly kills the primary under load, promotes the standby and
// makes the old primary its standby. Every fourth time the old one first returns
// as a primary: next to the new one, or while the new one is halted.
func failedOver(r *run) (line row, err error) {
	dep, err := r.newClusterWorld("failover")
	if err != nil {
		return line, err
	}
	defer dep.end()
	var outages []time.Duration
	returns := 0
	for began := time.Now(); line.Rounds < 2 || time.Since(began) < r.each; line.Rounds++ {
		dep.wait(300*time.Millisecond + time.Duration(r.random()%700)*time.Millisecond)
		outage, err := dep.failOver(func() error { dep.base.primary.Kill(); return nil })
		if err == nil && line.Rounds%4 < 2 {
			returns++
			err = dep.oldReturns(line.Rounds%4 == 1)
		}
		if err == nil {
			err = dep.base.follow()
		}
		if err != nil {
			dep.endLoad()
			return line, err
		}
		outages = append(outages, outage)
	}
	dep.endLoad()
	slices.Sort(outages)
	line.Note = fmt.Sprintf("%d failovers, nothing accepted for p50 %s, p99 %s, at most %s; the old primary came back %d times, and got no write",
		len(outages), round(outages[len(outages)/2]), round(outages[len(outages)*99/100]), round(outages[len(outages)-1]), returns)
	line.Slowest = outages[len(outages)-1]
	return dep.finish(line)
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// newClusterWorld boots nodes with a primary and its standby, under load.
func (r *run) newClusterWorld(name string) (*deployment, error) {
	b, err := newCluster()
	if err != nil {
		return nil, err
	}
	dep, err := r.newDeploymentOn(filepath.Join(r.folder, name), b)
	if err != nil {
		return nil, err
	}
	dep.ledger.begin(name, leeds, national)
	dep.startLoad()
	return dep, nil
}

// failOver ends the primary, promotes the standby at once, and returns how long
// nothing was accepted. In practice, the time until the failure is noticed is
// added.
func (dep *deployment) failOver(end func() error) (time.Duration, error) {
	since := time.Now()
	if err := end(); err != nil {
		return 0, err
	}
	dep.gap.begin(since)
	dep.base.primary, dep.base.standby = dep.base.standby, dep.base.primary
	if err := errors.Join(dep.base.primary.Promote(), dep.base.primary.Synchronous(false)); err != nil {
		return 0, err
	}
	return dep.gapLength(failoverWithin)
}

// oldReturns starts the old primary as if nothing had happened; it waits for no
// standby. Anything that it confirmed now would be lost. When it runs alone it
// gets all attempts; next to the new one, all connections must find the new
// one.
func (dep *deployment) oldReturns(alone bool) error {
	old := dep.base.standby
	if alone {
		dep.base.primary.Halt()
		defer dep.base.primary.Resume()
	}
	if err := old.Start("synchronous_standby_names="); err != nil {
		return err
	}
	defer old.Kill()
	before, err := ask(old, database, "SELECT count(*) FROM event")
	if err != nil {
		return err
	}
	if !alone {
		_, err = ask(dep.base.primary, database, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'nems'")
		dep.gap.begin(time.Now())
		if err == nil {
			_, err = dep.gapLength(recoverWithin)
		}
		if err == nil { // a node that has just started, and knows nothing, must not use the old one either
			p := dep.anyNode()
			p.kill()
			err = errors.Join(dep.revive(p), dep.recover(recoverWithin))
		}
		if err != nil {
			return fmt.Errorf("beside the old primary: %w", err)
		}
	}
	dep.wait(time.Second)
	after, err := ask(old, database, "SELECT count(*) FROM event")
	if err == nil && after != before {
		err = fmt.Errorf("the old primary took writes: %s events, then %s", before, after)
	}
	return err
}

// waitsCancelled cancels commits that wait for a stopped standby, and then
// loses the primary. If a node answered 202 because of a cancelled wait, that
// event is lost.
func waitsCancelled(r *run) (line row, err error) {
	dep, err := r.newClusterWorld("cancelled")
	if err != nil {
		return line, err
	}
	defer dep.end()
	cancelled := 0
	for began := time.Now(); line.Rounds < 1 || time.Since(began) < r.each; line.Rounds++ {
		dep.wait(500 * time.Millisecond)
		n, err := dep.cancelWaits()
		cancelled += n
		if err == nil {
			err = dep.base.follow()
		}
		if err != nil {
			dep.endLoad()
			return line, err
		}
	}
	dep.endLoad()
	if cancelled == 0 {
		return line, errHarmless
	}
	line.Note = fmt.Sprintf("%d waits for the standby cancelled", cancelled)
	return dep.finish(line)
}

// cancelWaits is one round of waitsCancelled, up to the new primary.
func (dep *deployment) cancelWaits() (cancelled int, err error) {
	dep.base.standby.Halt()
	for until := time.Now().Add(2 * time.Second); time.Now().Before(until) && err == nil; dep.wait(10 * time.Millisecond) {
		var text string
		var n int
		if text, err = ask(dep.base.primary, "postgres", "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"); err == nil {
			n, err = strconv.Atoi(text)
			cancelled += n
		}
	}
	if err != nil {
		dep.base.standby.Resume()
		return cancelled, err
	}
	_, err = dep.failOver(func() error {
		dep.base.primary.Kill()
		dep.base.standby.Kill() // with what it had received and not stored
		return dep.base.standby.Start()
	})
	return cancelled, err
}
