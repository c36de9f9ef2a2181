//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"nems/client"
	"nems/internal/crashpoint"
	"nems/internal/directory/devworld"
	"nems/internal/operator"
	"nems/internal/store"
)

const (
	neglected = 1000            // copies that nobody collects, in each of two mailboxes
	tooLong   = 121 * time.Hour // a copy waits 120 hours for its mailbox's owner
	// reportedWithin is one round of housekeeping, another one after a crash, and
	// one of the courier's checks for reports, each a minute apart.
	reportedWithin = 4 * time.Minute
)

// uncollected leaves copies in a mailbox here and in one at the other MESH for
// more than five days. Each must be reported to its sender, linked to its
// delivery and kept, so that it can be sent again. The other MESH is killed
// between two reports.
func uncollected(r *run) (line row, err error) {
	dep, c, err := r.newClockedDeployment("uncollected")
	if err != nil {
		return line, err
	}
	defer dep.end()
	if err := dep.putAside(); err != nil {
		return line, err
	}
	if _, err := dep.openBox(); err != nil {
		return line, err
	}
	dep.ledger.begin("uncollected", leeds, national, aside, dep.remote)
	for range neglected {
		if v := dep.publish(dep.good); v != accepted {
			return line, fmt.Errorf("a publish is not accepted: verdict %d", v)
		}
	}
	if _, err := dep.through(); err != nil {
		return line, err
	}
	for _, box := range []string{leeds, national} { // whose owners do collect
		if err := dep.here.empty(box, func(id string, body []byte) { dep.ledger.received(box, id, body) }); err != nil {
			return line, err
		}
	}
	began := time.Now()
	if err := dep.reportsKilled(c, 1+int(r.random()%(neglected-1))); err != nil {
		return line, err
	}
	undone, err := dep.reported()
	if err != nil {
		return line, err
	}
	line.Rounds, line.Slowest = 1, time.Since(began)
	linked, err := dep.linked(undone)
	if err != nil {
		return line, err
	}
	if err := dep.resend(undone); err != nil {
		return line, err
	}
	line.Note = fmt.Sprintf("%d copies undeliverable after 5 days, of which %d by reports of the other MESH, which was killed on the way; %d reports linked here; all resent", len(undone), len(undone)-linked, linked)
	dep.unclocked(r)
	return dep.finish(line)
}

// reportsKilled lets copies become too old, and kills the other MESH at its nth
// report.
func (dep *deployment) reportsKilled(c clocks, nth int) error {
	if err := dep.there.stop(); err != nil {
		return err
	}
	if err := dep.there.start(fmt.Sprintf("%s=%s:%d", crashpoint.Variable, crashpoint.Report, nth)); err != nil {
		return err
	}
	c.pass(tooLong)
	if !dep.there.endsWithin(reportedWithin) {
		return errors.New("the crash point report was not reached")
	}
	if status, ok := dep.there.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("crash point report: nems ended with %s", dep.there.cmd.ProcessState)
	}
	dep.there.http.CloseIdleConnections()
	return dep.there.start()
}

// reported waits until all copies are known to be undeliverable.
func (dep *deployment) reported() (undone []operator.Delivery, err error) {
	for began := time.Now(); time.Since(began) < reportedWithin; dep.wait(time.Second) {
		if undone, err = dep.deliveries(operator.DeliveryFilter{State: store.Undeliverable}); err != nil || len(undone) == 2*neglected {
			return undone, err
		}
	}
	return undone, fmt.Errorf("%d copies are undeliverable %s after they were too old; expected %d", len(undone), reportedWithin, 2*neglected)
}

// linked counts the reports in the service's own mailbox here that are linked to a
// copy, each to a different one.
func (dep *deployment) linked(undone []operator.Delivery) (int, error) {
	m, err := client.NewMailbox(client.MailboxConfig{URL: dep.here.url, ID: devworld.Mailbox, Password: devworld.Password, SharedKey: devworld.SharedKey, HTTP: dep.here.http, Now: dep.here.now})
	if err != nil {
		return 0, err
	}
	waiting := map[string]bool{}
	for _, d := range undone {
		waiting[d.ID] = d.Mailbox == aside
	}
	ctx, n := context.Background(), 0
	for {
		ids, err := m.List(ctx)
		if err != nil || len(ids) == 0 {
			return n, err
		}
		for _, id := range ids {
			report, err := m.Download(ctx, id)
			if err != nil {
				return n, err
			}
			if report.MessageType != string(store.Report) || !waiting[report.LocalID] {
				return n, errors.New("a message in the service's mailbox is not the report of a copy, or is the second one")
			}
			waiting[report.LocalID] = false
			n++
			if err := m.Acknowledge(ctx, id); err != nil {
				return n, err
			}
		}
	}
}

// resend has the copies sent again.
func (dep *deployment) resend(undone []operator.Delivery) error {
	desk, err := dep.here.desk()
	if err != nil {
		return err
	}
	var ids []string
	for _, d := range undone {
		ids = append(ids, d.ID)
	}
	moved, err := operator.MoveDeliveries.Do(context.Background(), desk, operator.Moving{Move: operator.Resend, IDs: ids})
	if err == nil && moved.Moved != len(ids) {
		err = fmt.Errorf("%d of %d undeliverable copies can be sent again", moved.Moved, len(ids))
	}
	return err
}
