package storetest

import (
	"slices"
	"testing"
	"time"

	"nems/internal/store"
)

// lease is how long claims hold in these tests.
const lease = time.Minute

// remote makes a mailbox of another MESH that hears of jack.
func (w *world) remote(id string) int64 {
	w.Helper()
	row, err := w.PutMailbox(w.ctx(), store.Mailbox{ID: id, ODS: "RR8", Remote: true})
	w.must(err)
	w.subscribe(id, ofPatient(jack, vaccination))
	return row
}

// claim takes the one lane that must be free.
func (w *world) claim(owner string) store.Lane {
	w.Helper()
	lanes, err := w.ClaimLanes(w.ctx(), owner, lease, 10)
	w.must(err)
	if len(lanes) != 1 {
		w.Fatalf("%s got %d lanes, want 1: %+v", owner, len(lanes), lanes)
	}
	return lanes[0]
}

// next returns the deliveries that wait in a lane.
func (w *world) next(l store.Lane) []store.Delivery {
	w.Helper()
	all, err := w.WaitingDeliveries(w.ctx(), l, 100)
	w.must(err)
	return all
}

func (w *world) wantNoLane(why string) {
	w.Helper()
	if lanes, err := w.ClaimLanes(w.ctx(), "anybody", lease, 10); err != nil || len(lanes) != 0 {
		w.Errorf("%s: %+v, %v", why, lanes, err)
	}
}

func claims(t *testing.T, w *world) {
	w.wantNoLane("nothing waits")
	w.remote("FAR")
	hosted := w.mailbox("A")
	w.subscribe("A", ofPatient(jack, vaccination))
	w.wantNoLane("an empty mailbox")
	first, second := w.publish(), w.publish()

	l := w.claim("one")
	if l.MailboxID != "FAR" {
		t.Errorf("claimed: %+v", l)
	}
	w.wantNoLane("it is claimed, and a hosted mailbox has no lane")
	waiting := w.next(l)
	if len(waiting) != 2 || waiting[0].Event != first.Event || waiting[1].Event != second.Event || waiting[0].Uncertain {
		t.Fatalf("waiting: %+v", waiting)
	}
	d := waiting[0]
	d.State, d.At, d.MESHID, d.Attempts = store.Sent, w.clock.Now(), "THEIRS_1", 1
	w.must(w.Settle(w.ctx(), l, d, lease))
	if left := w.next(l); len(left) != 1 || left[0].Event != second.Event {
		t.Errorf("left: %+v", left)
	}
	l.Failures = 3
	w.must(w.ReleaseLane(w.ctx(), l, w.clock.Now().Add(time.Hour)))
	w.wantError("released twice", w.ReleaseLane(w.ctx(), l, w.clock.Now()), store.ErrClaimLost)
	w.wantNoLane("it is not due")
	w.clock.advance(time.Hour)
	if again := w.claim("two"); again.Failures != 3 || again.Generation <= l.Generation {
		t.Errorf("claimed again: %+v after %+v", again, l)
	}
	w.wantInbox("the hosted mailbox", hosted, first.Event, second.Event)
}

// A clock that is set back does not hold up what was due soon.
func clockSetBack(t *testing.T, w *world) {
	w.remote("FAR")
	w.publish()
	l := w.claim("one")
	w.must(w.ReleaseLane(w.ctx(), l, w.clock.Now().Add(time.Minute)))
	w.clock.advance(-30 * time.Minute)
	w.wantNoLane("it may have been given a long pause")
	w.clock.advance(-48 * time.Hour)
	if again := w.claim("two"); again.Generation <= l.Generation {
		t.Errorf("claimed again: %+v after %+v", again, l)
	}
}

// A claim that lapses leaves its oldest deliveries uncertain, also after a crash,
// and what its owner brings later is refused.
func lapsedClaims(t *testing.T, w *world) {
	w.remote("FAR")
	w.publish()
	w.publish()
	old := w.claim("one")
	stale := w.next(old)[0]
	w.fixture.Crash(t)
	w.reopen()
	w.clock.advance(lease) // a store with one process need not wait so long
	l := w.claim("two")
	if waiting := w.next(l); len(waiting) != 2 || !waiting[0].Uncertain || !waiting[1].Uncertain {
		t.Errorf("waiting: %+v", waiting)
	}
	stale.State, stale.At, stale.MESHID = store.Sent, w.clock.Now(), "LATE"
	w.wantError("a late settlement", w.Settle(w.ctx(), old, stale, lease), store.ErrClaimLost)
	w.wantError("a late release", w.ReleaseLane(w.ctx(), old, w.clock.Now()), store.ErrClaimLost)
	if waiting := w.next(l); len(waiting) != 2 || waiting[0].MESHID != "" {
		t.Errorf("nothing of it was stored: %+v", waiting)
	}
}

// A lapsed claim makes no more deliveries uncertain than its owner may have had
// in hand.
func mostUncertain(t *testing.T, w *world) {
	w.remote("FAR")
	for range store.MostUncertain + 2 {
		w.publish()
	}
	w.claim("one")
	w.clock.advance(lease)
	all, err := w.WaitingDeliveries(w.ctx(), w.claim("two"), store.MostUncertain+2)
	w.must(err)
	for i, d := range all {
		if want := i < store.MostUncertain; d.Uncertain != want {
			t.Errorf("delivery %d of %d: expected uncertain %t", i, len(all), want)
		}
	}
	if len(all) != store.MostUncertain+2 {
		t.Errorf("%d wait", len(all))
	}
}

// Lanes that have been due longest are claimed first.
func dueFirst(t *testing.T, w *world) {
	w.remote("NEAR")
	w.remote("FAR")
	w.publish()
	lanes, err := w.ClaimLanes(w.ctx(), "one", lease, 10)
	w.must(err)
	for _, l := range lanes {
		pause := map[string]time.Duration{"NEAR": 2 * time.Minute, "FAR": time.Minute}[l.MailboxID]
		w.must(w.ReleaseLane(w.ctx(), l, w.clock.Now().Add(pause)))
	}
	w.clock.advance(5 * time.Minute)
	for _, want := range []string{"FAR", "NEAR"} {
		lanes, err := w.ClaimLanes(w.ctx(), "two", lease, 1)
		if err != nil || len(lanes) != 1 || lanes[0].MailboxID != want {
			t.Errorf("expected %s next; received %+v, %v", want, lanes, err)
		}
	}
}

// The clock of business time says nothing about leases: where it is set, what one
// owner is just sending is not given to another, and what lapses does so in time.
func claimsOutlastJumps(_ *testing.T, w *world) {
	w.remote("FAR")
	w.publish()
	l := w.claim("one")
	for _, by := range []time.Duration{3 * time.Hour, -6 * time.Hour, 10 * 365 * 24 * time.Hour} {
		w.clock.jump(by)
		w.wantNoLane("it is claimed, whatever the clock was set to")
		w.must(w.ReleaseLane(w.ctx(), l, w.clock.Now().Add(time.Second)))
		w.wantNoLane("it is not due")
		w.clock.jump(-by)
		w.wantNoLane("it is not due when the clock is put right")
		w.clock.advance(time.Second)
		l = w.claim("one")
	}
	w.clock.jump(-48 * time.Hour)
	w.clock.advance(lease)
	if waiting := w.next(w.claim("two")); len(waiting) != 1 || !waiting[0].Uncertain {
		w.Errorf("waiting: %+v", waiting)
	}
}

// Settling prolongs a claim.
func longWork(t *testing.T, w *world) {
	w.remote("FAR")
	w.publish()
	l := w.claim("one")
	d := w.next(l)[0]
	for range 3 {
		w.clock.advance(lease - time.Second)
		d.Attempts++
		d.First, d.Uncertain, d.ErrorText = epoch, true, "no answer"
		w.must(w.Settle(w.ctx(), l, d, lease))
		w.wantNoLane("the claim was prolonged")
	}
	got := w.next(l)[0]
	if got.Attempts != 3 || !got.First.Equal(epoch) || !got.Uncertain || got.ErrorText != "no answer" || got.State != store.Waiting {
		t.Errorf("%+v", got)
	}
}

func movingDeliveries(t *testing.T, w *world) {
	w.remote("FAR")
	event := w.publish().Event
	l := w.claim("one")
	d := w.next(l)[0]
	d.State, d.At, d.ErrorCode, d.ErrorEvent, d.ErrorText, d.Attempts = store.Parked, w.clock.Now(), "17", "SEND", "not registered", 1
	w.must(w.Settle(w.ctx(), l, d, lease))
	w.must(w.ReleaseLane(w.ctx(), l, w.clock.Now().Add(time.Hour)))
	got, err := w.Delivery(w.ctx(), d.ID)
	if err != nil || got.State != store.Parked || got.ErrorCode != "17" || got.Event != event {
		t.Errorf("parked: %+v, %v", got, err)
	}
	// States come from operators: one that no delivery has selects nothing.
	for state, want := range map[store.State]int{store.Parked: 1, store.Sent: 0, "parked' OR ''='": 0} {
		if all, err := w.deliveries(store.DeliveryQuery{State: state, Max: 10}); err != nil || len(all) != want {
			t.Errorf("in state %q: %+v, %v", state, all, err)
		}
	}
	w.wantError("parked twice", w.ParkDelivery(w.ctx(), d.ID, w.clock.Now(), entry("park")), store.ErrNotFound)
	w.wantError("never sent", w.ResendDelivery(w.ctx(), d.ID, w.clock.Now(), entry("resend")), store.ErrNotFound)
	w.wantError("no delivery", w.RetryDelivery(w.ctx(), "nonsense", w.clock.Now(), entry("retry")), store.ErrNotFound)
	w.must(w.RetryDelivery(w.ctx(), d.ID, w.clock.Now(), entry("retry")))
	l = w.claim("two") // although the lane was not due
	d = w.next(l)[0]
	d.State, d.At, d.MESHID = store.Sent, w.clock.Now(), "THEIRS_1"
	w.must(w.Settle(w.ctx(), l, d, lease))
	r := store.DeliveryReport{LinkedID: "THEIRS_1", At: w.clock.Now(), ErrorCode: "14", ErrorEvent: "SEND", ErrorText: "not collected"}
	w.must(w.ReportDelivery(w.ctx(), r))
	r.LinkedID = "ANOTHERS"
	w.wantError("a report of nothing", w.ReportDelivery(w.ctx(), r), store.ErrNotFound)
	r.LocalID = d.ID
	w.must(w.ReportDelivery(w.ctx(), r)) // joined by our id
	if got, err := w.Delivery(w.ctx(), d.ID); err != nil || got.State != store.Undeliverable || got.ErrorCode != "14" {
		t.Errorf("reported: %+v, %v", got, err)
	}
	w.must(w.ResendDelivery(w.ctx(), d.ID, w.clock.Now(), entry("resend")))
	if again := w.next(l); len(again) != 1 || again[0].ID == d.ID || again[0].Attempts != 0 || again[0].MESHID != "" {
		t.Errorf("again: %+v", again)
	}
	w.verify()
}

// A parked delivery and its message outlive retention; a sent one does not.
func retainedDeliveries(t *testing.T, w *world) {
	w.remote("FAR")
	parked, sent := w.publish(), w.publish()
	l := w.claim("one")
	for i, d := range w.next(l) {
		d.At, d.State = w.clock.Now(), []store.State{store.Parked, store.Sent}[i]
		w.must(w.Settle(w.ctx(), l, d, lease))
	}
	w.clock.advance(31 * 24 * time.Hour)
	w.must(w.Housekeep(w.ctx()))
	_, err := w.EventMessage(w.ctx(), sent.Event)
	w.wantError("the sent one", err, store.ErrNotFound)
	if b, err := w.EventMessage(w.ctx(), parked.Event); err != nil || len(b) == 0 {
		t.Errorf("the parked one: %v", err)
	}
	logs, err := w.Backlogs(w.ctx(), 10)
	if err != nil || len(logs) != 1 || logs[0].Parked != 1 || logs[0].Waiting != 0 {
		t.Errorf("backlogs: %+v, %v", logs, err)
	}
}

// A copy that a hosted mailbox has collected can be given to it again.
func resendHere(t *testing.T, w *world) {
	box := w.mailbox("A")
	w.subscribe("A", ofPatient(jack, vaccination))
	event := w.publish().Event
	w.must(w.Acknowledge(w.ctx(), box, event, w.clock.Now(), nil))
	all, err := w.deliveries(store.DeliveryQuery{Mailbox: "a", Max: 10})
	if err != nil || len(all) != 1 || all[0].State != store.Acknowledged {
		t.Fatalf("%+v, %v", all, err)
	}
	w.wantUncollected("all is collected")
	w.must(w.ResendDelivery(w.ctx(), all[0].ID, w.clock.Now(), entry("resend")))
	w.wantInbox("again", box, event)
	w.wantUncollected("one waits again", store.Uncollected{MailboxID: "A", Oldest: w.Moment(event)})
}

func (w *world) wantUncollected(name string, want ...store.Uncollected) {
	w.T.Helper()
	got, err := w.Uncollected(w.ctx(), 10)
	if err != nil || !slices.Equal(got, want) {
		w.T.Errorf("%s: expected %+v; received %+v, %v", name, want, got, err)
	}
}
