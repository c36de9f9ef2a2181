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
func clockPutRight(t *testing.T, th *harness) {
	for i, wrong := range []time.Duration{25 * time.Hour, 10 * 365 * 24 * time.Hour, 100 * 365 * 24 * time.Hour} {
		for _, restarts := range []bool{false, true} {
			t.Logf("by %s, restarted: %t", wrong, restarts)
			jumpAndReturn(th, fmt.Sprintf("CLOCK%d%t", i, restarts), wrong, restarts)
		}
	}
}

func jumpAndReturn(th *harness, name string, wrong time.Duration, restarts bool) {
	box := th.mailbox(name)
	s := th.subscribe(name, ofPatient(jack, vaccination))
	before := th.publish().Event
	began := th.clock.Now()
	th.clock.advance(wrong)
	key := func(a *store.Acceptance) { a.Idempotency = &store.Idempotency{ASID: "300000000161", Key: name} }
	during := th.publish(key).Event
	th.clock.advance(time.Minute - wrong)
	if restarts {
		th.fixture.Stop(th.T)
		th.reopen()
	}
	th.must(th.Housekeep(th.ctx()))
	right := th.clock.Now()
	after := th.publish().Event
	th.wantInbox("in the order of their acceptance", box, before, during, after)
	for _, c := range []struct {
		event       store.EventID
		from, until time.Time
	}{{before, began, began.Add(time.Second)}, {during, began, right}, {after, right, right.Add(time.Second)}} {
		if at := th.Moment(c.event); at.Before(c.from) || at.After(c.until) {
			th.Errorf("accepted between %s and %s: %s", c.from, c.until, at)
		}
	}
	if again := th.publish(key); !again.Repeated || again.Event != during {
		th.Errorf("the key of a moment ago: %+v", again)
	}
	history, err := th.History(th.ctx(), box, right, 0, 10)
	if err != nil || len(history) < 1 || history[0].Position != after {
		th.Errorf("what came since: %+v, %v", history, err)
	}
	for _, m := range th.inbox(box) {
		if left := m.Expires.Sub(th.clock.Now()); left < 4*24*time.Hour || left > 5*24*time.Hour+time.Second {
			th.Errorf("%d expires in %s", m.Position, left)
		}
		th.must(th.Acknowledge(th.ctx(), box, m.Position, th.clock.Now(), nil))
	}
	th.must(th.Delete(th.ctx(), s.ID, entry("delete")))
	th.clock.advance(25 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	if next := th.publish(key); next.Repeated {
		th.Error("the key of yesterday is still known")
	}
	th.clock.advance(31 * 24 * time.Hour)
	for range 3 { // rest of what one round leaves
		th.must(th.Housekeep(th.ctx()))
		th.clock.advance(2 * time.Minute)
	}
	for _, event := range []store.EventID{before, during, after} {
		_, err := th.EventMessage(th.ctx(), event)
		th.wantError(fmt.Sprint("retention of ", event), err, store.ErrNotFound)
	}
}
