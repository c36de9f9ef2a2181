package storetest

import (
	"testing"
	"time"

	"nems/internal/store"
)

// A consumer holds what it is given: nobody else is given it before its time has
// passed, and what is acknowledged is given to nobody.
func held(t *testing.T, th *harness) {
	box := th.mailbox("BOX")
	th.subscribe("BOX", ofPatient(jack, vaccination))
	th.wantFree("nothing there", box, false)
	first, second := th.publish().Event, th.publish().Event
	th.wantFree("two wait", box, true)
	if got := th.take(box, 1); len(got) != 1 || got[0].Position != first || got[0].Takes != 1 || got[0].First.IsZero() {
		t.Errorf("the oldest: %+v", got)
	}
	got := th.take(box, 10)
	if len(got) != 1 || got[0].Position != second {
		t.Errorf("the other: %+v", got)
	}
	th.wantFree("both are held", box, false)
	th.wantHeld("both are held", box, store.Held{Taken: 2})
	th.must(th.Hold(th.ctx(), box, got[0], time.Hour))
	th.fixture.Crash(t)
	th.reopen() // what is held stays so
	th.clock.advance(time.Minute)
	again := th.take(box, 10)
	if len(again) != 1 || again[0].Position != first || again[0].Takes != 2 {
		t.Errorf("after its time: %+v", again)
	}
	th.wantError("an earlier receipt", th.Hold(th.ctx(), box, store.Taken{Position: first, Takes: 1}, time.Minute), store.ErrNotFound)
	th.must(th.Hold(th.ctx(), box, again[0], 0))
	th.wantFree("given back", box, true)
	th.wantError("not held", th.Hold(th.ctx(), box, again[0], time.Minute), store.ErrNotFound)

	later := th.NextPosition()
	th.must(th.Delay(th.ctx(), box, later, time.Minute))
	th.must(th.Send(th.ctx(), store.Message{Position: later, Mailbox: box, Recipient: "BOX", Workflow: "SQS", Type: store.Data, Status: store.Waiting, Chunks: 1}, []byte("later"), nil))
	th.wantHeld("one is delayed", box, store.Held{Taken: 1, Delayed: 1})
	if got := th.take(box, 10); len(got) != 1 || got[0].Position != first {
		t.Errorf("one is delayed: %+v", got)
	}
	for _, p := range []store.EventID{first, second, later} {
		th.must(th.Acknowledge(th.ctx(), box, p, th.clock.Now(), nil))
	}
	th.wantHeld("all are acknowledged", box, store.Held{})
	th.must(th.LetGo(box, first))
	th.must(th.Acknowledge(th.ctx(), box, th.publish().Event, th.clock.Now(), nil)) // joins the commit, or follows it
	th.clock.advance(3 * time.Hour)
	th.wantFree("all are acknowledged", box, false)
	if n, err := th.SweepHeld(th.ctx(), 1); err != nil || n != 1 {
		t.Errorf("swept %d, %v", n, err)
	}
	if n, err := th.SweepHeld(th.ctx(), 10); err != nil || n != 1 {
		t.Errorf("swept the rest: %d, %v", n, err)
	}
}

// take takes messages of a queue for half a minute.
func (th *harness) take(mailbox int64, max int) []store.Taken {
	th.Helper()
	taken, err := th.Take(th.ctx(), mailbox, 30*time.Second, max)
	th.must(err)
	return taken
}

func (th *harness) wantFree(what string, mailbox int64, want bool) {
	th.Helper()
	if got, err := th.AnyFree(th.ctx(), mailbox); err != nil || got != want {
		th.Errorf("%s: expected %t; received %t, %v", what, want, got, err)
	}
}

func (th *harness) wantHeld(what string, mailbox int64, want store.Held) {
	th.Helper()
	if got, err := th.HeldNow(th.ctx(), mailbox); err != nil || got != want {
		th.Errorf("%s: expected %+v; received %+v, %v", what, want, got, err)
	}
}

// Whoever sends delayed messages without end hides no other from the consumers.
func manyDelayed(_ *testing.T, th *harness) {
	box := th.mailbox("A")
	th.subscribe("A", ofPatient(jack, vaccination))
	for range store.MostDelayed {
		th.must(th.Delay(th.ctx(), box, th.NextPosition(), time.Minute))
	}
	th.wantError("one more", th.Delay(th.ctx(), box, th.NextPosition(), time.Minute), store.ErrDelayed)
	event := th.publish().Event
	taken, err := th.Take(th.ctx(), box, time.Minute, 10)
	if err != nil || len(taken) != 1 || taken[0].Position != event {
		th.Errorf("%+v, %v", taken, err)
	}
	th.clock.advance(2 * time.Minute)
	th.must(th.Delay(th.ctx(), box, th.NextPosition(), time.Minute))
}
