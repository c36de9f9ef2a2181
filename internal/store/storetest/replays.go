package storetest

import (
	"errors"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// collected publishes events that a hosted mailbox has then collected.
func (th *harness) collected(box int64, n int) (events []store.EventID) {
	th.Helper()
	for range n {
		event := th.publish().Event
		th.must(th.Acknowledge(th.ctx(), box, event, th.clock.Now(), nil))
		events = append(events, event)
	}
	return events
}

// replay starts one of all that there is.
func (th *harness) replay(s subscription.Subscription, from, to int64) store.Replay {
	th.Helper()
	r, err := th.StartReplay(th.ctx(), store.Replay{
		Subscription: s.ID, ODS: s.ODS, Source: from, Target: to, First: th.Position(s.Created), Mark: th.NextPosition(), Mode: store.ReplayAll, Rate: 100,
		Basis: "a test", Who: "tester", Began: th.clock.Now(),
	}, entry(audit.ActionStartReplay))
	th.must(err)
	return r
}

// claimReplay takes the one replay that must be free.
func (th *harness) claimReplay(owner string) store.Replay {
	th.Helper()
	all, err := th.ClaimReplays(th.ctx(), owner, lease, 10)
	if err != nil || len(all) != 1 {
		th.Fatalf("%s: %+v, %v", owner, all, err)
	}
	return all[0]
}

// page reads what a replay looks at next, all of it to be moved.
func (th *harness) page(r store.Replay, max int) store.ReplayStep {
	th.Helper()
	p, err := th.ReplayPage(th.ctx(), r, max)
	th.must(err)
	step := store.ReplayStep{Cursor: p.Cursor, Move: p.Copies}
	if p.End {
		step.State, step.At = store.ReplayCompleted, th.clock.Now()
		step.Entry = &audit.Entry{At: step.At, Action: audit.ActionEndReplay, Object: r.ID}
	}
	return step
}

func (th *harness) replayed(r store.Replay, s store.ReplayStep) store.Replay {
	th.Helper()
	r, err := th.Replayed(th.ctx(), r, s, lease)
	th.must(err)
	return r
}

// A replay gives collected copies to their mailbox again, each once, marked, with
// what it was; what waits is left alone, and what came later than its mark.
func replayMoves(t *testing.T, th *harness) {
	a, b := th.mailbox("A"), th.mailbox("B")
	s := th.subscribe("A", ofPatient(jack, vaccination))
	th.subscribe("A", ofPatient(other, vaccination))
	th.subscribe("B", ofPatient(jack, vaccination))
	events := th.collected(a, 3)
	another := th.publish(func(x *store.Acceptance) { *x = th.acceptance(other, message(2)) }).Event
	th.must(th.Acknowledge(th.ctx(), a, another, th.clock.Now(), nil))
	waits := th.publish().Event
	r := th.replay(s, a, a)
	later := th.collected(a, 1)
	if r.State != store.ReplayStarting || r.ID == "" {
		t.Errorf("started: %+v", r)
	}

	if n := th.MostReplayed(); n < 1 {
		t.Errorf("a step moves %d", n)
	}
	r = th.claimReplay("one")
	step := th.page(r, 2)
	if len(step.Move) != 2 || step.Move[0].Event != events[0] || step.Move[0].State != store.Acknowledged || step.Move[0].Patient == nil || step.Move[0].Code != vaccination {
		t.Fatalf("the first page: %+v", step)
	}
	step.Counts = store.ReplayCounts{Of: 4}
	next := th.replayed(r, step)
	if next.Cursor != events[1] || next.Counts != (store.ReplayCounts{Of: 4, Sent: 2}) {
		t.Errorf("after the first step: %+v", next)
	}
	th.wantInbox("two again", a, events[0], events[1], waits)
	_, err := th.Replayed(th.ctx(), r, step, lease)
	th.wantError("the same step twice", err, store.ErrClaimLost)

	th.fixture.Crash(t)
	th.reopen()
	th.clock.advance(2 * lease)
	r = th.claimReplay("two")
	if r.Cursor != events[1] || r.Counts.Sent != 2 {
		t.Errorf("after a crash: %+v", r)
	}
	r = th.replayed(r, th.page(r, 100))
	if r.State != store.ReplayCompleted || r.Counts != (store.ReplayCounts{Of: 4, Sent: 3, Passed: 1}) {
		t.Errorf("at the end: %+v", r)
	}
	th.wantInbox("all again, and no more", a, events[0], events[1], events[2], waits)
	all := th.inbox(a)
	if m := all[0]; m.Replay != r.ID || string(th.download(m, 1)) != string(message(1)) || all[3].Replay != "" {
		t.Errorf("marked: %+v; not marked: %+v", m, all[3])
	}
	if got, err := th.deliveries(store.DeliveryQuery{Mailbox: "A", State: store.Waiting, Max: 1}); err != nil || len(got) != 1 || got[0].Replay != r.ID || !got[0].Anew {
		t.Errorf("the delivery: %+v, %v", got, err)
	}
	th.must(th.Acknowledge(th.ctx(), a, events[0], th.clock.Now(), nil))
	th.must(th.ResendDelivery(th.ctx(), store.DeliveryID(events[0], a), th.clock.Now(), entry("resend")))
	if m := th.inbox(a)[0]; m.Replay != "" {
		t.Errorf("an operator's resend is none of the replay's: %+v", m)
	}
	if n, err := th.Count(th.ctx(), b); err != nil || n != 5 {
		t.Errorf("the other mailbox: %d, %v", n, err)
	}
	if got, err := th.Delivery(th.ctx(), store.DeliveryID(later[0], a)); err != nil || got.State != store.Acknowledged {
		t.Errorf("beyond the mark: %+v, %v", got, err)
	}
	th.verify()
}

// Copies can go to another mailbox, to each once; they are removed with their events.
func replayElsewhere(t *testing.T, th *harness) {
	a, b := th.mailbox("A"), th.mailbox("B")
	s := th.subscribe("A", ofPatient(jack, vaccination))
	events := th.collected(a, 2)
	waits := th.publish().Event
	for range 2 {
		th.replay(s, a, b)
		r := th.claimReplay("one")
		step := th.page(r, 100)
		for i := range step.Move {
			step.Move[i].Anew = true
		}
		th.replayed(r, step)
		th.wantInbox("elsewhere", b, events[0], events[1], waits)
	}
	th.wantInbox("here as before", a, waits)
	if d, err := th.Delivery(th.ctx(), store.DeliveryID(events[0], b)); err != nil || len(d.Subscriptions) != 1 || d.Subscriptions[0] != s.ID || d.Replay == "" {
		t.Errorf("the copy: %+v, %v", d, err)
	}
	th.must(th.Acknowledge(th.ctx(), b, events[0], th.clock.Now(), nil))
	th.replay(s, a, b)
	r := th.claimReplay("one")
	step := th.page(r, 100)
	for i := range step.Move {
		step.Move[i].Anew = true
	}
	if r = th.replayed(r, step); r.Counts.Sent != 1 || r.Counts.Passed != 2 {
		t.Errorf("given back: %+v", r)
	}
	th.clock.advance(40 * 24 * time.Hour)
	for range 3 {
		_, err := th.Purge(th.ctx(), th.clock.Now().Add(-30*24*time.Hour), 100)
		th.must(err)
		th.must(th.Housekeep(th.ctx()))
	}
	th.wantInbox("retention removes them", b)
	if all, err := th.deliveries(store.DeliveryQuery{Mailbox: "B", Max: 10}); err != nil || len(all) != 0 {
		t.Errorf("left behind: %+v, %v", all, err)
	}
	th.verify()
}

// By a grant a subscription gets what it would have matched before its start, in one
// go with what it had.
func replayEarlier(t *testing.T, th *harness) {
	a := th.mailbox("A")
	before := []store.EventID{th.publish().Event, th.publish().Event}
	th.publish(func(x *store.Acceptance) { *x = th.acceptance(other, message(2)) })
	th.clock.advance(time.Minute)
	s := th.subscribe("A", ofPatient(jack, vaccination))
	had := th.collected(a, 2)
	r, err := th.StartReplay(th.ctx(), store.Replay{
		Subscription: s.ID, ODS: s.ODS, Source: a, Target: a, First: before[0], Mark: th.NextPosition(), Mode: store.ReplayAll, Rate: 100, Earlier: true, Began: th.clock.Now(),
	}, entry(audit.ActionStartReplay))
	th.must(err)
	for r = th.claimReplay("one"); r.State != store.ReplayCompleted; {
		r = th.replayed(r, th.page(r, 2))
	}
	th.wantInbox("all of its patient", a, append(before, had...)...)
	if m := th.inbox(a)[0]; m.Replay != r.ID || string(th.download(m, 1)) != string(message(1)) {
		t.Errorf("the first: %+v", m)
	}
	th.verify()
}

// An event keeps the number that its subscription gave it, wherever it is sent again.
func replayNumbers(t *testing.T, th *harness) {
	far := th.remote("FAR")
	first, second := th.publish().Event, th.publish().Event
	l := th.claim("one")
	waiting := th.next(l)
	_, err := th.NumberDeliveries(th.ctx(), l, waiting)
	th.must(err)
	for _, d := range waiting {
		d.State, d.At = store.Sent, th.clock.Now()
		th.must(th.Settle(th.ctx(), l, d, lease))
	}
	th.must(th.ReleaseLane(th.ctx(), l, th.clock.Now()))
	s, err := th.Subscription(th.ctx(), waiting[0].Subscriptions[0])
	th.must(err)
	span, err := th.NumberedSpan(th.ctx(), s.ID, 2, 100)
	if err != nil || span != (store.NumberedSpan{Least: 2, First: second, Last: second}) {
		t.Errorf("from 2 on: %+v, %v", span, err)
	}
	if span, err = th.NumberedSpan(th.ctx(), s.ID, 1, 100); err != nil || span != (store.NumberedSpan{Least: 1, First: first, Last: second}) {
		t.Errorf("from 1 on: %+v, %v", span, err)
	}
	another, err := th.PutMailbox(th.ctx(), store.Mailbox{ID: "NEW", ODS: "RR8", Remote: true})
	th.must(err)
	th.replay(s, far, another)
	r := th.claimReplay("one")
	step := th.page(r, 10)
	for i := range step.Move {
		step.Move[i].Anew = true
	}
	th.replayed(r, step)
	l = th.claim("one")
	again, err := th.NumberDeliveries(th.ctx(), l, th.next(l))
	if err != nil || len(again) != 2 || again[0].Numbers[0] != 1 || again[1].Numbers[0] != 2 || again[0].MailboxID != "NEW" {
		t.Errorf("elsewhere: %+v, %v", again, err)
	}
	if c, err := th.Counting(th.ctx(), s.ID); err != nil || c.Last != 2 {
		t.Errorf("counted: %+v, %v", c, err)
	}
	th.verify()
}

// One node at a time works on a replay, and a subscription has one at a time.
func replayClaims(t *testing.T, th *harness) {
	a := th.mailbox("A")
	s := th.subscribe("A", ofPatient(jack, vaccination))
	th.collected(a, 2)
	r := th.replay(s, a, a)
	_, err := th.StartReplay(th.ctx(), store.Replay{Subscription: s.ID, Source: a, Target: a, Rate: 1, Began: th.clock.Now()}, entry(audit.ActionStartReplay))
	var running *store.ReplayingError
	if !errors.As(err, &running) || running.ID != r.ID {
		t.Errorf("a second one: %v", err)
	}
	_, err = th.StartReplay(th.ctx(), store.Replay{Subscription: subscription.NewID(epoch), Began: th.clock.Now()}, entry(audit.ActionStartReplay))
	th.wantError("of no subscription", err, store.ErrNotFound)

	first := th.claimReplay("one")
	none := func(why string) {
		t.Helper()
		if all, err := th.ClaimReplays(th.ctx(), "two", lease, 10); err != nil || len(all) != 0 {
			t.Errorf("%s: %+v, %v", why, all, err)
		}
	}
	none("it is the other's")
	th.clock.advance(lease / 2)
	first = th.replayed(first, th.page(first, 1))
	th.clock.advance(lease * 3 / 4)
	none("the step has prolonged it")
	th.clock.advance(lease)
	second := th.claimReplay("two")
	_, err = th.Replayed(th.ctx(), first, th.page(first, 1), lease)
	th.wantError("a claim that lapsed", err, store.ErrClaimLost)
	second, err = th.Replayed(th.ctx(), second, store.ReplayStep{Cursor: second.Cursor}, 0)
	th.must(err)
	third := th.claimReplay("one") // at once
	if third.Counts.Sent != 1 || third.Generation != second.Generation+1 {
		t.Errorf("given back: %+v", third)
	}
	if third = th.replayed(third, th.page(third, 10)); third.State != store.ReplayCompleted || third.Counts.Sent != 2 {
		t.Errorf("completed: %+v", third)
	}
	th.clock.advance(2 * lease)
	none("it is over")
	th.replay(s, a, a)
	th.verify()
}

// Whoever pauses, cancels or paces a replay takes it from the node that is busy.
func replayChanges(t *testing.T, th *harness) {
	a := th.mailbox("A")
	s := th.subscribe("A", ofPatient(jack, vaccination))
	th.collected(a, 3)
	r := th.replay(s, a, a)
	busy := th.claimReplay("one")
	running := []store.ReplayState{store.ReplayStarting, store.ReplayRunning}
	th.must(th.ChangeReplay(th.ctx(), r.ID, store.ReplayChange{From: running, To: store.ReplayPaused}, entry(audit.ActionPauseReplay)))
	_, err := th.Replayed(th.ctx(), busy, th.page(busy, 1), lease)
	th.wantError("it was paused", err, store.ErrClaimLost)
	if all, err := th.ClaimReplays(th.ctx(), "two", lease, 10); err != nil || len(all) != 0 {
		t.Errorf("paused: %+v, %v", all, err)
	}
	th.wantError("paused twice", th.ChangeReplay(th.ctx(), r.ID, store.ReplayChange{From: running, To: store.ReplayPaused}, entry(audit.ActionPauseReplay)), store.ErrChanged)
	th.wantError("no such replay", th.ChangeReplay(th.ctx(), "1", store.ReplayChange{From: running}, entry(audit.ActionPauseReplay)), store.ErrNotFound)
	th.must(th.ChangeReplay(th.ctx(), r.ID, store.ReplayChange{From: []store.ReplayState{store.ReplayPaused}, To: store.ReplayRunning, Rate: 7}, entry(audit.ActionResumeReplay)))
	busy = th.claimReplay("two")
	if busy.Rate != 7 || busy.State != store.ReplayRunning {
		t.Errorf("resumed: %+v", busy)
	}
	th.replayed(busy, th.page(busy, 1))
	th.must(th.ChangeReplay(th.ctx(), r.ID, store.ReplayChange{From: running, To: store.ReplayCancelling}, entry(audit.ActionCancelReplay)))
	busy = th.claimReplay("one")
	if busy.State != store.ReplayCancelling || busy.Counts.Sent != 1 {
		t.Errorf("cancelling: %+v", busy)
	}
	th.replayed(busy, store.ReplayStep{Cursor: busy.Cursor, State: store.ReplayCancelled, At: th.clock.Now()})
	if got, err := th.Replay(th.ctx(), r.ID); err != nil || got.State != store.ReplayCancelled || !got.Ended.Equal(th.clock.Now()) || got.Basis != "a test" || got.Who != "tester" {
		t.Errorf("cancelled: %+v, %v", got, err)
	}
	th.verify()
}

// Replays are listed, the newest first, until retention removes them.
func replaysKept(t *testing.T, th *harness) {
	a := th.mailbox("A")
	var ids []string
	for _, n := range []string{ofPatient(jack, vaccination), ofPatient(other, vaccination)} {
		r := th.replay(th.subscribe("A", n), a, a)
		r = th.claimReplay("one")
		th.replayed(r, th.page(r, 1))
		ids = append(ids, r.ID)
	}
	all, err := th.Replays(th.ctx(), subscription.ID{}, "", 10)
	if err != nil || len(all) != 2 || all[0].ID != ids[1] || all[1].ID != ids[0] {
		t.Fatalf("all: %+v, %v", all, err)
	}
	if rest, err := th.Replays(th.ctx(), subscription.ID{}, ids[1], 10); err != nil || len(rest) != 1 || rest[0].ID != ids[0] {
		t.Errorf("the rest: %+v, %v", rest, err)
	}
	if one, err := th.Replays(th.ctx(), all[0].Subscription, "", 10); err != nil || len(one) != 1 || one[0].ID != ids[1] {
		t.Errorf("of one subscription: %+v, %v", one, err)
	}
	if kept := th.KeptSince(); !kept.Equal(th.clock.Now().Add(-30 * 24 * time.Hour)) {
		t.Errorf("kept since %s", kept)
	}
	if span, err := th.NumberedSpan(th.ctx(), all[0].Subscription, 1, 10); err != nil || span != (store.NumberedSpan{}) {
		t.Errorf("nothing is numbered: %+v, %v", span, err)
	}
	th.clock.advance(31 * 24 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	_, err = th.Replay(th.ctx(), ids[0])
	th.wantError("after retention", err, store.ErrNotFound)
}
