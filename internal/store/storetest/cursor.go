package storetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

// ready has copies for a subscription numbered and sent, as the lane of a stream does.
func (th *harness) ready(n int) (subscription.ID, []store.Delivery) {
	th.Helper()
	for range n {
		th.publish()
	}
	lanes, err := th.ClaimEndpoints(th.ctx(), store.WebhookChannel, "hooks", lease, 10)
	th.must(err)
	copies, err := th.NumberDeliveries(th.ctx(), lanes[0], th.next(lanes[0]))
	th.must(err)
	for _, d := range copies {
		d.State, d.At = store.Sent, th.clock.Now()
		th.must(th.Settle(th.ctx(), lanes[0], d, lease))
	}
	return copies[0].Subscriptions[0], copies
}

// states are the states of the copies, and when they got them.
func (th *harness) states(copies []store.Delivery) (states []store.State, at []time.Time) {
	th.Helper()
	for _, d := range copies {
		got, err := th.Delivery(th.ctx(), d.ID)
		th.must(err)
		states, at = append(states, got.State), append(at, got.At)
	}
	return states, at
}

// takingEvents moves a cursor forward, step by step and never back, and acknowledges
// what it passes.
func takingEvents(t *testing.T, th *harness) {
	th.endpoint("HOOK")
	id, copies := th.ready(5)
	if c, err := th.Cursor(th.ctx(), id); err != nil || c != (store.Cursor{}) {
		t.Errorf("at first: %+v, %v", c, err)
	}
	sent := th.clock.Now()
	th.clock.advance(time.Minute)
	take := func(number uint64, max int, want uint64) {
		t.Helper()
		to := store.Cursor{Epoch: 7, Number: number, At: th.clock.Now()}
		got, err := th.TakeEvents(th.ctx(), id, to, max)
		if err != nil || got.Number != want || got.Epoch != 7 {
			t.Errorf("to %d, at most %d: %+v, %v", number, max, got, err)
		}
	}
	take(4, 2, 2)
	states, at := th.states(copies)
	if want := []store.State{store.Acknowledged, store.Acknowledged, store.Sent, store.Sent, store.Sent}; !slices.Equal(states, want) {
		t.Errorf("%v", states)
	}
	if !at[1].Equal(th.clock.Now()) || !at[2].Equal(sent) {
		t.Errorf("%v", at)
	}
	take(3, 2, 3)
	taken := th.clock.Now()
	th.clock.advance(time.Minute)
	take(1, 2, 3) // not back
	take(3, 2, 3)
	if c, err := th.Cursor(th.ctx(), id); err != nil || c != (store.Cursor{Epoch: 7, Number: 3, At: taken}) {
		t.Errorf("%+v, %v", c, err)
	}
	// What an operator has parked or sent again in the meantime is left alone.
	th.must(th.ResendDelivery(th.ctx(), copies[3].ID, th.clock.Now(), entry("resend")))
	th.fixture.Crash(t)
	th.reopen()
	take(5, 9, 5)
	got, err := th.deliveries(store.DeliveryQuery{Mailbox: "HOOK", Max: 9})
	th.must(err)
	states = nil
	for _, d := range got {
		states = append(states, d.State)
	}
	if want := []store.State{store.Acknowledged, store.Acknowledged, store.Acknowledged, store.Waiting, store.Acknowledged}; !slices.Equal(states, want) {
		t.Errorf("%v", states)
	}
	// A new epoch does not move it back.
	if c, err := th.TakeEvents(th.ctx(), id, store.Cursor{Epoch: 8, Number: 2, At: th.clock.Now()}, 9); err != nil || c.Number != 5 || c.Epoch != 8 {
		t.Errorf("another epoch: %+v, %v", c, err)
	}
}

// takingAtOnce: readers of one endpoint do not lock each other out.
func takingAtOnce(t *testing.T, th *harness) {
	th.endpoint("HOOK")
	other := th.subscribe("HOOK", ofPatient(jack, vaccination)+"&tag=other")
	id, _ := th.ready(30)
	var all sync.WaitGroup
	for n := range uint64(10) {
		for _, id := range []subscription.ID{id, other.ID} {
			all.Go(func() {
				if _, err := th.TakeEvents(th.ctx(), id, store.Cursor{Epoch: 1, Number: 3 * (n + 1), At: th.clock.Now()}, 100); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	for _, id := range []subscription.ID{id, other.ID} {
		if c, err := th.Cursor(th.ctx(), id); err != nil || c.Number != 30 {
			t.Errorf("%+v, %v", c, err)
		}
	}
}

// standing tells which subscriptions there are.
func standing(t *testing.T, th *harness) {
	th.mailbox("MAILBOX1")
	one, two := th.subscribe("MAILBOX1", ofPatient(jack, vaccination)), th.subscribe("MAILBOX1", ofPatient(jack, vaccination)+"&tag=two")
	th.must(th.Delete(th.ctx(), two.ID, entry("delete")))
	got, err := th.StandingSubscriptions(th.ctx(), []subscription.ID{one.ID, two.ID, subscription.NewID(epoch)})
	if err != nil || !slices.Equal(got, []subscription.ID{one.ID}) {
		t.Errorf("%v, %v", got, err)
	}
}
