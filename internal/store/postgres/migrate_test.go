package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
)

// Nodes that start together on an empty database all find a whole schema, in which
// each migration was done once.
func TestNodesMigrateTogether(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if _, _, err := Migrate(t.Context(), dsn); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	from, to, err := Migrate(t.Context(), dsn)
	if err != nil || from != to || to == 0 {
		t.Errorf("expected nothing left to do, received %d to %d, %v", from, to, err)
	}
	if twice := pgtest.SQL(t, dsn, "SELECT count(*) - count(DISTINCT version_id) FROM nems_schema_version"); twice != "0" {
		t.Errorf("%s migrations were done twice", twice)
	}
}

// A migration that fails leaves nothing of itself behind, and what failed is named.
// What is outside a transaction is done statement by statement.
func TestFailedMigration(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	files := []migration{
		{1, "0001_a.sql", "CREATE TABLE a (x int);\n"},
		{2, "0002_index.sql", outside + "\nCREATE INDEX CONCURRENTLY a_x ON a (x);\n-- And another.\nCREATE INDEX CONCURRENTLY a_y ON a (x);\n"},
		{3, "0003_b.sql", "CREATE TABLE b (x int);\nCREATE TABLE a (x int);\n"},
	}
	migrate := func(want string, has int64) {
		t.Helper()
		if err := withSchema(t.Context(), dsn, func(conn *pgx.Conn, _ []migration) error {
			said := ""
			if err := apply(t.Context(), conn, files); err != nil {
				said = err.Error()
			}
			if !strings.HasPrefix(said, want) || (want == "") != (said == "") {
				t.Errorf("expected %q, received %q", want, said)
			}
			version, err := applied(t.Context(), conn)
			if version != has {
				t.Errorf("version: expected %d, received %d", has, version)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	migrate(`0003_b.sql: relation "a" already exists`, 2)
	if found := pgtest.SQL(t, dsn, "SELECT count(*) FROM pg_class WHERE relname IN ('a', 'a_x', 'a_y', 'b')"); found != "3" {
		t.Errorf("expected the table a and its two indexes, received %s of those and b", found)
	}
	files[2].text = "CREATE TABLE b (x int);\n"
	migrate("", 3)
}

// A node that waits for another one's migration can be stopped.
func TestWaitingForAMigrationEnds(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := withSchema(t.Context(), dsn, func(conn *pgx.Conn, _ []migration) error {
		if err := lockSchema(t.Context(), conn); err != nil {
			return err
		}
		result := make(chan error, 1)
		go func() {
			_, _, err := Migrate(ctx, dsn)
			result <- err
		}()
		storetest.Eventually(t, "the other node asks for the lock", func() bool {
			return pgtest.SQL(t, dsn, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_try_advisory_lock%'") == "2"
		})
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("expected %v, received %v", context.Canceled, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
