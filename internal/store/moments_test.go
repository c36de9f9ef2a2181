package store

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestMomentsRise checks that, however often the clock is set, positions and
// their moments rise, no moment is ahead of the right clock, and Position is
// the inverse of Of.
func TestMomentsRise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const step = 1 << 12
		var m Moments
		var last EventID
		var handed []EventID
		now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
		for range rapid.IntRange(1, 40).Draw(t, "times") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "passed"))).Truncate(time.Microsecond)
			clock := now
			if rapid.IntRange(0, 3).Draw(t, "wrong") == 0 {
				clock = now.Add(time.Duration(rapid.Int64Range(int64(-30*24*time.Hour), int64(100*365*24*time.Hour)).Draw(t, "by")))
			}
			if shifts := m.Adrift(clock, last, step); shifts != nil {
				m.Set(shifts)
			}
			next := m.Next(clock, last, step)
			if next <= last {
				t.Fatalf("%d after %d", next, last)
			}
			last = next
			handed = append(handed, next)
		}
		if shifts := m.Adrift(now, last, step); shifts != nil {
			m.Set(shifts)
		}
		for i, p := range handed {
			at := m.Of(p)
			if i > 0 && at.Before(m.Of(handed[i-1])) {
				t.Fatalf("position %d is of %s, the one before of %s", p, at, m.Of(handed[i-1]))
			}
			if at.After(now.Add(maxLead + time.Second)) {
				t.Fatalf("position %d is of %s, and it is %s", p, at, now)
			}
			if first := m.Position(at); first > p || m.Of(first).Before(at) {
				t.Fatalf("the first position of %s is %d of %s; %d is of it", at, first, m.Of(first), p)
			}
		}
	})
}
