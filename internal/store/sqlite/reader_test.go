package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"zombiezen.com/go/sqlite/sqlitex"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/sqlite"
)

// The audit is read while the store has the database open, and nothing is
// written where nothing was.
func TestAuditIsReadBesideTheStore(t *testing.T) {
	dir := t.TempDir()
	db := start(t, dir, sqlite.Options{})
	if err := db.PutSystem(t.Context(), store.System{ASID: "200000000115"}, audit.Entry{Action: "system-put"}); err != nil {
		t.Fatal(err)
	}
	f, err := sqlite.OpenReader(filepath.Join(dir, "nems.db"))
	if err != nil {
		t.Fatal(err)
	}
	report, err := audit.Verify(f.Links(t.Context(), time.Time{}, time.Time{}), nil)
	if err != nil || report.Found != 0 || report.Entries != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	missing := filepath.Join(dir, "missing.db")
	if _, err := sqlite.OpenReader(missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("a missing file was made")
	}
	for name, script := range map[string]string{
		"another program's": "CREATE TABLE other (x)",
		"a newer version's": "CREATE TABLE event (x); PRAGMA application_id = 1313164627; PRAGMA user_version = 999",
		"an empty one":      "PRAGMA user_version = 0",
	} {
		other := filepath.Join(t.TempDir(), "other.db")
		if err := sqlitex.ExecuteScript(raw(t, other), script, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlite.OpenReader(other); !errors.Is(err, store.ErrSchema) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
