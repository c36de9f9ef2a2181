package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/store"
)

// countsOverTime have all that happened, each once, whether it was counted already, is
// routed late, or another node counts as well; and they outlive a crash.
func countsOverTime(t *testing.T, th *harness) {
	box := th.mailbox("A")
	th.mailbox("B")
	th.subscribe("A", ofPatient(jack, vaccination))
	th.subscribe("B", ofPatient(jack, vaccination))
	want := map[time.Time]store.Counted{}
	happened := func(at time.Time, c store.Counted) {
		at = store.PerMinute.Start(at)
		sum := want[at]
		sum.At = at
		sum.Add(c)
		want[at] = sum
	}
	wantCounts := func(when string) {
		t.Helper()
		for _, unit := range store.CountUnits {
			sums := map[time.Time]store.Counted{}
			for _, c := range want {
				sum := sums[unit.Start(c.At)]
				sum.At = unit.Start(c.At)
				sum.Add(c)
				sums[sum.At] = sum
			}
			got, err := th.Counts(th.ctx(), unit, epoch.Add(-time.Hour), th.clock.Now())
			th.must(err)
			received := map[time.Time]store.Counted{}
			for _, c := range got.Bars {
				if (c != store.Counted{At: c.At}) {
					received[c.At] = c
				}
			}
			if diff := cmp.Diff(sums, received); diff != "" || got.Short {
				t.Errorf("%s, unit %d (-expected +received):\n%s", when, unit, diff)
			}
		}
	}
	publish := func(change ...func(*store.Acceptance)) store.EventID {
		t.Helper()
		r := th.publish(change...)
		c := store.Counted{Published: 1, Copies: int64(r.Copies)}
		if r.Copies > 0 {
			c.Matched = 1
		}
		happened(th.Moment(r.Event), c)
		return r.Event
	}
	count := func() { t.Helper(); th.must(th.CountMinutes(th.ctx())) }

	first := publish()
	publish(func(a *store.Acceptance) { a.Withheld = true })
	late := publish(postponed)
	lateAt := th.clock.Now()
	th.clock.advance(time.Second)
	wantCounts("nobody has counted")
	th.clock.advance(10 * time.Second)
	count()
	publish()
	th.clock.advance(time.Second)
	wantCounts("some is counted")
	count()
	th.clock.advance(time.Minute)
	th.must(th.Acknowledge(th.ctx(), box, first, th.clock.Now(), nil))
	happened(th.clock.Now(), store.Counted{Collected: 1})
	th.Refused(store.Refused{At: th.clock.Now(), Action: "publish", Reason: "a"})
	happened(th.clock.Now(), store.Counted{Refused: 1})
	th.Refused(store.Refused{At: th.clock.Now(), Action: "subscribe", Reason: "no publish"})
	th.eventually("the refusals are kept", func() bool {
		kept, err := th.Refusals(th.ctx(), store.RefusedQuery{Max: 10})
		th.must(err)
		return len(kept) == 2
	})
	th.clock.advance(time.Second)
	count()
	count()
	wantCounts("counted twice")
	th.fixture.Crash(t)
	th.reopen()
	th.clock.advance(2 * time.Hour)
	wantCounts("nobody has counted for long")
	count()
	wantCounts("after a crash")

	_, err := th.RouteEvent(th.ctx(), th.routed(late))
	th.must(err)
	count()
	happened(lateAt, store.Counted{Matched: 1, Copies: 2})
	wantCounts("routed late")
	publish()
	th.clock.advance(time.Second)
	wantCounts("one more")
	count()

	th.clock.advance(store.PerMinute.Life())
	th.must(th.Housekeep(th.ctx()))
	bars, err := th.Counts(th.ctx(), store.PerMinute, epoch, epoch.Add(time.Hour))
	th.must(err)
	days, err := th.Counts(th.ctx(), store.PerDay, epoch, epoch.Add(time.Hour))
	th.must(err)
	if len(bars.Bars) != 0 || len(days.Bars) != 1 {
		t.Errorf("after their time: %d minutes and %d days", len(bars.Bars), len(days.Bars))
	}
}
