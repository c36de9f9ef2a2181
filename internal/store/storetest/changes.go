package storetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"nems/internal/store"
)

func demographic(a *store.Acceptance) { a.Demographic = true }

// read follows the pages of changes from a mark to the end.
func (th *harness) read(from int64, max int) (events []store.EventID, mark int64) {
	th.Helper()
	for {
		page, err := th.PatientChanges(th.ctx(), from, max)
		th.must(err)
		events = append(events, page.Events...)
		if page.Next == 0 {
			return events, page.Mark
		}
		if page.Next <= from {
			th.Fatalf("the page after %d begins at %d", from, page.Next)
		}
		from = page.Next
	}
}

func patientChanges(t *testing.T, th *harness) {
	if events, _ := th.read(0, 10); len(events) != 0 {
		t.Errorf("at first: %v", events)
	}
	want := map[store.EventID]bool{}
	var mu sync.Mutex
	var publishing sync.WaitGroup
	for n := range 60 {
		publishing.Go(func() {
			r := th.publish(func(a *store.Acceptance) { a.Demographic, a.Withheld, a.Deferred = n%3 != 0, n%5 == 1, n%5 == 2 })
			mu.Lock()
			defer mu.Unlock()
			if n%3 != 0 {
				want[r.Event] = true
			}
		})
	}
	publishing.Wait()
	events, mark := th.read(0, 7)
	seen := map[store.EventID]bool{}
	for _, e := range events {
		if !want[e] {
			t.Errorf("event %d is no change", e)
		}
		seen[e] = true
	}
	if len(seen) != len(want) {
		t.Errorf("%d of %d changes were found", len(seen), len(want))
	}

	th.fixture.Crash(t)
	th.reopen()
	last := th.publish(demographic)
	if after, _ := th.read(mark, 7); !slices.Equal(after, []store.EventID{last.Event}) {
		t.Errorf("from the mark on: %v, expected %d alone", after, last.Event)
	}
	if all, _ := th.read(1<<60, 100); len(all) != len(want)+1 {
		t.Errorf("from the mark of another database: %d of %d", len(all), len(want)+1)
	}

	th.clock.advance(32 * 24 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	kept := th.publish(demographic)
	th.must(th.Housekeep(th.ctx()))
	if all, _ := th.read(0, 100); !slices.Equal(all, []store.EventID{kept.Event}) {
		t.Errorf("beyond retention: %v, expected %d alone", all, kept.Event)
	}
}
