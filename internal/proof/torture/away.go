//go:build linux

package main

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"nems/internal/operator"
	"nems/internal/store"
)

const (
	awayFor   = 6 * 24 * time.Hour // on the clock
	awayStep  = 2 * time.Hour      // of the clock
	awayPause = 250 * time.Millisecond
)

// meshAway makes the other MESH unreachable for six days of a clock that runs
// fast. Nothing may be parked or dropped meanwhile, and everything must arrive
// afterwards. How often it is tried is visible only in the simulator: after
// failures the courier pauses by the machine's own clock.
func meshAway(r *run) (line row, err error) {
	dep, c, err := r.newClockedDeployment("away")
	if err != nil {
		return line, err
	}
	defer dep.end()
	for range farBoxes {
		if _, err := dep.openBox(); err != nil {
			return line, err
		}
	}
	dep.ledger.begin("away", append(dep.far(), leeds, national)...)
	var attempts atomic.Int64
	var nobody fate = func() (time.Duration, bool, bool) { attempts.Add(1); return 0, false, false }
	dep.line.fate.Store(&nobody)
	for off := time.Duration(0); off < awayFor; off += awayStep {
		if dep.publish(dep.good) != accepted {
			return line, errors.New("a publish is not accepted while another MESH is away")
		}
		for _, box := range []string{leeds, national} { // their copies do not wait six days
			if err := dep.collect(box, 50); err != nil {
				return line, err
			}
		}
		c.pass(off + awayStep)
		dep.wait(awayPause)
	}
	dep.wait(housekeeping + 5*time.Second) // everything that this clock makes expire is dropped now
	parked, err := dep.deliveries(operator.DeliveryFilter{State: store.Parked})
	if err != nil {
		return line, err
	}
	if len(parked) > 0 {
		return line, fmt.Errorf("%d copies are parked after %s", len(parked), awayFor)
	}
	waiting, err := dep.here.metric("nems_courier_backlog")
	if err != nil {
		return line, err
	}
	dep.line.fate.Store(nil)
	line.Rounds = 1
	if line.Slowest, err = dep.through(); err != nil {
		return line, err
	}
	line.Note = fmt.Sprintf("the other MESH away for %s on the clock: %d copies waited, %d calls, none parked", awayFor, int(waiting), attempts.Load())
	dep.unclocked(r)
	return dep.finish(line)
}
