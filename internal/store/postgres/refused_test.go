package postgres_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"nems/internal/store"
	"nems/internal/store/postgres"
	"nems/internal/store/postgres/pgtest"
)

const tables = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"

// A database that cannot be used is refused at start, in one line that says
// why, without the password.
func TestRefusedDatabases(t *testing.T) {
	s := pgtest.Boot(t)
	pgtest.SQL(t, s.DSN("postgres", "postgres"), "CREATE ROLE guest LOGIN")
	prepared := func(statements ...string) string {
		dsn := s.Database(t)
		pgtest.SQL(t, dsn, statements...)
		return dsn
	}
	migrated, newer := ready(t, s), ready(t, s)
	pgtest.SQL(t, newer, "INSERT INTO nems_schema_version (version_id, is_applied) VALUES (999999, true)")
	empty, foreign := s.Database(t), prepared("CREATE TABLE ledger (a int)")
	guest := func(dsn string) string { return strings.Replace(dsn, "postgres@", "guest:hunter2@", 1) }
	for name, c := range map[string]struct {
		dsn    string
		keep   bool // do not migrate
		schema bool // ErrSchema
		says   string
	}{
		"no DSN":                  {dsn: "postgres://x:hunter2@127.0.0.1:port/nems", says: ""},
		"nobody listens":          {dsn: fmt.Sprintf("postgres://x:hunter2@127.0.0.1:%d/nems?sslmode=disable", pgtest.FreePort(t)), says: "refused"},
		"no such host":            {dsn: "postgres://x:hunter2@host.invalid/nems", says: "host.invalid"},
		"no such database":        {dsn: s.DSN("postgres", "missing"), says: `"missing"`},
		"no such role":            {dsn: s.DSN("nobody:hunter2", "postgres"), says: `"nobody"`},
		"no right to make tables": {dsn: guest(empty), says: "permission denied"},
		"no right to use tables":  {dsn: guest(migrated), says: "permission denied"},
		"empty, not to migrate":   {dsn: empty, keep: true, schema: true, says: "it is empty: run nems migrate"},
		"another program's":       {dsn: foreign, schema: true},
		"a newer version's":       {dsn: newer, schema: true, says: "999999"},
		"only for reading": {dsn: prepared("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', " +
			"current_database()); END $$"), says: "takes no writes"},
	} {
		t.Run(name, func(t *testing.T) { wantRefused(t, c.dsn, !c.keep, c.schema, c.says) })
	}
	for dsn, want := range map[string]string{empty: "0", foreign: "1"} {
		if got := pgtest.SQL(t, dsn, tables); got != want {
			t.Errorf("%s tables instead of %s: something was half done", got, want)
		}
	}
}

// ready makes a database with the tables of this version.
func ready(t *testing.T, s *pgtest.Server) (dsn string) {
	t.Helper()
	dsn = s.Database(t)
	db, err := postgres.Open(t.Context(), dsn, postgres.Options{Migrate: true})
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}

func wantRefused(t *testing.T, dsn string, migrate, schema bool, says string) {
	t.Helper()
	db, err := postgres.Open(t.Context(), dsn, postgres.Options{Migrate: migrate})
	if err == nil {
		t.Fatal("it was opened", db.Close())
	}
	if text := err.Error(); strings.ContainsAny(text, "\r\n") || strings.Contains(text, "hunter2") || len(text) > 400 || !strings.Contains(text, says) {
		t.Errorf("expected one clear line with %q and no password, got %q", says, text)
	}
	if errors.Is(err, store.ErrSchema) != schema {
		t.Errorf("ErrSchema: expected %v: %v", schema, err)
	}
}

func TestReadOnlyStandbyIsRefused(t *testing.T) {
	s := pgtest.Boot(t)
	name := pgtest.SQL(t, ready(t, s), "SELECT current_database()")
	wantRefused(t, s.Standby(t).DSN("postgres", name), false, false, "takes no writes")
}

// A server whose settings may lose an acknowledged event is named in the log.
func TestUnsafeServersAreNamed(t *testing.T) {
	for _, setting := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			dsn := pgtest.Boot(t, "fsync=on", setting+"=off").Database(t)
			db, err := postgres.Open(t.Context(), dsn, postgres.Options{Migrate: true, Options: store.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}})
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			if text := log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, setting) {
				t.Errorf("expected a warning of %s, got %q", setting, text)
			}
		})
	}
}
