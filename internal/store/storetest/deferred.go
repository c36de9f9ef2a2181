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
func (th *harness) routed(event store.EventID, change ...func(*store.Routing)) store.Routing {
	facts := th.acceptance(jack, nil).Facts
	facts.At = th.Moment(event)
	r := store.Routing{Event: event, Facts: facts, Audit: entry("route")}
	for _, c := range change {
		c(&r)
	}
	return r
}

// wantPending compares the events that wait to be routed.
func (th *harness) wantPending(want ...store.EventID) {
	th.Helper()
	got, err := th.PendingEvents(th.ctx(), 0, 100)
	th.must(err)
	u, err := th.Unrouted(th.ctx())
	th.must(err)
	if !slices.Equal(got, want) || u.Pending != int64(len(want)) || (len(want) > 0) != (!u.Oldest.IsZero() && u.Oldest.Equal(th.Moment(want[0]))) {
		th.Errorf("pending: expected %v, got %v, %+v", want, got, u)
	}
}

func deferred(t *testing.T, th *harness) {
	box := th.mailbox("MAILBOX1")
	th.subscribe("MAILBOX1", ofPatient(jack, vaccination)+"&tag=abc")
	first := th.publish(postponed)
	second := th.publish(postponed)
	direct := th.publish()
	if first.Copies != 0 || direct.Copies != 1 {
		t.Errorf("receipts: %+v, %+v", first, direct)
	}
	th.wantPending(first.Event, second.Event)
	if after, err := th.PendingEvents(th.ctx(), first.Event, 1); err != nil || !slices.Equal(after, []store.EventID{second.Event}) {
		t.Errorf("the next page: %v, %v", after, err)
	}
	th.fixture.Crash(t)
	th.reopen()
	th.wantPending(first.Event, second.Event)
	if got, err := th.EventMessage(th.ctx(), first.Event); err != nil || !bytes.Equal(got, message(1)) {
		t.Errorf("the message to route: %d bytes, %v", len(got), err)
	}

	r, err := th.RouteEvent(th.ctx(), th.routed(first.Event))
	if err != nil || r.Copies != 1 || r.Event != first.Event {
		t.Errorf("routed: %+v, %v", r, err)
	}
	_, err = th.RouteEvent(th.ctx(), th.routed(first.Event))
	th.wantError("routed again", err, store.ErrNotFound)
	_, err = th.RouteEvent(th.ctx(), th.routed(direct.Event))
	th.wantError("an event that never waited", err, store.ErrNotFound)
	th.wantPending(second.Event)
	th.wantInbox("one is routed", box, first.Event, direct.Event)
	if got := th.download(th.inbox(box)[0], 1); !bytes.Equal(got, message(1)) {
		t.Error("the copy differs from the message")
	}

	_, err = th.RouteEvent(th.ctx(), th.routed(second.Event, func(r *store.Routing) { r.Refusal = "no such patient" }))
	th.must(err)
	th.wantPending()
	_, err = th.RouteEvent(th.ctx(), th.routed(second.Event))
	th.wantError("routed after a refusal", err, store.ErrNotFound)
	if u, err := th.Unrouted(th.ctx()); err != nil || u.Refused != 1 {
		t.Errorf("unrouted: %+v, %v", u, err)
	}
	withheld := th.publish(postponed)
	if r, err := th.RouteEvent(th.ctx(), th.routed(withheld.Event, func(r *store.Routing) { r.Withheld = true })); err != nil || r.Copies != 0 {
		t.Errorf("withheld: %+v, %v", r, err)
	}
	th.wantPending()
	th.verify()
}

// Deferred routing sees the subscriptions that were active at the acceptance
// and live still; ends are judged as of then (invariant 4).
func deferredAsOfAcceptance(t *testing.T, th *harness) {
	boxes := map[string]int64{}
	for _, id := range []string{"BEFORE", "DELETED", "ENDING", "APPROVED", "AFTER"} {
		boxes[id] = th.mailbox(id)
	}
	th.subscribe("BEFORE", ofPatient(jack, vaccination))
	gone := th.subscribe("DELETED", ofPatient(jack, vaccination))
	ending := th.subscription("ENDING", ofPatient(jack, vaccination))
	ending.End = th.clock.Now().Add(time.Hour)
	th.must(th.Subscribe(th.ctx(), ending, entry("subscribe")))
	requested := th.subscription("APPROVED", ofPatient(jack, vaccination))
	requested.Status = "requested"
	th.must(th.Subscribe(th.ctx(), requested, entry("subscribe")))

	r := th.publish(postponed)

	th.subscribe("AFTER", ofPatient(jack, vaccination))
	th.must(th.Approve(th.ctx(), requested.ID, entry("approve")))
	th.must(th.Delete(th.ctx(), gone.ID, entry("delete")))
	th.clock.advance(48 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	if got, err := th.RouteEvent(th.ctx(), th.routed(r.Event)); err != nil || got.Copies != 2 {
		t.Errorf("routed: %+v, %v", got, err)
	}
	for id, box := range boxes {
		if id == "BEFORE" || id == "ENDING" {
			th.wantInbox(id, box, r.Event)
		} else {
			th.wantInbox(id, box)
		}
	}
	if r := th.publish(); r.Copies != 3 { // BEFORE, APPROVED, AFTER
		t.Errorf("an event of now has %d copies", r.Copies)
	}
	// Nothing waits any more, so the end takes effect everywhere.
	th.must(th.Housekeep(th.ctx()))

	kept := th.publish(postponed)
	th.clock.advance(60 * 24 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	th.wantPending(kept.Event)
	if got, err := th.RouteEvent(th.ctx(), th.routed(kept.Event)); err != nil || got.Copies != 3 {
		t.Errorf("routed after the retention period: %+v, %v", got, err)
	}
}

func deferredToMany(t *testing.T, th *harness) {
	const many = 200
	var last int64
	for i := range many {
		id := fmt.Sprintf("MANY%d", i)
		last = th.mailbox(id)
		th.subscribe(id, ofPatient(jack, vaccination))
	}
	r := th.publish(postponed)
	if got, err := th.RouteEvent(th.ctx(), th.routed(r.Event)); err != nil || got.Copies != many {
		t.Errorf("routed: %+v, %v", got, err)
	}
	th.eventually("the last copy is filed", func() bool {
		n, err := th.Count(th.ctx(), last)
		return err == nil && n == 1
	})
}
