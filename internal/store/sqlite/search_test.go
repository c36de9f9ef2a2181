package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/ledger"
	"nems/internal/store/storetest"
	"nems/internal/subscription"
)

// No search reads more of a table or an index than it yields: all are looked up.
func TestSearchesScanNoTable(t *testing.T) {
	db, err := Open(filepath.Join(t.TempDir(), "nems.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Serve(t, db)
	searches := ledger.Searches(dialect{db})
	for query, want := range map[string]string{
		nextGroup:         "subscription_class (ods=? AND class>?)",
		nextOwner:         "subscription_class (ods>?)",
		runIDs:            "subscription_class (ods=? AND class=? AND status=? AND id>? AND id<?)",
		liveSubscriptions: "PRIMARY KEY (quota=?)",
		searches["due"]:   "subscription_due (ends>? AND ends<?)",
		searches["ids"]:   "PRIMARY KEY (id=?)",
		searches["owner"]: "subscription_owner (ods=? AND id>?)",
		searches["key"]:   "subscription_hash (hash=?)",
	} {
		err := db.view(t.Context(), func(conn *sqlite.Conn) error {
			return rows(conn, "EXPLAIN QUERY PLAN "+numbered(query), func(s *sqlite.Stmt) error {
				step := s.ColumnText(3)
				// The subscriptions to one patient are few, and sorted.
				sorts := strings.Contains(step, "TEMP B-TREE") && query != searches["key"]
				if strings.Contains(step, "SCAN") && !strings.Contains(step, "json_each") || sorts || strings.Contains(step, "SEARCH") && !strings.Contains(step, want) {
					t.Errorf("%s: expected %s; received %s", query, want, step)
				}
				return nil
			})
		})
		if err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// Subscriptions of a version without classes are found before housekeeping has
// worked theirs out, and afterwards.
func TestSubscriptionsWithoutClassAreFound(t *testing.T) {
	db, err := Open(filepath.Join(t.TempDir(), "nems.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"A", "B"} {
		if err := exec(db.writer.conn, "INSERT INTO mailbox (id, name, ods, password, remote) VALUES (?, '', 'RR8', '', 0)", id); err != nil {
			t.Fatal(err)
		}
	}
	storetest.Serve(t, db)
	for i, box := range []string{"A", "B"} {
		if err := db.Subscribe(t.Context(), storetest.AboutPatient(t, storetest.Numbered(i), box), audit.Entry{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.submit(t.Context(), unclass{}); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"before", "after"} {
		for box, want := range map[string]int{"A": 1, "B": 1, "C": 0} {
			q := store.SubscriptionQuery{ODS: "RR8", Mailboxes: []string{box}, Statuses: []subscription.Status{subscription.Active}, Max: 10}
			got, err := db.Subscriptions(t.Context(), q)
			if err != nil || len(got) != want {
				t.Errorf("%s, of %s: expected %d; received %d, %v", when, box, want, len(got), err)
			}
		}
		if err := db.Housekeep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var left int64
	err = db.view(t.Context(), func(conn *sqlite.Conn) (err error) {
		left, err = number(conn, "SELECT count(*) FROM subscription WHERE class = 0")
		return err
	})
	if err != nil || left != 0 {
		t.Errorf("expected housekeeping to leave none without a class; left %d, %v", left, err)
	}
}

// unclass makes all subscriptions those of an earlier version.
type unclass struct{}

func (unclass) apply(w *writer) (result, error) {
	return result{}, exec(w.conn, "UPDATE subscription SET class = 0")
}
