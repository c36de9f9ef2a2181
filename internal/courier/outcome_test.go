package courier_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/courier"
	"nems/internal/store"
)

func entry(action audit.Action) audit.Entry { return audit.Entry{At: start, Action: action} }

// auditedAs counts the audit entries with an action.
func (fx *fixture) auditedAs(action audit.Action) (n int) {
	fx.mu.Lock()
	defer fx.mu.Unlock()
	for _, e := range fx.audited {
		if e.Action == action {
			n++
		}
	}
	return n
}

// crashing is an outbox whose process dies before it stores an outcome.
type crashing struct {
	courier.Outbox
	died chan struct{}
}

var errDied = errors.New("the process died")

func (c crashing) Settle(context.Context, store.Lane, store.Delivery, time.Duration) error {
	close(c.died)
	return errDied
}

func (crashing) ReleaseLane(context.Context, store.Lane, time.Time) error { return errDied }

// If we die between the MESH's answer and our record of it, the next owner of
// the lane finds the copy by tracking and does not send it again.
func TestCrashBetweenSendAndRecord(t *testing.T) {
	fx := newFixture(t, setting{recipients: []string{"A"}})
	fx.publish(1)
	fx.publish(2)
	died := make(chan struct{})
	stop := fx.run(func(c *courier.Config) { c.Outbox = crashing{fx.db, died} })
	<-died
	stop()
	if len(fx.arrived("A")) != 1 || len(fx.in(store.Waiting)) != 2 {
		t.Fatal("the copy is not at the MESH alone")
	}
	fx.run(func(c *courier.Config) { c.Owner = "second" })
	if n := len(fx.in(store.Sent)); n != 0 {
		t.Errorf("%d sent although the claim holds", n)
	}
	fx.clock.move(5 * time.Minute) // the claim expires
	fx.eventually("both sent", func() bool { return len(fx.in(store.Sent)) == 2 })
	if n := len(fx.arrived("A")); n != 2 {
		t.Errorf("%d copies at the MESH, want 2", n)
	}
	if d := fx.in(store.Sent)[0]; d.MESHID == "" || d.Attempts != 0 {
		t.Errorf("found by tracking: %+v", d)
	}
}

// Stopping returns the lanes back: another owner can claim them at once.
func TestStopReleases(t *testing.T) {
	fx := newFixture(t, setting{recipients: []string{"A"}})
	fx.publish(1)
	stop := fx.run()
	fx.eventually("sent", func() bool { return len(fx.in(store.Sent)) == 1 })
	stop()
	fx.publish(2)
	lanes, err := fx.db.ClaimLanes(t.Context(), "other", time.Minute, 10)
	if err != nil || len(lanes) != 1 {
		t.Fatalf("%+v, %v", lanes, err)
	}
	next, err := fx.db.WaitingDeliveries(t.Context(), lanes[0], 10)
	if err != nil || len(next) != 1 || next[0].Uncertain {
		t.Errorf("a lane that was given back leaves nothing uncertain: %+v, %v", next, err)
	}
}

// A send that nobody answers ends before another node may claim its lane, and
// the MESH is asked before the send is repeated.
func TestAttemptEndsBeforeLease(t *testing.T) {
	const lease = time.Second
	fx := newFixture(t, setting{recipients: []string{"A"}})
	fx.publish(1)
	var hung atomic.Int32
	fx.failing(func(r *http.Request) error {
		if r.Method != http.MethodPost || hung.Add(1) > 1 {
			return nil
		}
		if end, ok := r.Context().Deadline(); !ok || time.Until(end) > lease {
			t.Errorf("it may go on until %v", end)
		}
		<-r.Context().Done()
		return r.Context().Err()
	})
	fx.run(func(c *courier.Config) { c.Lease = lease })
	fx.eventually("cut off", func() bool { all := fx.in(store.Waiting); return len(all) == 1 && all[0].Uncertain })
	fx.clock.move(time.Second) // the pause is over
	fx.eventually("sent", func() bool { return len(fx.in(store.Sent)) == 1 })
	if d := fx.in(store.Sent)[0]; d.Attempts != 2 {
		t.Errorf("%+v", d)
	}
}

// damaged is an outbox in which one message no longer has its checksum.
type damaged struct {
	courier.Outbox
	event store.EventID
}

func (d damaged) Event(ctx context.Context, event store.EventID) (store.Event, error) {
	if event == d.event {
		return store.Event{}, store.ErrDamaged
	}
	return d.Outbox.Event(ctx, event)
}

// A body that differs from what was published is never sent; the next delivery is.
func TestDamagedBodyIsParked(t *testing.T) {
	fx := newFixture(t, setting{recipients: []string{"A"}})
	first := fx.publish(1)
	fx.publish(2)
	fx.run(func(c *courier.Config) { c.Outbox = damaged{fx.db, first} })
	fx.eventually("sent", func() bool { return len(fx.in(store.Sent)) == 1 })
	if all := fx.in(store.Parked); len(all) != 1 || all[0].Event != first || all[0].Attempts != 0 {
		t.Errorf("parked: %+v", all)
	}
	if got := fx.arrived("A"); len(got) != 1 || fx.body(got[0]) != message(2) {
		t.Errorf("arrived: %+v", got)
	}
}

// The delivery about a patient who was flagged after acceptance is withheld, and nobody else can
// see why.
func TestWithheld(t *testing.T) {
	fx := newFixture(t, setting{recipients: []string{"A"}})
	fx.publish(1)
	fx.publish(2)
	fx.run(func(c *courier.Config) {
		c.Withheld = func(_ context.Context, e store.Event) (bool, error) { return string(e.Message) == message(1), nil }
	})
	fx.eventually("done", func() bool { return len(fx.in(store.Sent)) == 1 && len(fx.in(store.Withheld)) == 1 })
	if got := fx.arrived("A"); len(got) != 1 || fx.body(got[0]) != message(2) {
		t.Errorf("arrived: %+v", got)
	}
	if fx.auditedAs("withhold") != 1 {
		t.Error("not audited")
	}
}

// A partner id that is too long loses whole pairs, and the audit records it.
func TestPartnerIDIsCapped(t *testing.T) {
	fx := newFixture(t, setting{recipients: []string{"A"}})
	for n := range 12 {
		fx.subscribe("A", strings.Repeat("t", 40)+string(rune('a'+n)))
	}
	fx.publish(1)
	fx.run()
	fx.eventually("sent", func() bool { return len(fx.in(store.Sent)) == 1 })
	partner := fx.arrived("A")[0].PartnerID
	if len(partner) > 500 || len(partner) < 400 {
		t.Fatalf("%d bytes", len(partner))
	}
	for _, pair := range strings.Split(partner, "~~~") {
		if id, tag, ok := strings.Cut(pair, "|"); !ok || len(id) != 32 || len(tag) < 40 {
			t.Errorf("a cut pair: %q", pair)
		}
	}
	if fx.auditedAs("partner-id-cut") != 1 {
		t.Error("not audited")
	}
}

// A message that nobody collected causes a report. The report is recorded with
// its delivery, and the delivery can be sent again under a new local id.
func TestReports(t *testing.T) {
	fx := newFixture(t, setting{recipients: []string{"A"}})
	for n := range 20 {
		fx.publish(n)
	}
	fx.run()
	fx.eventually("sent", func() bool { return len(fx.in(store.Sent)) == 20 })
	fx.clock.move(5*day + time.Minute)
	_, err := fx.mesh.Housekeep(t.Context(), fx.now())
	fx.must(err)
	fx.eventually("reported", func() bool { return len(fx.in(store.Undeliverable)) == 20 })
	old := fx.in(store.Undeliverable)[0]
	if old.ErrorCode != "14" || old.MESHID == "" {
		t.Errorf("%+v", old)
	}
	fx.eventually("acknowledged", func() bool { return len(fx.arrived("X26NEMS")) == 0 })
	fx.must(fx.db.ResendDelivery(t.Context(), old.ID, fx.now(), entry("resend")))
	fx.eventually("sent again", func() bool { return len(fx.in(store.Sent)) == 1 })
	if got := fx.arrived("A"); len(got) != 1 || fx.body(got[0]) != message(0) || got[0].LocalID == old.ID {
		t.Errorf("arrived: %+v", got)
	}
}
