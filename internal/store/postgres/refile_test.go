package postgres

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
	"nems/internal/subscription"
)

// The statements of the version before classes.
const (
	fileEarlier = `INSERT INTO route (hash, code, id, candidate) VALUES ($1, $2, $3, $4)
		ON CONFLICT (hash, code, id) DO UPDATE SET candidate = excluded.candidate, since = pg_current_xact_id()`
	keepEarlier = `INSERT INTO subscription (id, asid, ods, mailbox, endpoint, criteria, hash, same, status, reason, created, version, contacts)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', 0, 1, '')`
)

// Subscriptions that were filed before classes are found as those are that came
// after, and so are those that a node of that version files meanwhile. What such a
// node deletes is gone.
func TestSubscriptionsAreRefiled(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	earlier := storetest.EarlierSubscriptions(t)
	before, meanwhile := earlier[:10], earlier[10:]
	old := func(f func(conn *pgx.Conn, known []migration) error) {
		t.Helper()
		if err := withSchema(t.Context(), dsn, f); err != nil {
			t.Fatal(err)
		}
	}
	file := func(conn *pgx.Conn, all []storetest.Earlier) error {
		for _, e := range all {
			if _, err := conn.Exec(t.Context(), "INSERT INTO mailbox (id, name, ods, password, remote) VALUES ($1, '', 'RR8', 'p', false)", e.Mailbox); err != nil {
				return err
			}
			_, err := conn.Exec(t.Context(), keepEarlier, e.ID[:], string(e.ASID), string(e.ODS), e.Box, e.Mailbox, e.Criteria.Text, e.Hash, e.Box, store.StatusNumber(e.Status))
			if err != nil {
				return err
			}
			if _, err := conn.Exec(t.Context(), fileEarlier, e.Hash, codeNumber(e.Criteria.Events[0]), e.ID[:], e.Packed); err != nil {
				return err
			}
		}
		_, err := conn.Exec(t.Context(), "UPDATE version SET boxes = boxes + 1")
		return err
	}
	old(func(conn *pgx.Conn, known []migration) error {
		if err := apply(t.Context(), conn, known[:10]); err != nil {
			return err
		}
		return file(conn, before)
	})
	db, err := Open(t.Context(), dsn, Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Serve(t, db)
	storetest.WantMatched(t, db, before)
	refiled := func(active, filter string) {
		t.Helper()
		if err := db.Housekeep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := pgtest.SQL(t, dsn, "SELECT count(*) || ' ' || count(*) FILTER (WHERE classed) FROM route WHERE mailbox <> 0"); n != active+" "+filter {
			t.Errorf("filed anew: expected %s, %s that filter; received %s", active, filter, n)
		}
	}
	refiled("5", "4")
	storetest.WantMatched(t, db, before)
	old(func(conn *pgx.Conn, _ []migration) error { return file(conn, meanwhile) })
	storetest.WantMatched(t, db, earlier)
	for i := range earlier {
		if e := &earlier[i]; e.Status == subscription.Requested {
			if err := db.Approve(t.Context(), e.ID, audit.Entry{}); err != nil {
				t.Fatal(err)
			}
			e.Status = subscription.Active
		}
	}
	storetest.WantMatched(t, db, earlier)
	refiled("16", "14")
	storetest.WantMatched(t, db, earlier)
	old(func(conn *pgx.Conn, _ []migration) error {
		for _, e := range earlier {
			if _, err := conn.Exec(t.Context(), "DELETE FROM route WHERE id = $1", e.ID[:]); err != nil {
				return err
			}
		}
		return nil
	})
	storetest.WantMatched(t, db, nil)
}
