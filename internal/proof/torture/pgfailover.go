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

// failedOver kills the primary under load, promotes the standby and makes the
// old one its standby, again and again. Every fourth time the old one comes back
// as a primary before: beside the new one, or while that one is halted.
func failedOver(r *run) (line row, err error) {
	w, err := r.newClusterWorld("failover")
	if err != nil {
		return line, err
	}
	defer w.end()
	var outages []time.Duration
	returns := 0
	for began := time.Now(); line.Rounds < 2 || time.Since(began) < r.each; line.Rounds++ {
		w.wait(300*time.Millisecond + time.Duration(r.random()%700)*time.Millisecond)
		outage, err := w.failOver(func() error { w.base.primary.Kill(); return nil })
		if err == nil && line.Rounds%4 < 2 {
			returns++
			err = w.oldReturns(line.Rounds%4 == 1)
		}
		if err == nil {
			err = w.base.follow()
		}
		if err != nil {
			w.endLoad()
			return line, err
		}
		outages = append(outages, outage)
	}
	w.endLoad()
	slices.Sort(outages)
	line.Note = fmt.Sprintf("%d failovers, nothing accepted for p50 %s, p99 %s, at most %s; the old primary came back %d times, and got no write",
		len(outages), round(outages[len(outages)/2]), round(outages[len(outages)*99/100]), round(outages[len(outages)-1]), returns)
	line.Slowest = outages[len(outages)-1]
	return w.finish(line)
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// newClusterWorld boots nodes over a primary and its standby, under load.
func (r *run) newClusterWorld(name string) (*world, error) {
	b, err := newCluster()
	if err != nil {
		return nil, err
	}
	w, err := r.newWorldOn(filepath.Join(r.folder, name), b)
	if err != nil {
		return nil, err
	}
	w.ledger.begin(name, leeds, national)
	w.startLoad()
	return w, nil
}

// failOver ends the primary and promotes the standby at once, and returns how
// long nothing was accepted. Who watches servers takes some time to notice; that
// comes on top.
func (w *world) failOver(end func() error) (time.Duration, error) {
	since := time.Now()
	if err := end(); err != nil {
		return 0, err
	}
	w.gap.begin(since)
	w.base.primary, w.base.standby = w.base.standby, w.base.primary
	if err := errors.Join(w.base.primary.Promote(), w.base.primary.Synchronous(false)); err != nil {
		return 0, err
	}
	return w.gapLength(failoverWithin)
}

// oldReturns starts the old primary as if nothing had happened; it waits for no
// standby. Whatever it confirmed now would be lost. Alone it gets all attempts;
// beside the new one, all connections have to find that one.
func (w *world) oldReturns(alone bool) error {
	old := w.base.standby
	if alone {
		w.base.primary.Halt()
		defer w.base.primary.Resume()
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
		_, err = ask(w.base.primary, database, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'nems'")
		w.gap.begin(time.Now())
		if err == nil {
			_, err = w.gapLength(recoverWithin)
		}
		if err == nil { // nor may one that has just started, and knows nothing, take the old one
			p := w.anyNode()
			p.kill()
			err = errors.Join(w.revive(p), w.recover(recoverWithin))
		}
		if err != nil {
			return fmt.Errorf("beside the old primary: %w", err)
		}
	}
	w.wait(time.Second)
	after, err := ask(old, database, "SELECT count(*) FROM event")
	if err == nil && after != before {
		err = fmt.Errorf("the old primary took writes: %s events, then %s", before, after)
	}
	return err
}

// waitsCancelled cancels commits that wait for a standby which has stopped, and
// then loses the primary: what was answered 202 on the ground of a cancelled
// wait is gone.
func waitsCancelled(r *run) (line row, err error) {
	w, err := r.newClusterWorld("cancelled")
	if err != nil {
		return line, err
	}
	defer w.end()
	cancelled := 0
	for began := time.Now(); line.Rounds < 1 || time.Since(began) < r.each; line.Rounds++ {
		w.wait(500 * time.Millisecond)
		n, err := w.cancelWaits()
		cancelled += n
		if err == nil {
			err = w.base.follow()
		}
		if err != nil {
			w.endLoad()
			return line, err
		}
	}
	w.endLoad()
	if cancelled == 0 {
		return line, errHarmless
	}
	line.Note = fmt.Sprintf("%d waits for the standby cancelled", cancelled)
	return w.finish(line)
}

// cancelWaits is one round of waitsCancelled, up to the new primary.
func (w *world) cancelWaits() (cancelled int, err error) {
	w.base.standby.Halt()
	for until := time.Now().Add(2 * time.Second); time.Now().Before(until) && err == nil; w.wait(10 * time.Millisecond) {
		var text string
		var n int
		if text, err = ask(w.base.primary, "postgres", "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"); err == nil {
			n, err = strconv.Atoi(text)
			cancelled += n
		}
	}
	if err != nil {
		w.base.standby.Resume()
		return cancelled, err
	}
	_, err = w.failOver(func() error {
		w.base.primary.Kill()
		w.base.standby.Kill() // with what it had received and not stored
		return w.base.standby.Start()
	})
	return cancelled, err
}
