package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"nems/client"
	"nems/internal/directory/devworld"
)

// publishers is how many connections publish at a time.
const publishers = 4

// startLoad publishes and collects until endLoad.
func (w *world) startLoad() {
	stop := make(chan struct{})
	w.stopLoad = stop
	for range publishers {
		w.load.Go(func() {
			for n := 1; open(stop); n++ {
				message := w.good
				if n%16 == 0 {
					message = w.bad
				}
				if w.publish(message) == unanswered {
					w.wait(10 * time.Millisecond)
				}
			}
		})
	}
	w.load.Go(func() {
		for open(stop) {
			for _, box := range w.near() {
				_ = w.collect(box, 50) // what fails now is collected later
			}
			w.wait(50 * time.Millisecond)
		}
	})
}

func (w *world) endLoad() {
	close(w.stopLoad)
	w.load.Wait()
}

func open(c <-chan struct{}) bool {
	select {
	case <-c:
		return false
	default:
		return true
	}
}

// publish sends one message and notes the answer.
func (w *world) publish(base []byte) verdict {
	c := client.Client{URL: w.here.url, ASID: "300000000161", ODS: "A83627", NEMS: string(devworld.NEMS), HTTP: w.here.http}
	message, d := w.ledger.issue(base)
	_, err := c.Publish(context.Background(), message)
	v := judge(err)
	w.ledger.told(d, v)
	return v
}

// judge says what an answer to a publish means.
func judge(err error) verdict {
	var e *client.Error
	switch {
	case err == nil:
		return accepted
	case errors.As(err, &e) && e.Status < 500 && e.Status != 429:
		return refused
	}
	return unanswered
}

// collect takes up to most messages out of a mailbox.
func (w *world) collect(box string, most int) error {
	at := w.here
	if box != leeds && box != national && !slices.Contains(w.wide, box) {
		at = w.there
	}
	m, err := client.NewMailbox(client.MailboxConfig{URL: at.url, ID: box, Password: devworld.Password, SharedKey: devworld.SharedKey, HTTP: at.http})
	if err != nil {
		return err
	}
	ctx := context.Background()
	ids, err := m.List(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids[:min(most, len(ids))] {
		c, err := m.Download(ctx, id)
		if err != nil {
			return err
		}
		w.ledger.received(box, id, c.Body)
		if err := m.Acknowledge(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// settleWithin is how long copies may take after the last fault: the claim of a
// mailbox by a process that was killed lasts two minutes, a MESH that failed is
// left alone for half a minute.
const settleWithin = 160 * time.Second

// drain collects until no copy is missing and mailboxes stay empty.
func (w *world) drain() error {
	boxes := append([]string{leeds, national}, w.wide...)
	for n := range w.remoteRounds() {
		boxes = append(boxes, fmt.Sprintf("RR8T%d", n+1))
	}
	for until := time.Now().Add(settleWithin); ; {
		for _, box := range boxes {
			if err := w.collect(box, 500); err != nil {
				return fmt.Errorf("collecting from %s: %w", box, err)
			}
		}
		if w.ledger.missing() == 0 || time.Now().After(until) {
			break
		}
		w.wait(20 * time.Millisecond)
	}
	for _, box := range boxes { // copies beyond what is expected
		for range 3 {
			if err := w.collect(box, 500); err != nil {
				return err
			}
		}
	}
	return nil
}

// verify stops the world in an orderly way and checks its audits.
func (w *world) verify() error {
	return errors.Join(w.here.stop(), w.there.stop(), w.here.verifyAudit(), w.there.verifyAudit())
}

// near are the mailboxes that are emptied under load.
func (w *world) near() []string {
	if w.remote == "" {
		return []string{leeds, national}
	}
	return []string{leeds, national, w.remote}
}

// remoteRounds is how many rounds had a mailbox at the other MESH.
func (w *world) remoteRounds() int {
	if w.remote == "" {
		return 0
	}
	return w.rounds
}
