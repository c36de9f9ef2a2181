package store

import (
	"log/slog"
	"slices"
	"sync/atomic"
	"time"
)

// maxLead is how far the clock may be behind the last position before a store
// begins a new Shift: longer than the clocks of nodes differ.
const maxLead = time.Minute

// farthest is the last position that follows the clock: there are none for
// moments after 2041. Beyond, positions rise by one step each, and lag by maxLag
// before a store begins a new Shift.
var farthest = PositionAt(time.Date(2039, time.January, 1, 0, 0, 0, 0, time.UTC))

const maxLag = 24 * time.Hour

// Shift tells that the clock was set: from a position on, positions differ from
// the moments at which they are handed out, so that they go on rising.
type Shift struct {
	First EventID       // the first position that it is about
	Ahead time.Duration // by which positions lead from there on; negative where they lag
	At    time.Time     // when it was seen: nothing before First happened later
}

// Log tells the operator of it.
func (s Shift) Log(log *slog.Logger) {
	log.Warn("the clock was set: events are ordered as before, and their moments are the clock's", "positions lead by", s.Ahead.Round(time.Second), "at", s.At)
}

// Moments say which position belongs to which moment. Mostly a position holds
// its moment. Where the clock was set, the positions from there on lead by
// Shift.Ahead, and what was accepted while the clock was fast counts as accepted
// when it was put right. So moments rise with positions, and a time that never
// was has no consequence. The zero value has no shifts. Safe for concurrent use.
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

// all are the shifts, which must not be changed.
func (m *Moments) all() []Shift {
	if all := m.shifts.Load(); all != nil {
		return *all
	}
	return nil
}

// Ahead is by how much positions lead now.
func (m *Moments) Ahead() time.Duration {
	all := m.all()
	if len(all) == 0 {
		return 0
	}
	return all[len(all)-1].Ahead
}

// Of is when a position was handed out, to the microsecond.
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

// Position is the first position at or after a moment, 0 for the zero time.
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

// Next is the position for a moment, behind the last one that was handed out;
// step is how far positions lie apart.
func (m *Moments) Next(now time.Time, last, step EventID) EventID {
	next, least := PositionAt(now.Add(m.Ahead())), last/step*step+step
	if next > farthest {
		return least
	}
	return max(next, least)
}

// Adrift returns the shifts with one more where the clock is so far from the last
// position that it must have been set; nil where it is not.
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
