package storetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

// numbering counts copies: without gaps, once, and over a crash.
func numbering(t *testing.T, th *harness) {
	th.endpoint("HOOK")
	second := th.subscribe("HOOK", ofPatient(jack, vaccination)+"&tag=second")
	if c, err := th.Counting(th.ctx(), second.ID); err != nil || c != (store.Counting{}) {
		t.Errorf("before the first: %+v, %v", c, err)
	}
	var events []store.EventID
	for range 3 {
		events = append(events, th.publish().Event)
	}
	lanes, err := th.ClaimEndpoints(th.ctx(), store.WebhookChannel, "hooks", lease, 10)
	th.must(err)
	waiting := th.next(lanes[0])
	th.wantNumbers(lanes[0], waiting[:2], 1, 2)
	th.fixture.Crash(t)
	th.reopen()
	th.clock.advance(lease)
	lanes, err = th.ClaimEndpoints(th.ctx(), store.WebhookChannel, "hooks", lease, 10)
	th.must(err)
	th.wantNumbers(lanes[0], waiting, 1, 2, 3)

	got, err := th.NumberedEvents(th.ctx(), second.ID, 2, 1<<64-1, 10)
	th.must(err)
	if len(got) != 2 || got[0].Number != 2 || got[0].Event != events[1] || got[1].Event != events[2] || got[0].Mailbox != lanes[0].Mailbox || !got[0].At.Equal(epoch) {
		t.Errorf("from 2: %+v", got)
	}
	if got, err = th.NumberedEvents(th.ctx(), second.ID, 1, 3, 1); err != nil || len(got) != 1 || got[0].Number != 1 {
		t.Errorf("one: %+v, %v", got, err)
	}
	c, err := th.Counting(th.ctx(), second.ID)
	if err != nil || c.First != 1 || c.Last != 3 || c.Epoch != uint32(epoch.Unix()) {
		t.Errorf("counted: %+v, %v", c, err)
	}
	recent, err := th.CountedWithin(th.ctx(), time.Minute, 10)
	if err != nil || len(recent) != 2 || !slices.Contains(recent, store.Advance{Subscription: second.ID, Epoch: c.Epoch, Last: 3}) {
		t.Errorf("recent: %+v, %v", recent, err)
	}
	lost := lanes[0]
	lost.Generation++
	_, err = th.NumberDeliveries(th.ctx(), lost, waiting)
	th.wantError("without the claim", err, store.ErrClaimLost)
}

// wantNumbers has copies of two subscriptions numbered.
func (th *harness) wantNumbers(l store.Lane, copies []store.Delivery, want ...uint64) {
	th.Helper()
	got, err := th.NumberDeliveries(th.ctx(), l, copies)
	th.must(err)
	for i, d := range got {
		if len(got) != len(want) || !slices.Equal(d.Numbers, []uint64{want[i], want[i]}) {
			th.Errorf("number %d: %+v", i, d.Numbers)
		}
	}
}

// Lanes that number at the same time wait for each other, and none gives a number
// that another one gives.
func numberingAtOnce(t *testing.T, th *harness) {
	first, other := th.endpoint("ONE"), th.endpoint("TWO")
	for range 20 {
		th.publish()
	}
	lanes, err := th.ClaimEndpoints(th.ctx(), store.WebhookChannel, "hooks", lease, 10)
	th.must(err)
	if len(lanes) != 2 {
		t.Fatalf("%s and %s: %+v", first.Mailbox.ID, other.Mailbox.ID, lanes)
	}
	// A subscription that moved from one endpoint to another has copies in both lanes.
	shared := subscription.NewID(epoch)
	var all sync.WaitGroup
	for _, l := range lanes {
		copies := th.next(l)
		for i := range copies {
			copies[i].Subscriptions = []subscription.ID{shared}
		}
		for _, some := range [][]store.Delivery{copies[:10], copies[5:15], copies[10:]} {
			all.Go(func() {
				if _, err := th.NumberDeliveries(th.ctx(), l, some); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	got, err := th.NumberedEvents(th.ctx(), shared, 0, 100, 100)
	th.must(err)
	seen := map[[2]int64]bool{}
	for i, n := range got {
		if n.Number != uint64(i+1) {
			t.Errorf("%d: %+v", i, n)
		}
		seen[[2]int64{n.Mailbox, int64(n.Event)}] = true
	}
	if len(got) != 40 || len(seen) != 40 {
		t.Errorf("%d numbers for %d copies", len(got), len(seen))
	}
}

// Numbers go when their events do, the count does not while its subscription is there.
func numbersRetained(t *testing.T, th *harness) {
	th.endpoint("HOOK")
	th.publish()
	lanes, err := th.ClaimEndpoints(th.ctx(), store.WebhookChannel, "hooks", lease, 10)
	th.must(err)
	d := th.next(lanes[0])
	th.wantNumbered(lanes[0], d)
	id := d[0].Subscriptions[0]
	th.clock.advance(31 * 24 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	if c, err := th.Counting(th.ctx(), id); err != nil || c.First != 0 || c.Last != 1 {
		t.Errorf("kept: %+v, %v", c, err)
	}
	if got, err := th.NumberedEvents(th.ctx(), id, 1, 9, 9); err != nil || len(got) != 0 {
		t.Errorf("kept: %+v, %v", got, err)
	}
	th.must(th.Delete(th.ctx(), id, entry("delete")))
	th.must(th.Housekeep(th.ctx()))
	if c, err := th.Counting(th.ctx(), id); err != nil || c.Last != 0 {
		t.Errorf("a deleted subscription's: %+v, %v", c, err)
	}
}

func (th *harness) wantNumbered(l store.Lane, copies []store.Delivery) {
	th.Helper()
	got, err := th.NumberDeliveries(th.ctx(), l, copies)
	th.must(err)
	for _, d := range got {
		if len(d.Numbers) != len(d.Subscriptions) || slices.Contains(d.Numbers, 0) {
			th.Errorf("%+v", d)
		}
	}
}

// What a mailbox keeps is counted without a lane, and each copy once.
func numberingKept(t *testing.T, th *harness) {
	th.mailbox("A")
	s := th.subscribe("A", ofPatient(jack, vaccination))
	th.publish()
	th.publish()
	copies, err := th.deliveries(store.DeliveryQuery{Mailbox: "A", Max: 10})
	th.must(err)
	th.must(th.NumberKept(th.ctx(), copies[:1]))
	th.must(th.NumberKept(th.ctx(), copies))
	th.must(th.NumberKept(th.ctx(), nil))
	got, err := th.NumberedEvents(th.ctx(), s.ID, 1, 9, 9)
	if err != nil || len(got) != 2 || got[0].Event != copies[0].Event || got[1].Event != copies[1].Event {
		t.Errorf("%+v, %v", got, err)
	}
}
