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
func (th *harness) remote(id string) int64 {
	th.Helper()
	row, err := th.PutMailbox(th.ctx(), store.Mailbox{ID: id, ODS: "RR8", Remote: true})
	th.must(err)
	th.subscribe(id, ofPatient(jack, vaccination))
	return row
}

// claim takes the one lane that must be free.
func (th *harness) claim(owner string) store.Lane {
	th.Helper()
	lanes, err := th.ClaimLanes(th.ctx(), owner, lease, 10)
	th.must(err)
	if len(lanes) != 1 {
		th.Fatalf("%s got %d lanes, want 1: %+v", owner, len(lanes), lanes)
	}
	return lanes[0]
}

// next returns the deliveries that wait in a lane.
func (th *harness) next(l store.Lane) []store.Delivery {
	th.Helper()
	all, err := th.WaitingDeliveries(th.ctx(), l, 100)
	th.must(err)
	return all
}

func (th *harness) wantNoLane(why string) {
	th.Helper()
	if lanes, err := th.ClaimLanes(th.ctx(), "anybody", lease, 10); err != nil || len(lanes) != 0 {
		th.Errorf("%s: %+v, %v", why, lanes, err)
	}
}

func claims(t *testing.T, th *harness) {
	th.wantNoLane("nothing waits")
	th.remote("FAR")
	hosted := th.mailbox("A")
	th.subscribe("A", ofPatient(jack, vaccination))
	th.wantNoLane("an empty mailbox")
	first, second := th.publish(), th.publish()

	l := th.claim("one")
	if l.MailboxID != "FAR" {
		t.Errorf("claimed: %+v", l)
	}
	th.wantNoLane("it is claimed, and a hosted mailbox has no lane")
	waiting := th.next(l)
	if len(waiting) != 2 || waiting[0].Event != first.Event || waiting[1].Event != second.Event || waiting[0].Uncertain {
		t.Fatalf("waiting: %+v", waiting)
	}
	d := waiting[0]
	d.State, d.At, d.MESHID, d.Attempts = store.Sent, th.clock.Now(), "THEIRS_1", 1
	th.must(th.Settle(th.ctx(), l, d, lease))
	if event, err := th.EventByMESHID(th.ctx(), "THEIRS_1"); err != nil || event != first.Event {
		t.Errorf("by the MESH's id: %d, %v", event, err)
	}
	_, err := th.EventByMESHID(th.ctx(), "THEIRS_2")
	th.wantError("by an id of nobody", err, store.ErrNotFound)
	if left := th.next(l); len(left) != 1 || left[0].Event != second.Event {
		t.Errorf("left: %+v", left)
	}
	l.Failures = 3
	th.must(th.ReleaseLane(th.ctx(), l, th.clock.Now().Add(time.Hour)))
	th.wantError("released twice", th.ReleaseLane(th.ctx(), l, th.clock.Now()), store.ErrClaimLost)
	th.wantNoLane("it is not due")
	th.clock.advance(time.Hour)
	if again := th.claim("two"); again.Failures != 3 || again.Generation <= l.Generation {
		t.Errorf("claimed again: %+v after %+v", again, l)
	}
	th.wantInbox("the hosted mailbox", hosted, first.Event, second.Event)
}

// A clock that is set back does not hold up what was due soon.
func clockSetBack(t *testing.T, th *harness) {
	th.remote("FAR")
	th.publish()
	l := th.claim("one")
	th.must(th.ReleaseLane(th.ctx(), l, th.clock.Now().Add(time.Minute)))
	th.clock.advance(-30 * time.Minute)
	th.wantNoLane("it may have been given a long pause")
	th.clock.advance(-48 * time.Hour)
	if again := th.claim("two"); again.Generation <= l.Generation {
		t.Errorf("claimed again: %+v after %+v", again, l)
	}
}

// A claim that lapses leaves its oldest deliveries uncertain, also after a crash,
// and what its owner brings later is refused.
func lapsedClaims(t *testing.T, th *harness) {
	th.remote("FAR")
	th.publish()
	th.publish()
	old := th.claim("one")
	stale := th.next(old)[0]
	th.fixture.Crash(t)
	th.reopen()
	th.clock.advance(lease) // a store with one process need not wait so long
	l := th.claim("two")
	if waiting := th.next(l); len(waiting) != 2 || !waiting[0].Uncertain || !waiting[1].Uncertain {
		t.Errorf("waiting: %+v", waiting)
	}
	stale.State, stale.At, stale.MESHID = store.Sent, th.clock.Now(), "LATE"
	th.wantError("a late settlement", th.Settle(th.ctx(), old, stale, lease), store.ErrClaimLost)
	th.wantError("a late release", th.ReleaseLane(th.ctx(), old, th.clock.Now()), store.ErrClaimLost)
	if waiting := th.next(l); len(waiting) != 2 || waiting[0].MESHID != "" {
		t.Errorf("nothing of it was stored: %+v", waiting)
	}
}

// A lapsed claim makes no more deliveries uncertain than its owner may have had
// in hand.
func mostUncertain(t *testing.T, th *harness) {
	th.remote("FAR")
	for range store.MostUncertain + 2 {
		th.publish()
	}
	th.claim("one")
	th.clock.advance(lease)
	all, err := th.WaitingDeliveries(th.ctx(), th.claim("two"), store.MostUncertain+2)
	th.must(err)
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
func dueFirst(t *testing.T, th *harness) {
	th.remote("NEAR")
	th.remote("FAR")
	th.publish()
	lanes, err := th.ClaimLanes(th.ctx(), "one", lease, 10)
	th.must(err)
	for _, l := range lanes {
		pause := map[string]time.Duration{"NEAR": 2 * time.Minute, "FAR": time.Minute}[l.MailboxID]
		th.must(th.ReleaseLane(th.ctx(), l, th.clock.Now().Add(pause)))
	}
	th.clock.advance(5 * time.Minute)
	for _, want := range []string{"FAR", "NEAR"} {
		lanes, err := th.ClaimLanes(th.ctx(), "two", lease, 1)
		if err != nil || len(lanes) != 1 || lanes[0].MailboxID != want {
			t.Errorf("expected %s next; received %+v, %v", want, lanes, err)
		}
	}
}

// The clock of business time says nothing about leases: where it is set, what one
// owner is just sending is not given to another, and what lapses does so in time.
func claimsOutlastJumps(_ *testing.T, th *harness) {
	th.remote("FAR")
	th.publish()
	l := th.claim("one")
	for _, by := range []time.Duration{3 * time.Hour, -6 * time.Hour, 10 * 365 * 24 * time.Hour} {
		th.clock.jump(by)
		th.wantNoLane("it is claimed, whatever the clock was set to")
		th.must(th.ReleaseLane(th.ctx(), l, th.clock.Now().Add(time.Second)))
		th.wantNoLane("it is not due")
		th.clock.jump(-by)
		th.wantNoLane("it is not due when the clock is put right")
		th.clock.advance(time.Second)
		l = th.claim("one")
	}
	th.clock.jump(-48 * time.Hour)
	th.clock.advance(lease)
	if waiting := th.next(th.claim("two")); len(waiting) != 1 || !waiting[0].Uncertain {
		th.Errorf("waiting: %+v", waiting)
	}
}

// Settling prolongs a claim.
func longWork(t *testing.T, th *harness) {
	th.remote("FAR")
	th.publish()
	l := th.claim("one")
	d := th.next(l)[0]
	for range 3 {
		th.clock.advance(lease - time.Second)
		d.Attempts++
		d.First, d.Uncertain, d.ErrorText = epoch, true, "no answer"
		th.must(th.Settle(th.ctx(), l, d, lease))
		th.wantNoLane("the claim was prolonged")
	}
	got := th.next(l)[0]
	if got.Attempts != 3 || !got.First.Equal(epoch) || !got.Uncertain || got.ErrorText != "no answer" || got.State != store.Waiting {
		t.Errorf("%+v", got)
	}
}

func movingDeliveries(t *testing.T, th *harness) {
	th.remote("FAR")
	event := th.publish().Event
	l := th.claim("one")
	d := th.next(l)[0]
	d.State, d.At, d.ErrorCode, d.ErrorEvent, d.ErrorText, d.Attempts = store.Parked, th.clock.Now(), "17", "SEND", "not registered", 1
	th.must(th.Settle(th.ctx(), l, d, lease))
	th.must(th.ReleaseLane(th.ctx(), l, th.clock.Now().Add(time.Hour)))
	got, err := th.Delivery(th.ctx(), d.ID)
	if err != nil || got.State != store.Parked || got.ErrorCode != "17" || got.Event != event {
		t.Errorf("parked: %+v, %v", got, err)
	}
	// States come from operators: one that no delivery has selects nothing.
	for state, want := range map[store.State]int{store.Parked: 1, store.Sent: 0, "parked' OR ''='": 0} {
		if all, err := th.deliveries(store.DeliveryQuery{State: state, Max: 10}); err != nil || len(all) != want {
			t.Errorf("in state %q: %+v, %v", state, all, err)
		}
	}
	th.wantError("parked twice", th.ParkDelivery(th.ctx(), d.ID, th.clock.Now(), entry("park")), store.ErrNotFound)
	th.wantError("never sent", th.ResendDelivery(th.ctx(), d.ID, th.clock.Now(), entry("resend")), store.ErrNotFound)
	th.wantError("no delivery", th.RetryDelivery(th.ctx(), "nonsense", th.clock.Now(), entry("retry")), store.ErrNotFound)
	th.must(th.RetryDelivery(th.ctx(), d.ID, th.clock.Now(), entry("retry")))
	l = th.claim("two") // although the lane was not due
	d = th.next(l)[0]
	d.State, d.At, d.MESHID = store.Sent, th.clock.Now(), "THEIRS_1"
	th.must(th.Settle(th.ctx(), l, d, lease))
	r := store.DeliveryReport{LinkedID: "THEIRS_1", At: th.clock.Now(), ErrorCode: "14", ErrorEvent: "SEND", ErrorText: "not collected"}
	th.must(th.ReportDelivery(th.ctx(), r))
	r.LinkedID = "ANOTHERS"
	th.wantError("a report of nothing", th.ReportDelivery(th.ctx(), r), store.ErrNotFound)
	r.LocalID = d.ID
	th.must(th.ReportDelivery(th.ctx(), r)) // joined by our id
	if got, err := th.Delivery(th.ctx(), d.ID); err != nil || got.State != store.Undeliverable || got.ErrorCode != "14" {
		t.Errorf("reported: %+v, %v", got, err)
	}
	th.must(th.ResendDelivery(th.ctx(), d.ID, th.clock.Now(), entry("resend")))
	if again := th.next(l); len(again) != 1 || again[0].ID == d.ID || again[0].Attempts != 0 || again[0].MESHID != "" {
		t.Errorf("again: %+v", again)
	}
	th.verify()
}

// A parked delivery and its message outlive retention; a sent one does not.
func retainedDeliveries(t *testing.T, th *harness) {
	th.remote("FAR")
	parked, sent := th.publish(), th.publish()
	l := th.claim("one")
	for i, d := range th.next(l) {
		d.At, d.State = th.clock.Now(), []store.State{store.Parked, store.Sent}[i]
		th.must(th.Settle(th.ctx(), l, d, lease))
	}
	th.clock.advance(31 * 24 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	_, err := th.EventMessage(th.ctx(), sent.Event)
	th.wantError("the sent one", err, store.ErrNotFound)
	if b, err := th.EventMessage(th.ctx(), parked.Event); err != nil || len(b) == 0 {
		t.Errorf("the parked one: %v", err)
	}
	logs, err := th.Backlogs(th.ctx(), 10)
	if err != nil || len(logs) != 1 || logs[0].Parked != 1 || logs[0].Waiting != 0 {
		t.Errorf("backlogs: %+v, %v", logs, err)
	}
}

// A copy that a hosted mailbox has collected can be given to it again.
func resendHere(t *testing.T, th *harness) {
	box := th.mailbox("A")
	th.subscribe("A", ofPatient(jack, vaccination))
	event := th.publish().Event
	th.must(th.Acknowledge(th.ctx(), box, event, th.clock.Now(), nil))
	all, err := th.deliveries(store.DeliveryQuery{Mailbox: "a", Max: 10})
	if err != nil || len(all) != 1 || all[0].State != store.Acknowledged {
		t.Fatalf("%+v, %v", all, err)
	}
	th.wantUncollected("all is collected")
	th.must(th.ResendDelivery(th.ctx(), all[0].ID, th.clock.Now(), entry("resend")))
	th.wantInbox("again", box, event)
	th.wantUncollected("one waits again", store.Uncollected{MailboxID: "A", Oldest: th.Moment(event)})
}

func (th *harness) wantUncollected(name string, want ...store.Uncollected) {
	th.T.Helper()
	got, err := th.Uncollected(th.ctx(), 10)
	if err != nil || !slices.Equal(got, want) {
		th.T.Errorf("%s: expected %+v; received %+v, %v", name, want, got, err)
	}
}
