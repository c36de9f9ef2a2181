package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"nems/internal/store"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
)

// What the server can recover from is ErrBusy: nothing was stored, the API
// says 503, and the next attempt works.
func TestTemporaryFailures(t *testing.T) {
	s := pgtest.Boot(t)
	dsn := s.Database(t)
	db := runNode(t, dsn)
	box, patient := subscribed(t, db)
	// Only the function changes from case to case: that locks no table, on which the
	// node may be at work.
	does := func(what string) {
		t.Helper()
		pgtest.SQL(t, dsn, "CREATE OR REPLACE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "+what+"; END $$")
	}
	does("RETURN NEW")
	pgtest.SQL(t, dsn, "CREATE TRIGGER fails BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION fails()")
	for name, state := range map[string]string{
		"disk full": "53100", "out of memory": "53200", "serialization": "40001", "deadlock": "40P01",
		"lock not available": "55P03", "read-only transaction": "25006", "shutting down": "57P01", "crash elsewhere": "57P02",
	} {
		t.Run(name, func(t *testing.T) {
			a := eventAbout(db, patient, []byte("a body to know it by: "+state))
			does("RAISE EXCEPTION 'as the test wants' USING ERRCODE = '" + state + "'")
			_, err := db.AcceptEvent(t.Context(), a)
			does("RETURN NEW")
			if !errors.Is(err, store.ErrBusy) {
				t.Errorf("expected ErrBusy, got %v", err)
			}
			wantKept(t, db, box, a, false)
			if _, err := db.AcceptEvent(t.Context(), a); err != nil {
				t.Errorf("again: %v", err)
			}
			wantKept(t, db, box, a, true)
		})
	}
}

// A role that is not let in any more, after its password was changed say, is
// nothing that a publisher did: ErrBusy.
func TestLockedOut(t *testing.T) {
	s := pgtest.Boot(t)
	dsn, admin := s.Database(t), s.DSN("postgres", "postgres")
	name := pgtest.SQL(t, dsn, "SELECT current_database()")
	pgtest.SQL(t, admin, "CREATE ROLE guest LOGIN SUPERUSER")
	db := runNode(t, s.DSN("guest", name))
	_, patient := subscribed(t, db)
	pgtest.SQL(t, admin, "ALTER ROLE guest NOLOGIN", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'guest'")
	// The first attempts may still be about the connections that were cut.
	for range 20 {
		_, err := db.AcceptEvent(t.Context(), eventAbout(db, patient, []byte("locked out")))
		if !errors.Is(err, store.ErrBusy) && !errors.Is(err, store.ErrUnknown) {
			t.Fatalf("expected ErrBusy, got %v", err)
		}
	}
	pgtest.SQL(t, admin, "ALTER ROLE guest LOGIN")
	storetest.Eventually(t, "the store takes events again", func() bool {
		_, err := db.AcceptEvent(t.Context(), eventAbout(db, patient, []byte("let in")))
		return err == nil
	})
}

// A connection that has ended while nothing was stored is found out before an
// event depends on it.
func TestConnectionThatEndedIdle(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	db := runNode(t, dsn)
	box, patient := subscribed(t, db)
	pgtest.SQL(t, dsn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
		"SELECT pg_sleep(0.2)") // longer than a connection is trusted unasked
	a := eventAbout(db, patient, []byte("the next"))
	if _, err := db.AcceptEvent(t.Context(), a); err != nil {
		t.Error(err)
	}
	wantKept(t, db, box, a, true)
}

// While the server is away events are refused in time, and taken again when
// it is back, by the same store; what was answered is still there.
func TestServerComesBack(t *testing.T) {
	s := pgtest.Boot(t, "fsync=on")
	db := runNode(t, s.Database(t))
	box, patient := subscribed(t, db)
	before := eventAbout(db, patient, []byte("before"))
	if _, err := db.AcceptEvent(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	s.Stop(t)
	for range 5 {
		from := time.Now()
		_, err := db.AcceptEvent(context.Background(), eventAbout(db, patient, []byte("meanwhile")))
		if !errors.Is(err, store.ErrBusy) && !errors.Is(err, store.ErrUnknown) {
			t.Errorf("server down: %v", err)
		}
		if took := time.Since(from); took > 10*time.Second {
			t.Errorf("refused after %v", took)
		}
	}
	s.Start(t)
	after := eventAbout(db, patient, []byte("after"))
	storetest.Eventually(t, "the store takes events again", func() bool {
		_, err := db.AcceptEvent(t.Context(), after)
		return err == nil
	})
	wantKept(t, db, box, before, true)
	wantKept(t, db, box, after, true)
}
