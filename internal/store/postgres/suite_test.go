package postgres_test

import (
	"testing"
	"time"

	"nems/internal/store"
	"nems/internal/store/postgres"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// The tests of the suite have copies of one database, so that its schema is made once.
func TestSuite(t *testing.T) {
	server := pgtest.Shared(t)
	empty := server.Database(t)
	db, err := postgres.Open(t.Context(), empty, postgres.Options{Migrate: true})
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, func(t *testing.T) storetest.Fixture {
		return &fixture{dsn: server.Clone(t, empty)}
	})
}

// fixture is a database with one node on it.
type fixture struct {
	dsn    string
	quotas store.Quotas
	stop   func()
}

func (f *fixture) Limit(q store.Quotas) { f.quotas = q }

func (f *fixture) Open(t *testing.T, c *storetest.Clock) storetest.Store {
	t.Helper()
	db, err := postgres.Open(t.Context(), f.dsn, postgres.Options{
		Options: store.Options{Now: c.Now, Steady: c.Steady, AuditDelay: 5 * time.Millisecond, Quotas: f.quotas, RetentionTypes: storetest.ShortLived}, LeaseClock: c.Server, Migrate: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.stop = storetest.Serve(t, db)
	return db
}

// OpenSecond opens another node on the database.
func (f *fixture) OpenSecond(t *testing.T, c *storetest.Clock) storetest.Store {
	t.Helper()
	return (&fixture{dsn: f.dsn}).Open(t, c)
}

func (f *fixture) Spoil(t *testing.T, what storetest.Spoiled) {
	t.Helper()
	pgtest.SQL(t, f.dsn, map[storetest.Spoiled]string{
		storetest.SpoiledCriteria:   "UPDATE subscription SET criteria = 'written by a version that never was'",
		storetest.SpoiledCandidates: "UPDATE route SET candidate = '\\x63'",
	}[what])
}

func (f *fixture) Stop(*testing.T) { f.stop() }

// Crash cuts every connection of the node, as the death of its machine would,
// and leaves the node behind: the next one takes over beside it.
func (f *fixture) Crash(t *testing.T) {
	t.Helper()
	pgtest.SQL(t, f.dsn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	f.Stop(t)
}
