package storetest

import (
	"slices"
	"testing"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// sentBefore publishes events and sends them from the one lane that there is.
func (th *harness) sentBefore(n int) (events []store.EventID) {
	th.Helper()
	for range n {
		events = append(events, th.publish().Event)
	}
	th.settleAll(n)
	return events
}

// settleAll sends what the one lane may send, which must be so many copies.
func (th *harness) settleAll(n int) {
	th.Helper()
	l := th.claim("one")
	waiting := th.next(l)
	if len(waiting) != n {
		th.Errorf("%d may be sent, want %d", len(waiting), n)
	}
	for _, d := range waiting {
		d.State, d.At = store.Sent, th.clock.Now()
		th.must(th.Settle(th.ctx(), l, d, lease))
	}
	th.must(th.ReleaseLane(th.ctx(), l, th.clock.Now()))
}

// wantLane claims the one lane, looks at what it may send, and gives it back.
func (th *harness) wantLane(why string, want ...store.EventID) {
	th.Helper()
	l := th.claim("one")
	var got []store.EventID
	for _, d := range th.next(l) {
		if d.MailboxID != l.MailboxID {
			th.Errorf("%s: of mailbox %q", why, d.MailboxID)
		}
		got = append(got, d.Event)
	}
	if !slices.Equal(got, want) {
		th.Errorf("%s: %v, want %v", why, got, want)
	}
	th.must(th.ReleaseLane(th.ctx(), l, th.clock.Now()))
}

// subscriptionOf is the one that a copy is for.
func (th *harness) subscriptionOf(event store.EventID, box int64) subscription.Subscription {
	th.Helper()
	d, err := th.Delivery(th.ctx(), store.DeliveryID(event, box))
	th.must(err)
	s, err := th.Subscription(th.ctx(), d.Subscriptions[0])
	th.must(err)
	return s
}

func (th *harness) changeReplay(r store.Replay, from, to store.ReplayState) {
	th.Helper()
	th.must(th.ChangeReplay(th.ctx(), r.ID, store.ReplayChange{From: []store.ReplayState{from}, To: to}, entry(audit.ActionPauseReplay)))
}

// What is accepted during a replay waits in its lane until the replay is over, paused
// or cancelled. Meanwhile the lane is not claimed for nothing.
func replayHolds(t *testing.T, th *harness) {
	far := th.remote("FAR")
	events := th.sentBefore(3)
	waits := th.publish().Event
	s := th.subscriptionOf(waits, far)
	th.replay(s, far, far)
	live := th.publish().Event
	th.wantLane("what waited before the start goes on", waits)
	th.settleAll(1)
	th.wantNoLane("the replay has given nothing yet")

	r := th.claimReplay("one")
	r = th.replayed(r, th.page(r, 2))
	th.wantLane("the first copies alone", events[0], events[1])
	th.settleAll(2)
	th.wantNoLane("between two steps")

	th.changeReplay(r, store.ReplayStarting, store.ReplayPaused)
	th.wantLane("paused", live)
	th.changeReplay(r, store.ReplayPaused, store.ReplayRunning)
	th.wantNoLane("resumed")
	th.changeReplay(r, store.ReplayRunning, store.ReplayCancelling)
	th.wantLane("being cancelled", live)
	r = th.claimReplay("one")
	th.replayed(r, store.ReplayStep{Cursor: r.Cursor, State: store.ReplayCancelled, At: th.clock.Now()})
	th.wantLane("cancelled", live)

	r = th.replay(s, far, far)
	later := th.publish().Event
	th.wantLane("another replay, another mark", live)
	th.settleAll(1)
	th.wantNoLane("the other has given nothing yet")
	r = th.claimReplay("one")
	if r = th.replayed(r, th.page(r, 100)); r.State != store.ReplayCompleted {
		t.Errorf("at the end: %+v", r)
	}
	th.wantLane("all of the replay, then what came meanwhile", append(events, waits, live, later)...)

	th.settleAll(6)
	r = th.replay(s, far, far)
	last := th.publish().Event
	th.wantNoLane("a third one")
	r = th.claimReplay("one")
	th.replayed(r, store.ReplayStep{Cursor: r.Cursor, State: store.ReplayFailed, Reason: "a test", At: th.clock.Now()})
	th.wantLane("it failed", last)
	th.verify()
}

// A replay holds the lane that it fills, neither other lanes nor what is collected here.
func replayHoldsNobodyElse(t *testing.T, th *harness) {
	a := th.mailbox("A")
	s := th.subscribe("A", ofPatient(jack, vaccination))
	had := th.collected(a, 1)
	th.remote("FAR")
	th.replay(s, a, a)
	live := th.publish().Event
	th.wantLane("another lane", live)
	th.wantInbox("collected here: by position, at once", a, live)
	r := th.claimReplay("one")
	th.replayed(r, th.page(r, 10))
	th.wantInbox("what was given again stands first", a, had[0], live)
	th.verify()
}
