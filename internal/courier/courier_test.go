package courier_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nems/internal/courier"
	"nems/internal/mailbox"
	"nems/internal/store"
)

// Copies arrive unchanged, in order, with the headers of the specification.
func TestDelivers(t *testing.T) {
	fx := newFixture(t, setting{recipients: []string{"A", "B"}})
	var events []store.EventID
	for n := range 120 { // more than two batches
		events = append(events, fx.publish(n))
	}
	fx.run()
	fx.eventually("all sent", func() bool { return len(fx.in(store.Sent)) == 240 })
	for _, box := range []string{"A", "B"} {
		got := fx.arrived(box)
		if len(got) != len(events) {
			t.Fatalf("%s has %d copies", box, len(got))
		}
		for n, m := range got {
			if fx.body(m) != message(n) {
				t.Fatalf("%s: copy %d is %s", box, n, fx.body(m))
			}
		}
		m := got[0]
		if m.Sender != "X26NEMS" || m.Recipient != box || m.Workflow != workflow || m.Type != store.Data ||
			m.ContentType != "application/fhir+xml" || !strings.HasPrefix(m.FileName, eventCode+"_") || m.LocalID == "" {
			t.Errorf("headers: %+v", m)
		}
	}
	for _, d := range fx.in(store.Sent) {
		if d.MESHID == "" || d.Attempts != 1 || d.Uncertain {
			t.Errorf("sent: %+v", d)
		}
	}
}

// Whatever the network loses, no copy is missing, no copy arrives twice unless
// its answer was lost, and every repeat has the same local id.
func TestFaults(t *testing.T) {
	boxes := []string{"A", "B", "C", "D", "E", "F"}
	fx := newFixture(t, setting{recipients: boxes, running: true, faults: &mailbox.Faults{
		Seed: 7, DropRate: 0.1, ErrorRate: 0.05, Errors: []int{500, 503, 429}, Latency: 100 * time.Microsecond, Jitter: time.Millisecond,
	}})
	const events = 100
	for n := range events {
		fx.publish(n)
	}
	fx.run()
	fx.eventually("all sent", func() bool { return len(fx.in(store.Sent)) == events*len(boxes) })
	copies, duplicates := 0, 0
	for _, box := range boxes {
		byID, bodies := map[string]int{}, map[string]bool{}
		for _, m := range fx.arrived(box) {
			byID[m.LocalID]++
			bodies[fx.body(m)] = true
			copies++
		}
		if len(byID) != events || len(bodies) != events {
			t.Errorf("%s: %d local ids and %d messages of %d", box, len(byID), len(bodies), events)
		}
		for _, n := range byID {
			duplicates += n - 1
		}
	}
	lost := int(fx.trip.lost.Load())
	if lost == 0 {
		t.Error("the network lost nothing: this proves nothing")
	}
	if duplicates > lost {
		t.Errorf("%d duplicates, %d calls lost", duplicates, lost)
	}
	t.Logf("%d copies, %d duplicates, %d calls lost", copies, duplicates, lost)
}

// A delivery that the MESH refuses permanently is parked after one attempt and
// holds up nothing. An operator's retry sends it once the reason is gone.
func TestParked(t *testing.T) {
	fx := newFixture(t, setting{recipients: []string{"A"}})
	fx.subscribe("NOBODY", "") // a mailbox that the MESH does not know
	for n := range 3 {
		fx.publish(n)
	}
	fx.run()
	fx.eventually("parked", func() bool { return len(fx.in(store.Parked)) == 3 && len(fx.in(store.Sent)) == 3 })
	for _, d := range fx.in(store.Parked) {
		if d.MailboxID != "NOBODY" || d.Attempts != 1 || d.ErrorCode != "12" || d.ErrorText == "" {
			t.Errorf("parked: %+v", d)
		}
	}
	if n := fx.auditedAs("park"); n != 3 {
		t.Errorf("%d audited", n)
	}
	d := fx.in(store.Parked)[0]
	fx.must(fx.db.RetryDelivery(t.Context(), d.ID, fx.now(), entry("retry")))
	fx.eventually("refused again", func() bool {
		again, err := fx.db.Delivery(t.Context(), d.ID)
		return err == nil && again.State == store.Parked && again.Attempts == 1 && fx.trip.sends.Load() == 7
	})
}

// resting detects when its courier has given back all expected lanes and found
// nothing more to do.
type resting struct {
	courier.Outbox
	busy  atomic.Int64 // how many lanes are still to be given back
	rests atomic.Bool
}

func (r *resting) ReleaseLane(ctx context.Context, l store.Lane, next time.Time) error {
	defer r.busy.Add(-1)
	return r.Outbox.ReleaseLane(ctx, l, next)
}

func (r *resting) ClaimLanes(ctx context.Context, owner string, lease time.Duration, max int) ([]store.Lane, error) {
	done := r.busy.Load() <= 0
	lanes, err := r.Outbox.ClaimLanes(ctx, owner, lease, max)
	if done && len(lanes) == 0 {
		r.rests.Store(true)
	}
	return lanes, err
}

// A delivery that follows shortly after others does not wait for a whole pause,
// however many lanes were given back before.
func TestFollowsSoon(t *testing.T) {
	const poll = 8 * time.Second
	fx := newFixture(t, setting{recipients: []string{"A", "B", "C", "D", "E", "F", "G", "H"}})
	outbox := &resting{Outbox: fx.db}
	outbox.busy.Store(8)
	fx.publish(0)
	fx.run(func(c *courier.Config) { c.Outbox, c.Poll = outbox, poll })
	fx.eventually("at rest", outbox.rests.Load)
	begun := time.Now()
	fx.publish(1)
	fx.eventually("sent", func() bool { return len(fx.in(store.Sent)) == 16 })
	if took := time.Since(begun); took > poll/4 {
		t.Errorf("the second event waited %s", took)
	}
}

// deadMailbox fails every request that sends to the mailbox DEAD.
func deadMailbox(r *http.Request) error {
	//lint:ignore SA1008 the mex- headers go over the wire in lower case
	if to := r.Header["mex-to"]; len(to) == 1 && to[0] == "DEAD" {
		return errCut
	}
	return nil
}

// A mailbox to which every send fails delays the others by no more than the
// time of its own attempts.
func TestLanesAreIsolated(t *testing.T) {
	fx := newFixture(t, setting{recipients: []string{"DEAD", "A", "B"}})
	fx.failing(deadMailbox)
	for n := range 60 {
		fx.publish(n)
	}
	fx.run(func(c *courier.Config) {
		c.Backoff, c.MostBackoff, c.Trip = time.Hour, time.Hour, 1000
		c.Lease = 10_000 * time.Hour // the clock will be moved: claims must not expire while this machine is slow
	})
	fx.eventually("the others have all", func() bool { return len(fx.arrived("A")) == 60 && len(fx.arrived("B")) == 60 })
	fx.eventually("only the dead one waits", func() bool { return len(fx.in(store.Waiting)) == 60 })
	fx.trip.fail.Store(nil)
	fx.eventually("the dead one too", func() bool { fx.clock.move(time.Minute); return len(fx.arrived("DEAD")) == 60 })
}

// While nothing answers, the breaker lets one probe through at a time. Once the
// MESH is back, waiting deliveries are sent in order.
func TestBreaker(t *testing.T) {
	fx := newFixture(t, setting{recipients: []string{"A", "B", "C", "D"}, running: true})
	var away atomic.Int64
	fx.failing(func(*http.Request) error { away.Add(1); return errCut })
	for n := range 10 {
		fx.publish(n)
	}
	fx.run(func(c *courier.Config) {
		c.Trip, c.Rest, c.Reports = 3, 20*time.Millisecond, time.Hour
	})
	fx.eventually("several probes", func() bool { return away.Load() > 8 })
	if n := len(fx.in(store.Waiting)); n != 40 {
		t.Errorf("%d wait", n)
	}
	fx.trip.fail.Store(nil)
	fx.eventually("all sent", func() bool { return len(fx.in(store.Sent)) == 40 })
	for n, m := range fx.arrived("A") {
		if fx.body(m) != message(n) {
			t.Fatalf("copy %d is %s", n, fx.body(m))
		}
	}
}

// A delivery that keeps failing is parked: by age when nobody answers, by
// number when the MESH itself returns errors.
func TestGivesUp(t *testing.T) {
	t.Run("age", func(t *testing.T) {
		fx := newFixture(t, setting{recipients: []string{"A"}})
		fx.failing(func(*http.Request) error { return errCut })
		fx.publish(1)
		fx.run(func(c *courier.Config) { c.GiveUp, c.Reports = 48*time.Hour, time.Hour })
		fx.eventually("an attempt", func() bool { return fx.in(store.Waiting)[0].Uncertain })
		fx.clock.move(48 * time.Hour)
		// The clock goes on, because the lane may be given back with its pause
		// only after the move.
		fx.eventually("parked", func() bool { fx.clock.move(time.Minute); return len(fx.in(store.Parked)) == 1 })
	})
	t.Run("age, by a clock that jumped", func(t *testing.T) {
		fx := newFixture(t, setting{recipients: []string{"A"}})
		var tries atomic.Int64
		fx.failing(func(*http.Request) error { tries.Add(1); return errCut })
		fx.publish(1)
		fx.run(func(c *courier.Config) {
			c.GiveUp, c.Reports, c.Settled = 48*time.Hour, time.Hour, func() time.Time { return start }
		})
		fx.eventually("an attempt", func() bool { return fx.in(store.Waiting)[0].Uncertain })
		fx.clock.move(10 * 365 * 24 * time.Hour)
		made := tries.Load()
		fx.eventually("two more", func() bool {
			fx.clock.move(time.Minute)
			return tries.Load() >= made+2 || len(fx.in(store.Parked)) > 0
		})
		if len(fx.in(store.Parked)) > 0 {
			t.Error("it was given up")
		}
	})
	t.Run("refusals", func(t *testing.T) {
		fx := newFixture(t, setting{recipients: []string{"A"}, running: true, faults: &mailbox.Faults{ErrorRate: 1, Errors: []int{500}}})
		fx.publish(1)
		fx.run(func(c *courier.Config) { c.MostRefusals = 5 })
		fx.eventually("parked", func() bool { return len(fx.in(store.Parked)) == 1 })
		if d := fx.in(store.Parked)[0]; d.Refusals != 5 || d.ErrorText == "" {
			t.Errorf("%+v", d)
		}
	})
}
