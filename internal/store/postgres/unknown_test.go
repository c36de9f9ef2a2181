package postgres_test

import (
	"context"
	"errors"
	"testing"

	"nems/internal/store"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
)

// A connection that is lost during COMMIT leaves open whether the event is
// kept: the store says so, and goes on.
func TestConnectionLostDuringCommit(t *testing.T) {
	s := pgtest.Boot(t)
	p, dsn := through(t, s.Database(t))
	db := runNode(t, dsn)
	box, patient := subscribed(t, db)
	for _, c := range []struct {
		name  string
		where cut
		kept  bool
	}{
		{"before it arrives", beforeCommit, false},
		{"after it is done", afterCommit, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := eventAbout(db, patient, []byte("a body to know it by: "+c.name))
			p.arm(c.where, a.Body.Data)
			_, err := db.AcceptEvent(t.Context(), a)
			if p.hits() != 1 {
				t.Fatalf("%d connections were cut", p.hits())
			}
			if !errors.Is(err, store.ErrUnknown) {
				t.Errorf("expected ErrUnknown, got %v", err)
			}
			next := eventAbout(db, patient, []byte("next"))
			storetest.Eventually(t, "the store takes events again", func() bool {
				_, err := db.AcceptEvent(t.Context(), next)
				if err != nil && !errors.Is(err, store.ErrBusy) {
					t.Fatalf("another connection: %v", err)
				}
				return err == nil
			})
			wantKept(t, db, box, next, true)
			wantKept(t, db, box, a, c.kept)
		})
	}
}

// An operator who ends the wait for a standby, or its backend, makes
// PostgreSQL say that the commit may be on one machine only: no 202 for that.
func TestCommitThatNoStandbyConfirmed(t *testing.T) {
	for _, how := range []string{"pg_cancel_backend", "pg_terminate_backend"} {
		t.Run(how, func(t *testing.T) {
			s := pgtest.Boot(t)
			dsn := s.Database(t)
			db := runNode(t, dsn)
			hosted(t, db, "A")
			// What a first event makes beside itself is there already.
			if _, err := db.AcceptEvent(t.Context(), eventAbout(db, storetest.Numbered(1), []byte("first"))); err != nil {
				t.Fatal(err)
			}
			admin := s.DSN("postgres", "postgres") + "&options=-csynchronous_commit%3Dlocal"
			pgtest.SQL(t, admin, "ALTER SYSTEM SET synchronous_standby_names = 'absent'", "SELECT pg_reload_conf()")
			accepted := make(chan error, 1)
			accept := func() {
				_, err := db.AcceptEvent(context.WithoutCancel(t.Context()), eventAbout(db, storetest.Numbered(1), []byte("body")))
				accepted <- err
			}
			go accept()
			var err error
			storetest.Eventually(t, "an answer that had to wait", func() bool {
				pgtest.SQL(t, admin, "SELECT "+how+"(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
				select {
				case err = <-accepted:
					if err == nil { // before the setting took effect
						go accept()
					}
					return err != nil
				default:
					return false
				}
			})
			if !errors.Is(err, store.ErrUnknown) {
				t.Errorf("expected ErrUnknown, got %v", err)
			}
			pgtest.SQL(t, admin, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
			storetest.Eventually(t, "events are taken again", func() bool {
				_, err := db.AcceptEvent(t.Context(), eventAbout(db, storetest.Numbered(1), []byte("body")))
				return err == nil
			})
		})
	}
}
