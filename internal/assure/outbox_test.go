package assure_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	clients "nems/client"
	"nems/internal/assure"
	"nems/message"
	"nems/publisher"
	"nems/publisher/embedded"
)

// modular is a surgery that publishes with this repository's module for publishers: its
// outbox sends, and repeats what has to be repeated.
type modular struct {
	*surgery
	outbox *publisher.Outbox
}

// Do implements assure.Driver.
func (m *modular) Do(ctx context.Context, s *assure.Step) error {
	ctx = context.WithoutCancel(ctx)
	if s.Plan.Kind == "" || s.Plan.ID == "dissent" {
		return nil
	}
	for range max(s.Wants, 1) {
		patient, err := m.traces.Patient(ctx, message.Patient{NHSNumber: s.Asked.NHSNumber})
		if errors.Is(err, publisher.ErrHeldBack) {
			return nil
		}
		if err != nil {
			return err
		}
		patient.Gender = "unknown"
		m.clock.Set(m.clock.Now().Add(time.Second))
		if m.moment = m.clock.Now(); s.Plan.Kind == "new" {
			m.identifier = uuid.NewString()
		}
		if _, err := m.outbox.AddNow(ctx, m.bytes(m.vaccination(patient), s.Plan.Kind)); err != nil {
			return err
		}
	}
	return m.send(ctx)
}

// send runs the outbox for a while, and then puts aside what was refused, as its operators
// do.
func (m *modular) send(ctx context.Context) error {
	// It is not let in for longer than anybody waits: three attempts are enough then.
	for made := 0; made < 3; m.clock.Set(m.clock.Now().Add(time.Second)) {
		n, err := m.outbox.Send(ctx)
		if err != nil {
			return err
		}
		made += n
		if left, err := m.outbox.Count(ctx); err != nil || left[publisher.Waiting] == 0 {
			break
		}
	}
	refused, err := m.outbox.Refusals(ctx)
	for _, r := range refused {
		err = errors.Join(err, m.outbox.Discard(ctx, r.ID))
	}
	return err
}

// Confirm implements assure.Driver: its operators read the log.
func (*modular) Confirm(context.Context, *assure.Step) (*bool, error) { return new(true), nil }

// TestOurOwnModulePasses: what this repository gives to publishers passes the plan.
func TestOurOwnModulePasses(t *testing.T) {
	s, clock := start(t, nil)
	db, err := embedded.OpenDB(filepath.Join(t.TempDir(), "surgery.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	outbox, err := publisher.New(publisher.Config{
		DB: db, Dialect: publisher.SQLite, Level: publisher.Strict, Now: clock.Now,
		Client: &clients.Client{URL: s.URL, ASID: declared.ASID, ODS: declared.ODS, NEMS: "111111111111", Now: clock.Now},
	})
	if err == nil {
		err = outbox.Migrate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	plan, err := assure.BuiltIn("publisher")
	if err != nil {
		t.Fatal(err)
	}
	report, err := assure.Execute(t.Context(), s, assure.Options{Plan: plan, Declared: declared, Driver: &modular{newSurgery(t, s, clock, ""), outbox}, Wait: time.Minute})
	if err != nil || report.Verdict != assure.Pass {
		t.Errorf("%v, %s:\n%s", err, report.Verdict, listed(report))
	}
}
