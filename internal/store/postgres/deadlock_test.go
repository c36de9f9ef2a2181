package postgres_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
	"nems/internal/subscription"
)

// Somebody else's transaction that holds what a batch needs, and needs what the
// batch holds: the batch is rolled back, tried again and done.
func TestDeadlockIsTriedAgain(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	db := runNode(t, dsn)
	hosted(t, db, "A")
	var doomed []store.Deletion
	for n := range 2 {
		s := storetest.AboutPatient(t, storetest.Numbered(n+1), "A")
		entry := eventAbout(db, storetest.Numbered(1), nil).Audit
		if err := db.Subscribe(t.Context(), s, entry); err != nil {
			t.Fatal(err)
		}
		doomed = append(doomed, store.Deletion{ID: s.ID, Audit: entry})
	}
	// A statement takes rows in the order of their index.
	slices.SortFunc(doomed, func(a, b store.Deletion) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	other, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	hold := func(id subscription.ID) {
		t.Helper()
		if _, err := other.Exec(t.Context(), "SELECT FROM subscription WHERE id = $1 FOR UPDATE", id[:]); err != nil {
			t.Fatal(err)
		}
	}
	// Whoever has waited for this long is rolled back: not this one.
	if _, err := other.Exec(t.Context(), "SET deadlock_timeout = '1min'"); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	hold(doomed[1].ID)
	answer := make(chan error, 1)
	go func() {
		errs, err := db.DeleteAll(t.Context(), doomed)
		for _, one := range errs {
			if err == nil {
				err = one
			}
		}
		answer <- err
	}()
	storetest.Eventually(t, "the batch waits", func() bool {
		return pgtest.SQL(t, dsn, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nems' AND datname = current_database() AND wait_event_type = 'Lock'") == "1"
	})
	hold(doomed[0].ID)
	if _, err := other.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err != nil {
		t.Errorf("the batch: %v", err)
	}
	storetest.Eventually(t, "the server tells of the deadlock", func() bool {
		return pgtest.SQL(t, dsn, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == "1"
	})
}
