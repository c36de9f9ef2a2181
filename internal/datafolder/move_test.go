package datafolder_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"nems/internal/datafolder"
	"nems/internal/store"
	"nems/internal/store/portable"
	"nems/internal/store/postgres"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/sqlite"
	"nems/internal/store/storetest"
)

// moved are tests of the stores' suite between whose starts the service moves to the
// other engine, and whose rows survive the way there and back: they fill every table
// that moves.
var moved = []string{
	"LargeBody", "Withheld", "Idempotency", "DeferredAsOfAcceptance", "DeferredToMany", "PatientRecords", "RecordsWaiting", "FanOutSurvivesCrash", "EndedSubscriptions",
	"Filters", "Approval", "MailboxesAndWorkflows", "SendingInChunks", "BrokenUploads", "Reports", "ClockSetBack", "MovingDeliveries", "NotRegistered",
	"Registry", "Controllers", "Witnesses", "Refusals", "Sessions", "MessageIDs", "CountsOverTime", "OperatorsPages", "Interactions", "EndpointChanges", "Numbering", "TakingEvents", "ReplayMoves", "Reopening",
}

// TestMovedService runs tests of the suite on a service that moves whenever they stop
// it, first from SQLite, then from PostgreSQL.
func TestMovedService(t *testing.T) {
	server := pgtest.Shared(t)
	empty := server.Database(t)
	if _, _, err := postgres.Migrate(t.Context(), empty); err != nil {
		t.Fatal(err)
	}
	filled, ran := map[string]int64{}, 0
	for first, names := range map[string][]string{
		"sqlite": moved, "postgres": {"DeferredAsOfAcceptance", "FanOutSurvivesCrash", "Filters", "PatientRecords", "SendingInChunks", "Reopening"},
	} {
		t.Run(first, func(t *testing.T) {
			storetest.RunSome(t, func(t *testing.T) storetest.Fixture {
				f := &movingFixture{fresh: map[bool]func(t *testing.T) string{
					false: func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "nems.db") },
					true:  func(t *testing.T) string { return server.Clone(t, empty) },
				}}
				ran++
				t.TempDir() // which is to be there until thereAndBack is done
				f.url = f.fresh[first == "postgres"](t)
				t.Cleanup(func() { f.thereAndBack(t, filled) })
				return f
			}, names...)
		})
	}
	for _, table := range portable.Tables {
		if filled[table.Name] == 0 && ran > len(moved) { // not with -run of some
			t.Errorf("%s: no test has a row of it; add one to the list", table.Name)
		}
	}
}

// movingFixture is a database that moves to another engine when it is opened again.
type movingFixture struct {
	fresh  map[bool]func(t *testing.T) string // an empty database, of PostgreSQL or not
	url    string
	quotas store.Quotas
	clock  *storetest.Clock
	stop   func()
}

func (f *movingFixture) Limit(q store.Quotas) { f.quotas = q }

func (f *movingFixture) Open(t *testing.T, c *storetest.Clock) storetest.Store {
	t.Helper()
	if f.stop != nil {
		f.move(t)
	}
	f.clock = c
	options := store.Options{Now: c.Now, Steady: c.Steady, AuditDelay: 5 * time.Millisecond, Quotas: f.quotas}
	var db interface {
		storetest.Store
		Run(context.Context) error
		Close() error
	}
	var err error
	if datafolder.IsPostgres(f.url) {
		db, err = postgres.Open(t.Context(), f.url, postgres.Options{Options: options, LeaseClock: c.Server})
	} else {
		db, err = sqlite.Open(strings.TrimPrefix(f.url, "sqlite:"), options)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.stop = storetest.Serve(t, db)
	return db
}

func (f *movingFixture) Spoil(t *testing.T, what storetest.Spoiled) {
	t.Helper()
	statement := map[storetest.Spoiled]string{
		storetest.SpoiledCriteria:   "UPDATE subscription SET criteria = 'written by a version that never was'",
		storetest.SpoiledCandidates: "UPDATE route SET candidate = 'c'",
	}[what]
	f.sql(t, statement)
}

func (f *movingFixture) sql(t *testing.T, statement string) {
	t.Helper()
	if datafolder.IsPostgres(f.url) {
		pgtest.SQL(t, f.url, statement)
		return
	}
	conn, err := zombiezen.OpenConn(strings.TrimPrefix(f.url, "sqlite:"))
	if err == nil {
		err = errors.Join(sqlitex.ExecuteTransient(conn, statement, nil), conn.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (f *movingFixture) Stop(*testing.T) { f.stop() }

// Crash stops in order: a service that was killed has to be started once before it
// can be moved from PostgreSQL.
func (f *movingFixture) Crash(*testing.T) { f.stop() }

// move moves to a fresh database of the other engine, and says what has moved.
func (f *movingFixture) move(t *testing.T) []datafolder.MovedTable {
	t.Helper()
	to := f.fresh[!datafolder.IsPostgres(f.url)](t)
	all, err := move(context.Background(), f.url, to, f.clock.Now())
	if err != nil {
		t.Fatalf("move from %s: %v", f.url, err)
	}
	f.url = to
	return all
}

func move(ctx context.Context, from, to string, at time.Time) (all []datafolder.MovedTable, err error) {
	m, err := datafolder.OpenMove(ctx, from, to, at)
	if err != nil {
		return nil, err
	}
	err = m.Run(ctx, "tester", func(datafolder.Step, string, int64, int64) {})
	return m.Tables, errors.Join(err, m.Close())
}

// thereAndBack moves twice and compares all rows.
func (f *movingFixture) thereAndBack(t *testing.T, filled map[string]int64) {
	if t.Failed() || f.clock == nil {
		return
	}
	if !datafolder.IsPostgres(f.url) { // a stop waits until all copies are filed
		f.sql(t, "INSERT INTO spread SELECT event, 0 FROM fanout")
		f.sql(t, "INSERT OR IGNORE INTO pending (event, since) SELECT id, id FROM event ORDER BY id LIMIT 3")
		f.sql(t, "INSERT OR IGNORE INTO message_filed VALUES (1, 1, 2, x'04')")     // housekeeping files after some minutes
		f.sql(t, "INSERT INTO sign_in_link VALUES (x'01', 'a user', 'auditor', 1)") // one that was used, or ended, is gone
		f.sql(t, "INSERT INTO session (key, user, proof, certificate, roles, begun, seen, ends) VALUES (x'02', 'a user', 'a proof', '', 'auditor', 1, 2, 3)")
	}
	before := f.rows(t)
	for _, m := range f.move(t) {
		filled[m.Name] += m.Rows
	}
	f.move(t)
	after := f.rows(t)
	for _, table := range portable.Tables {
		was, is := before[table.Name], after[table.Name]
		if table.Name == "audit_link" { // each move adds one
			is = slices.Clip(is[:max(len(is)-2, 0)])
		} else {
			slices.Sort(was)
			slices.Sort(is)
		}
		if diff := cmp.Diff(was, is, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: other rows after the way there and back:\n%s", table.Name, diff)
		}
	}
}

// rows reads all rows in their portable form.
func (f *movingFixture) rows(t *testing.T) map[string][]string {
	t.Helper()
	var s portable.Source
	var err error
	o := portable.Options{At: f.clock.Now()}
	if datafolder.IsPostgres(f.url) {
		s, err = postgres.OpenSource(context.Background(), f.url, o)
	} else {
		s, err = sqlite.OpenSource(strings.TrimPrefix(f.url, "sqlite:"), o)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out := map[string][]string{}
	for _, table := range portable.Tables {
		for r, err := range s.Rows(context.Background(), table.Name) {
			if err != nil {
				t.Fatal(err)
			}
			if table.Name == "event" { // what was spread to many is filed with the event after a move
				r[len(r)-1] = nil
			}
			if table.Name == "audit_link" { // which the engines number differently
				r[0] = nil
			}
			out[table.Name] = append(out[table.Name], fmt.Sprintf("%#v", []any(r)))
		}
	}
	return out
}

// TestRefusedMoves checks what a move refuses to begin, and that it says why.
func TestRefusedMoves(t *testing.T) {
	server := pgtest.Shared(t)
	folder := t.TempDir()
	path := func(name string) string { return "sqlite:" + filepath.Join(folder, name) }
	full, running, old := server.Database(t), server.Database(t), server.Database(t)
	service(t, path("service.db"))()
	service(t, full)()
	t.Cleanup(service(t, running))
	t.Cleanup(service(t, path("running.db")))
	pgtest.SQL(t, old, "CREATE TABLE of_another_program (n int)")
	if err := os.WriteFile(filepath.Join(folder, "empty.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "text.db"), []byte(strings.Repeat("a text\n", 200)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, says string }{
		{path("text.db"), server.Database(t), "it is no database of a service"},
		{path("service.db"), path("text.db"), "it is no database of a service"},
		{path("service.db"), server.DSN("postgres", "nosuch"), "look at the database's name"},
		{path("service.db"), server.DSN("nobody", "nosuch"), "look at the user"},
		{path("service.db"), "postgres://nems:geheim@nosuch.invalid/nems", "look at the host"},
		{path("service.db"), server.DSN("postgres", "postgres") + "&sslmod=disable", "look at the parameters"},
		{path("running.db"), server.Database(t), fmt.Sprintf("another process uses this database (process %d): stop it first", os.Getpid())},
		{running, path("new.db"), "node 0 (its lease ends within"},
		{path("service.db"), running, "stop it first"},
		{path("service.db"), full, "its table mailbox has rows"},
		{full, path("service.db"), "its table mailbox has rows"},
		{path("service.db"), old, "another program"},
		{old, path("new.db"), "another program"},
		{server.Database(t), path("new.db"), "run nems migrate"},
		{path("empty.db"), server.Database(t), "it is empty"},
		{path("missing.db"), server.Database(t), "there is no database of a service"},
		{"sqlite:" + t.TempDir(), server.Database(t), "there is no database of a service"},
		{path("service.db"), "sqlite:" + filepath.Join(folder, "none", "nems.db"), "make the folder first"},
		{path("service.db"), "mysql://host/nems", "expected sqlite:PATH or postgres://"},
		{path("service.db"), "postgres://nems:geheim@127.0.0.1:1/nems?connect_timeout=1", "look at the host and the port"},
	} {
		_, err := move(t.Context(), c.from, c.to, time.Now())
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("from %s to %s: expected %q; received %v", c.from, c.to, c.says, err)
		}
	}
}

// service makes a service with a mailbox in a database and returns what ends it.
func service(t *testing.T, url string) (stop func()) {
	t.Helper()
	db, err := datafolder.Open(t.Context(), "", url, store.Options{}, true)
	if err != nil {
		t.Fatal(err)
	}
	stop = storetest.Serve(t, db)
	if _, err := db.PutMailbox(t.Context(), store.Mailbox{ID: "A", ODS: "RR8"}); err != nil {
		t.Fatal(err)
	}
	return stop
}
