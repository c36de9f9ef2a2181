package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"nems/internal/store"
)

func postponed(a *store.Acceptance) { a.Deferred = true }

// routed is what a router learns of an event about jack.
func (w *world) routed(event store.EventID, change ...func(*store.Routing)) store.Routing {
	facts := w.acceptance(jack, nil).Facts
	facts.At = w.Moment(event)
	r := store.Routing{Event: event, Facts: facts, Audit: entry("route")}
	for _, c := range change {
		c(&r)
	}
	return r
}

// wantPending compares the events that wait to be routed.
func (w *world) wantPending(want ...store.EventID) {
	w.Helper()
	got, err := w.PendingEvents(w.ctx(), 0, 100)
	w.must(err)
	u, err := w.Unrouted(w.ctx())
	w.must(err)
	if !slices.Equal(got, want) || u.Pending != int64(len(want)) || (len(want) > 0) != (!u.Oldest.IsZero() && u.Oldest.Equal(w.Moment(want[0]))) {
		w.Errorf("pending: expected %v, got %v, %+v", want, got, u)
	}
}

func deferred(t *testing.T, w *world) {
	box := w.mailbox("MAILBOX1")
	w.subscribe("MAILBOX1", ofPatient(jack, vaccination)+"&tag=abc")
	first := w.publish(postponed)
	second := w.publish(postponed)
	direct := w.publish()
	if first.Copies != 0 || direct.Copies != 1 {
		t.Errorf("receipts: %+v, %+v", first, direct)
	}
	w.wantPending(first.Event, second.Event)
	if after, err := w.PendingEvents(w.ctx(), first.Event, 1); err != nil || !slices.Equal(after, []store.EventID{second.Event}) {
		t.Errorf("the next page: %v, %v", after, err)
	}
	w.fixture.Crash(t)
	w.reopen()
	w.wantPending(first.Event, second.Event)
	if got, err := w.EventMessage(w.ctx(), first.Event); err != nil || !bytes.Equal(got, message(1)) {
		t.Errorf("the message to route: %d bytes, %v", len(got), err)
	}

	r, err := w.RouteEvent(w.ctx(), w.routed(first.Event))
	if err != nil || r.Copies != 1 || r.Event != first.Event {
		t.Errorf("routed: %+v, %v", r, err)
	}
	_, err = w.RouteEvent(w.ctx(), w.routed(first.Event))
	w.wantError("routed again", err, store.ErrNotFound)
	_, err = w.RouteEvent(w.ctx(), w.routed(direct.Event))
	w.wantError("an event that never waited", err, store.ErrNotFound)
	w.wantPending(second.Event)
	w.wantInbox("one is routed", box, first.Event, direct.Event)
	if got := w.download(w.inbox(box)[0], 1); !bytes.Equal(got, message(1)) {
		t.Error("the copy differs from the message")
	}

	_, err = w.RouteEvent(w.ctx(), w.routed(second.Event, func(r *store.Routing) { r.Refusal = "no such patient" }))
	w.must(err)
	w.wantPending()
	_, err = w.RouteEvent(w.ctx(), w.routed(second.Event))
	w.wantError("routed after a refusal", err, store.ErrNotFound)
	if u, err := w.Unrouted(w.ctx()); err != nil || u.Refused != 1 {
		t.Errorf("unrouted: %+v, %v", u, err)
	}
	withheld := w.publish(postponed)
	if r, err := w.RouteEvent(w.ctx(), w.routed(withheld.Event, func(r *store.Routing) { r.Withheld = true })); err != nil || r.Copies != 0 {
		t.Errorf("withheld: %+v, %v", r, err)
	}
	w.wantPending()
	w.verify()
}

// Deferred routing sees the subscriptions that were active at the acceptance
// and live still; ends are judged as of then (invariant 4).
func deferredAsOfAcceptance(t *testing.T, w *world) {
	boxes := map[string]int64{}
	for _, id := range []string{"BEFORE", "DELETED", "ENDING", "APPROVED", "AFTER"} {
		boxes[id] = w.mailbox(id)
	}
	w.subscribe("BEFORE", ofPatient(jack, vaccination))
	gone := w.subscribe("DELETED", ofPatient(jack, vaccination))
	ending := w.subscription("ENDING", ofPatient(jack, vaccination))
	ending.End = w.clock.Now().Add(time.Hour)
	w.must(w.Subscribe(w.ctx(), ending, entry("subscribe")))
	requested := w.subscription("APPROVED", ofPatient(jack, vaccination))
	requested.Status = "requested"
	w.must(w.Subscribe(w.ctx(), requested, entry("subscribe")))

	r := w.publish(postponed)

	w.subscribe("AFTER", ofPatient(jack, vaccination))
	w.must(w.Approve(w.ctx(), requested.ID, entry("approve")))
	w.must(w.Delete(w.ctx(), gone.ID, entry("delete")))
	w.clock.advance(48 * time.Hour)
	w.must(w.Housekeep(w.ctx()))
	if got, err := w.RouteEvent(w.ctx(), w.routed(r.Event)); err != nil || got.Copies != 2 {
		t.Errorf("routed: %+v, %v", got, err)
	}
	for id, box := range boxes {
		if id == "BEFORE" || id == "ENDING" {
			w.wantInbox(id, box, r.Event)
		} else {
			w.wantInbox(id, box)
		}
	}
	if r := w.publish(); r.Copies != 3 { // BEFORE, APPROVED, AFTER
		t.Errorf("an event of now has %d copies", r.Copies)
	}
	// Nothing waits any more, so the end takes effect everywhere.
	w.must(w.Housekeep(w.ctx()))

	kept := w.publish(postponed)
	w.clock.advance(60 * 24 * time.Hour)
	w.must(w.Housekeep(w.ctx()))
	w.wantPending(kept.Event)
	if got, err := w.RouteEvent(w.ctx(), w.routed(kept.Event)); err != nil || got.Copies != 3 {
		t.Errorf("routed after the retention period: %+v, %v", got, err)
	}
}

func deferredToMany(t *testing.T, w *world) {
	const many = 200
	var last int64
	for i := range many {
		id := fmt.Sprintf("MANY%d", i)
		last = w.mailbox(id)
		w.subscribe(id, ofPatient(jack, vaccination))
	}
	r := w.publish(postponed)
	if got, err := w.RouteEvent(w.ctx(), w.routed(r.Event)); err != nil || got.Copies != many {
		t.Errorf("routed: %+v, %v", got, err)
	}
	w.eventually("the last copy is filed", func() bool {
		n, err := w.Count(w.ctx(), last)
		return err == nil && n == 1
	})
}
