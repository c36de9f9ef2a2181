package postgres_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"nems/internal/store/portable"
	"nems/internal/store/postgres"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
)

// held makes writing a row of a table of names wait between the look for an equal row
// and the entries in the unique indexes, which is where two nodes can meet. Its answer
// lets go.
func held(t *testing.T, dsn, table, others string) (letGo func()) {
	t.Helper()
	pgtest.SQL(t, dsn,
		"CREATE FUNCTION waits(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN $1; END $$",
		fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %[1]s_pkey, DROP CONSTRAINT %[1]s_%s_key", table, others),
		// Indexes are written in the order in which they were made.
		fmt.Sprintf("CREATE INDEX in_between ON %s (waits(code))", table),
		fmt.Sprintf("ALTER TABLE %s ADD PRIMARY KEY (id)", table))
	if table == "event_type" {
		pgtest.SQL(t, dsn, "ALTER TABLE event_type ADD UNIQUE (code, workflow)")
	} else {
		pgtest.SQL(t, dsn, "ALTER TABLE event_code ADD UNIQUE (code)")
	}
	holder, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = holder.Close(context.Background()) })
	if _, err := holder.Exec(t.Context(), "SELECT pg_advisory_lock(7)"); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		storetest.Eventually(t, "both nodes write the row", func() bool {
			return pgtest.SQL(t, dsn, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'") == "2"
		})
		if _, err := holder.Exec(t.Context(), "SELECT pg_advisory_unlock(7)"); err != nil {
			t.Fatal(err)
		}
	}
}

// The first event of a type comes to two nodes at the same moment: both write the row of
// its name, and both events are accepted.
func TestFirstOfATypeOnTwoNodes(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	nodes := []*postgres.DB{runNode(t, dsn), runNode(t, dsn)}
	box, patient := subscribed(t, nodes[0])
	for _, db := range nodes { // what else a first event makes is there
		a := eventAbout(db, patient, []byte("another type"))
		a.Code = "another-1"
		if _, err := db.AcceptEvent(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	letGo := held(t, dsn, "event_type", "code_workflow")
	accepted := make(chan error, len(nodes))
	for n, db := range nodes {
		a := eventAbout(db, patient, fmt.Append(nil, "event ", n))
		go func() {
			_, err := db.AcceptEvent(context.WithoutCancel(t.Context()), a)
			accepted <- err
		}()
		defer wantKept(t, db, box, a, true)
	}
	letGo()
	for range nodes {
		if err := <-accepted; err != nil {
			t.Errorf("the first event of its type: %v", err)
		}
	}
}

// The first subscriptions to a type are made on two nodes at the same moment.
func TestFirstSubscriptionsToATypeOnTwoNodes(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	nodes := []*postgres.DB{runNode(t, dsn), runNode(t, dsn)}
	hosted(t, nodes[0], "A")
	letGo := held(t, dsn, "event_code", "code")
	made := make(chan error, len(nodes))
	for n, db := range nodes {
		s, entry := storetest.AboutPatient(t, storetest.Numbered(n+1), "A"), eventAbout(db, storetest.Numbered(n+1), nil).Audit
		go func() { made <- db.Subscribe(context.WithoutCancel(t.Context()), s, entry) }()
	}
	letGo()
	for range nodes {
		if err := <-made; err != nil {
			t.Errorf("the first subscription: %v", err)
		}
	}
}

// Two names with one hash: the row of the second is refused, and its event with it.
func TestNamesWithOneHash(t *testing.T) {
	first, second := sameNumber()
	db := runNode(t, pgtest.Shared(t).Database(t))
	box, patient := subscribed(t, db)
	for _, c := range []struct {
		code string
		kept bool
	}{{first, true}, {second, false}, {first, true}} {
		a := eventAbout(db, patient, []byte(c.code))
		a.Code, a.Workflow = c.code, ""
		_, err := db.AcceptEvent(t.Context(), a)
		if (err == nil) != c.kept {
			t.Errorf("%s: %v", c.code, err)
		}
		wantKept(t, db, box, a, c.kept)
	}
}

// sameNumber finds two codes with one number.
func sameNumber() (first, second string) {
	of := map[int32]string{}
	for n := 0; ; n++ {
		code := fmt.Sprint("type-", n)
		number := portable.TypeNumber(code, "")
		if other, there := of[number]; there {
			return other, code
		}
		of[number] = code
	}
}
