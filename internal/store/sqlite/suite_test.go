package sqlite_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nems/internal/store"
	"nems/internal/store/sqlite"
	"nems/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Fixture {
		return &fixture{dir: t.TempDir()}
	})
}

// fixture is a folder with a database.
type fixture struct {
	dir    string
	quotas store.Quotas
	stop   func()
}

func (f *fixture) Limit(q store.Quotas) { f.quotas = q }

func (f *fixture) Open(t *testing.T, c *storetest.Clock) storetest.Store {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(f.dir, "nems.db"), sqlite.Options{Now: c.Now, Steady: c.Steady, AuditDelay: 5 * time.Millisecond, Quotas: f.quotas, RetentionTypes: storetest.ShortLived})
	if err != nil {
		t.Fatal(err)
	}
	f.stop = storetest.Serve(t, db)
	return db
}

func (f *fixture) Spoil(t *testing.T, what storetest.Spoiled) {
	t.Helper()
	ask(t, raw(t, filepath.Join(f.dir, "nems.db")), map[storetest.Spoiled]string{
		storetest.SpoiledCriteria:   "UPDATE subscription SET criteria = 'written by a version that never was'",
		storetest.SpoiledCandidates: "UPDATE route SET candidate = x'63'",
	}[what])
}

func (f *fixture) Stop(*testing.T) { f.stop() }

// Crash copies the files as they are, while the store writes, and goes on with
// the copy: what a killed process would leave to the next. No checkpoint falls
// between the two files, since the logs of these tests stay far below the size
// that starts one; then the database stands still and the log only grows.
func (f *fixture) Crash(t *testing.T) {
	t.Helper()
	copied := t.TempDir()
	if err := os.CopyFS(filepath.Join(copied, "nonces"), os.DirFS(filepath.Join(f.dir, "nonces"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nems.db", "nems.db-wal"} {
		b, err := os.ReadFile(filepath.Join(f.dir, name))
		if os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(copied, name), b, fs.FileMode(0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f.Stop(t)
	f.dir = copied
}
