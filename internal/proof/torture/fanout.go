//go:build linux

package main

import (
	"fmt"
	"path/filepath"

	"nems/internal/crashpoint"
	"nems/internal/directory/devworld"
	"nems/internal/operator"
)

// wide is a number of mailboxes that makes a fan-out too large for one commit,
// so that its copies are filed later.
const wide = 70

// spreadKilled kills the process while it files the copies of events for many
// mailboxes.
func spreadKilled(r *run) (line row, err error) {
	dep, err := r.newDeployment(filepath.Join(r.folder, "wide"))
	if err != nil {
		return line, err
	}
	defer dep.end()
	var boxes []string
	for n := range wide {
		box := fmt.Sprintf("RR8WIDE%d", n)
		if err := dep.here.putMailboxes(operator.Mailbox{ID: box, ODS: "RR8", Password: devworld.Password}); err != nil {
			return line, err
		}
		if _, err := dep.subscribe(aboutJack, box); err != nil {
			return line, err
		}
		boxes = append(boxes, box)
	}
	dep.wide = boxes
	dep.ledger.begin(crashpoint.SpreadStep, append([]string{leeds, national}, boxes...)...)
	for ; line.Rounds < 3; line.Rounds++ {
		dep.startLoad()
		err := dep.diesAt(crashpoint.SpreadStep, nil)
		if err == nil {
			err = dep.recover(recoverWithin)
		}
		dep.endLoad()
		if err != nil {
			return line, err
		}
	}
	return dep.finish(line)
}

// poison makes copies go to a mailbox that the other MESH does not have. They
// are refused permanently, and parked.
func (dep *deployment) poison() error {
	box := dep.remote + "X"
	if err := dep.here.putMailboxes(operator.Mailbox{ID: box, ODS: "RR8", Remote: true}); err != nil {
		return err
	}
	id, err := dep.subscribe(aboutJack, box)
	if err != nil {
		return err
	}
	dep.poisoned = append(dep.poisoned, id)
	return nil
}
