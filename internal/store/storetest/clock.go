package storetest

import (
	"fmt"
	"testing"
	"time"

	"nems/internal/store"
)

// A clock that was wrong for a while and was put right has no consequence: what
// was accepted meanwhile comes in its place, counts as accepted when the clock was
// put right, and expires and goes like the rest. Also after a restart.
func clockPutRight(t *testing.T, w *world) {
	for i, wrong := range []time.Duration{25 * time.Hour, 10 * 365 * 24 * time.Hour, 100 * 365 * 24 * time.Hour} {
		for _, restarts := range []bool{false, true} {
			t.Logf("by %s, restarted: %t", wrong, restarts)
			jumpAndReturn(w, fmt.Sprintf("CLOCK%d%t", i, restarts), wrong, restarts)
		}
	}
}

func jumpAndReturn(w *world, name string, wrong time.Duration, restarts bool) {
	box := w.mailbox(name)
	s := w.subscribe(name, ofPatient(jack, vaccination))
	before := w.publish().Event
	began := w.clock.Now()
	w.clock.advance(wrong)
	key := func(a *store.Acceptance) { a.Idempotency = &store.Idempotency{ASID: "300000000161", Key: name} }
	during := w.publish(key).Event
	w.clock.advance(time.Minute - wrong)
	if restarts {
		w.fixture.Stop(w.T)
		w.reopen()
	}
	w.must(w.Housekeep(w.ctx()))
	right := w.clock.Now()
	after := w.publish().Event
	w.wantInbox("in the order of their acceptance", box, before, during, after)
	for _, c := range []struct {
		event       store.EventID
		from, until time.Time
	}{{before, began, began.Add(time.Second)}, {during, began, right}, {after, right, right.Add(time.Second)}} {
		if at := w.Moment(c.event); at.Before(c.from) || at.After(c.until) {
			w.Errorf("accepted between %s and %s: %s", c.from, c.until, at)
		}
	}
	if again := w.publish(key); !again.Repeated || again.Event != during {
		w.Errorf("the key of a moment ago: %+v", again)
	}
	history, err := w.History(w.ctx(), box, right, 0, 10)
	if err != nil || len(history) < 1 || history[0].Position != after {
		w.Errorf("what came since: %+v, %v", history, err)
	}
	for _, m := range w.inbox(box) {
		if left := m.Expires.Sub(w.clock.Now()); left < 4*24*time.Hour || left > 5*24*time.Hour+time.Second {
			w.Errorf("%d expires in %s", m.Position, left)
		}
		w.must(w.Acknowledge(w.ctx(), box, m.Position, w.clock.Now(), nil))
	}
	w.must(w.Delete(w.ctx(), s.ID, entry("delete")))
	w.clock.advance(25 * time.Hour)
	w.must(w.Housekeep(w.ctx()))
	if next := w.publish(key); next.Repeated {
		w.Error("the key of yesterday is still known")
	}
	w.clock.advance(31 * 24 * time.Hour)
	for range 3 { // rest of what one round leaves
		w.must(w.Housekeep(w.ctx()))
		w.clock.advance(2 * time.Minute)
	}
	for _, event := range []store.EventID{before, during, after} {
		_, err := w.EventMessage(w.ctx(), event)
		w.wantError(fmt.Sprint("retention of ", event), err, store.ErrNotFound)
	}
}
