package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"nems/internal/store"
)

// messageIDs are found, the newest first, whether they are filed, wait to be filed, or
// both; also after a new start, and not after their events were removed.
func messageIDs(t *testing.T, th *harness) {
	id := func(n int) string { return fmt.Sprintf("0A0aa0f4-8f5c-4a1c-9b5a-%012d", n) }
	named := func(n int) func(*store.Acceptance) {
		return func(a *store.Acceptance) { a.MessageID, a.Facts.Keys = id(n), nil }
	}
	want := func(what string, n int, events ...store.EventID) {
		t.Helper()
		var got []store.EventID
		for q := (store.EventQuery{MessageID: id(n), Max: 10, Effort: 1000}); ; {
			page, err := th.FindEvents(th.ctx(), q)
			th.must(err)
			for _, e := range page.Found {
				got = append(got, e.Event)
			}
			if q.Before = page.Next; q.Before == 0 {
				break
			}
		}
		if !slices.Equal(got, events) {
			t.Errorf("%s: expected %v, received %v", what, events, got)
		}
		one, err := th.EventByMessageID(th.ctx(), id(n), time.Time{})
		if len(events) == 0 {
			th.wantError(what, err, store.ErrNotFound)
		} else if err != nil || one != events[0] {
			t.Errorf("%s: expected %v, received %v, %v", what, events[0], one, err)
		}
	}
	first := th.publish(named(1)).Event
	second := th.publish(named(1)).Event
	want("not filed", 1, second, first)
	var group errgroup.Group
	group.SetLimit(32) // together, so that they share commits
	fill := 4200
	if many < 10_000 {
		fill = 100 // under the race detector: no segment is full
	}
	for i := range fill {
		a := th.acceptance(jack, message(1))
		named(100 + i)(&a)
		group.Go(func() error { _, err := th.AcceptEvent(th.ctx(), a); return err })
	}
	th.must(group.Wait())
	th.must(th.Housekeep(th.ctx()))
	want("too young to be filed", 1, second, first)
	th.clock.advance(10 * time.Minute)
	th.must(th.Housekeep(th.ctx()))
	want("filed", 1, second, first)
	want("another", 2)
	third := th.publish(named(1)).Event
	want("filed, and one that is not", 1, third, second, first)
	_, err := th.EventByMessageID(th.ctx(), id(100), th.clock.Now().Add(time.Hour))
	th.wantError("since later", err, store.ErrNotFound)
	th.fixture.Stop(t)
	th.reopen()
	th.must(th.Housekeep(th.ctx()))
	want("after a new start", 1, third, second, first)
	th.clock.advance(60 * 24 * time.Hour)
	th.publish(named(3))
	th.must(th.Housekeep(th.ctx()))
	want("removed", 1)
}
