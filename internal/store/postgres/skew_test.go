package postgres_test

import (
	"context"
	"testing"
	"time"

	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/store/postgres"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
)

// A node whose clock is wrong gives mailboxes back for as long as it means to:
// its retries come neither at once nor much later, on whichever node.
func TestReleaseByAWrongClock(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	right := runNode(t, dsn)
	for _, off := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		now := func() time.Time { return time.Now().Add(off) }
		wrong, err := postgres.Open(context.Background(), dsn, postgres.Options{Options: store.Options{Now: now}})
		if err != nil {
			t.Fatal(err)
		}
		storetest.Serve(t, wrong)
		patient := storetest.Numbered(100 + int(off/time.Minute))
		waiting(t, right, "R"+off.String(), patient)
		for _, c := range []struct {
			pause time.Duration
			free  bool
		}{{0, true}, {time.Minute, false}} {
			lanes, err := wrong.ClaimLanes(t.Context(), "wrong", time.Minute, 10)
			if err != nil || len(lanes) != 1 {
				t.Fatalf("%s: %d lanes, %v", off, len(lanes), err)
			}
			if err := wrong.ReleaseLane(t.Context(), lanes[0], now().Add(c.pause)); err != nil {
				t.Fatal(err)
			}
			if lanes, err = right.ClaimLanes(t.Context(), "right", time.Minute, 10); err != nil || len(lanes) == 1 != c.free {
				t.Errorf("a clock %s off, due in %s: %d lanes, %v", off, c.pause, len(lanes), err)
			}
			for _, l := range lanes {
				if err := right.ReleaseLane(t.Context(), l, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// waiting makes a remote mailbox for which one copy waits.
func waiting(t *testing.T, db *postgres.DB, box string, patient nhs.NHSNumber) {
	t.Helper()
	if _, err := db.PutMailbox(t.Context(), store.Mailbox{ID: box, ODS: "RR8", Remote: true}); err != nil {
		t.Fatal(err)
	}
	if err := db.Subscribe(t.Context(), storetest.AboutPatient(t, patient, box), eventAbout(db, patient, nil).Audit); err != nil {
		t.Fatal(err)
	}
	if r, err := db.AcceptEvent(t.Context(), eventAbout(db, patient, []byte("waiting"))); err != nil || r.Copies != 1 {
		t.Fatalf("%d copies, %v", r.Copies, err)
	}
}
