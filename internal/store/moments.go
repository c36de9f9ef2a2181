package store

import (
	"log/slog"
	"slices"
	"sync/atomic"
	"time"
)

// maxLead is how far the clock may be behind the last position before a store
// begins a new Shift. It is longer than the difference between the clocks of
// nodes.
const maxLead = time.Minute

// farthest is the last position that follows the clock, because there are no
// positions for moments after 2041. Beyond it, positions rise by one step each,
// and lag by up to maxLag before a store begins a new Shift.
var farthest = PositionAt(time.Date(2039, time.January, 1, 0, 0, 0, 0, time.UTC))

const maxLag = 24 * time.Hour

// Shift records that the clock was set. From a position on, positions differ
// from the moments at which they are handed out, so that they continue to rise.
type Shift struct {
	First EventID       // the first position that it applies to
	Ahead time.Duration // by which positions lead from there on; negative if they lag
	At    time.Time     // when it was seen: nothing before First happened later
}

// Log reports it to the operator.
func (s Shift) Log(log *slog.Logger) {
	log.Warn("the clock was set: events are ordered as before, and their moments are the clock's", "positions lead by", s.Ahead.Round(time.Second), "at", s.At)
}

// Moments says which position belongs to which moment. Usually a position
// contains its moment. After the clock was set, the positions lead by
// Shift.Ahead, and everything accepted while the clock was fast counts as
// accepted when it was put right. So moments rise with positions, and a wrong
// time that the clock showed has no lasting effect. The zero value has no
// shifts. It is safe for concurrent use.
type Moments struct{ shifts atomic.Pointer[[]Shift] }

// Set replaces the shifts, which are in the order of their positions.
func (m *Moments) Set(all []Shift) {
	all = slices.Clone(all)
	for i := len(all) - 2; i >= 0; i-- {
		if all[i].At.After(all[i+1].At) { // seen by a clock that was fast
			all[i].At = all[i+1].At
		}
	}
	m.shifts.Store(&all)
}

// all returns the shifts, which must not be changed.
func (m *Moments) all() []Shift {
	if all := m.shifts.Load(); all != nil {
		return *all
	}
	return nil
}

// Ahead returns by how much positions lead now.
func (m *Moments) Ahead() time.Duration {
	all := m.all()
	if len(all) == 0 {
		return 0
	}
	return all[len(all)-1].Ahead
}

// Of returns when a position was handed out, to the microsecond.
func (m *Moments) Of(p EventID) time.Time {
	at, all := p.clock(), m.all()
	next := 0
	for next < len(all) && all[next].First <= p {
		next++
	}
	if next > 0 {
		at = at.Add(-all[next-1].Ahead)
	}
	if next < len(all) && at.After(all[next].At) {
		at = all[next].At
	}
	return at
}

// Position returns the first position at or after a moment, 0 for the zero time.
func (m *Moments) Position(at time.Time) EventID {
	if at.IsZero() {
		return 0
	}
	all := m.all()
	next := 0
	for next < len(all) && all[next].At.Before(at) {
		next++
	}
	p := PositionAt(at)
	if next > 0 {
		s := all[next-1]
		p = max(PositionAt(at.Add(s.Ahead)), s.First)
	}
	if next < len(all) {
		p = min(p, all[next].First)
	}
	return p
}

// Next returns the position for a moment, after the last one that was handed
// out. step is the distance between positions.
func (m *Moments) Next(now time.Time, last, step EventID) EventID {
	next, least := PositionAt(now.Add(m.Ahead())), last/step*step+step
	if next > farthest {
		return least
	}
	return max(next, least)
}

// Adrift returns the shifts with one more if the clock is so far from the last
// position that it must have been set; otherwise nil.
func (m *Moments) Adrift(now time.Time, last, step EventID) []Shift {
	now = now.Truncate(time.Microsecond)
	lead := last.clock().Sub(now) - m.Ahead()
	lags := lead < -maxLag && PositionAt(now.Add(m.Ahead())) > farthest
	if last == 0 || lead <= maxLead && !lags {
		return nil
	}
	first := last/step*step + step
	return append(slices.Clone(m.all()), Shift{First: first, Ahead: first.clock().Sub(now), At: now})
}
