//go:build linux

package main

import (
	"fmt"
	"path/filepath"

	"nems/internal/crashpoint"
	"nems/internal/directory/devworld"
	"nems/internal/operator"
)

// wide is how many mailboxes make a fan-out too large for one commit, so that
// a spreader files the copies.
const wide = 70

// spreadKilled kills the process while it files the copies of events for many
// mailboxes.
func spreadKilled(r *run) (line row, err error) {
	w, err := r.newWorld(filepath.Join(r.folder, "wide"))
	if err != nil {
		return line, err
	}
	defer w.end()
	var boxes []string
	for n := range wide {
		box := fmt.Sprintf("RR8WIDE%d", n)
		if err := w.here.putMailboxes(operator.Mailbox{ID: box, ODS: "RR8", Password: devworld.Password}); err != nil {
			return line, err
		}
		if _, err := w.subscribe(aboutJack, box); err != nil {
			return line, err
		}
		boxes = append(boxes, box)
	}
	w.wide = boxes
	w.ledger.begin(crashpoint.SpreadStep, append([]string{leeds, national}, boxes...)...)
	for ; line.Rounds < 3; line.Rounds++ {
		w.startLoad()
		err := w.diesAt(crashpoint.SpreadStep, nil)
		if err == nil {
			err = w.recover(recoverWithin)
		}
		w.endLoad()
		if err != nil {
			return line, err
		}
	}
	return w.finish(line)
}

// poison lets copies go to a mailbox that the other MESH does not have: they
// are refused for good, and parked.
func (w *world) poison() error {
	box := w.remote + "X"
	if err := w.here.putMailboxes(operator.Mailbox{ID: box, ODS: "RR8", Remote: true}); err != nil {
		return err
	}
	id, err := w.subscribe(aboutJack, box)
	if err != nil {
		return err
	}
	w.poisoned = append(w.poisoned, id)
	return nil
}
