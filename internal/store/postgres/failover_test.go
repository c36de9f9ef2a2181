package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"nems/internal/store"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
)

// When a standby takes over, the store goes on with it; the old primary, back
// alone, confirms nothing to a node that has seen the new one.
func TestStandbyTakesOver(t *testing.T) {
	old := pgtest.Boot(t, "wal_level=replica")
	dsn := old.Database(t)
	name := pgtest.SQL(t, dsn, "SELECT current_database()")
	promoted := old.Standby(t)
	both := fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/%s?sslmode=disable", old.Port, promoted.Port, name)
	db := runNode(t, both)
	box, patient := subscribed(t, db)
	before := eventAbout(db, patient, []byte("before"))
	if _, err := db.AcceptEvent(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	written := pgtest.SQL(t, dsn, "SELECT pg_current_wal_flush_lsn()")
	storetest.Eventually(t, "the standby has everything", func() bool {
		return pgtest.SQL(t, promoted.DSN("postgres", name), "SELECT pg_last_wal_replay_lsn() >= '"+written+"'") == "t"
	})
	if n, err := db.Standbys(t.Context()); err != nil || n != 1 {
		t.Errorf("one standby follows: received %d, %v", n, err)
	}
	old.Stop(t)
	promoted.Promote(t)
	after := eventAbout(db, patient, []byte("after"))
	storetest.Eventually(t, "the store goes on", func() bool {
		_, err := db.AcceptEvent(t.Context(), after)
		return err == nil
	})
	wantKept(t, db, box, before, true)
	wantKept(t, db, box, after, true)
	if n, err := db.Standbys(t.Context()); err != nil || n != 0 {
		t.Errorf("nobody follows the new one: received %d, %v", n, err)
	}

	promoted.Stop(t)
	old.Start(t)
	for range 10 {
		a := eventAbout(db, patient, []byte("to the old one"))
		_, err := db.AcceptEvent(context.WithoutCancel(t.Context()), a)
		// ErrUnknown may be the answer to what was under way, no more.
		if !errors.Is(err, store.ErrBusy) && !errors.Is(err, store.ErrUnknown) {
			t.Errorf("the old primary: %v", err)
		}
		if n := pgtest.SQL(t, dsn, fmt.Sprintf("SELECT count(*) FROM event WHERE id = %d", a.Event)); n != "0" {
			t.Error("the old primary has the event")
		}
	}
	old.Stop(t)
	promoted.Start(t)
	again := eventAbout(db, patient, []byte("again"))
	storetest.Eventually(t, "the new primary is taken up again", func() bool {
		_, err := db.AcceptEvent(t.Context(), again)
		return err == nil
	})
	wantKept(t, db, box, after, true)
	wantKept(t, db, box, again, true)

	// Both at once: neither a node that has to connect anew nor one that has just
	// started takes the old one, though it comes first.
	old.Start(t)
	pgtest.SQL(t, promoted.DSN("postgres", name), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nems'")
	beside := eventAbout(db, patient, []byte("beside"))
	storetest.Eventually(t, "the new primary is found beside the old one", func() bool {
		_, err := db.AcceptEvent(t.Context(), beside)
		return err == nil
	})
	wantKept(t, db, box, beside, true)
	started := runNode(t, both)
	fresh := eventAbout(started, patient, []byte("fresh"))
	if _, err := started.AcceptEvent(t.Context(), fresh); err != nil {
		t.Error(err)
	}
	for _, a := range []store.Acceptance{beside, fresh} {
		if n := pgtest.SQL(t, dsn, fmt.Sprintf("SELECT count(*) FROM event WHERE id = %d", a.Event)); n != "0" {
			t.Error("the old primary has the event")
		}
	}
	wantKept(t, db, box, fresh, true)
}
