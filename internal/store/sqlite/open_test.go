package sqlite_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"nems/internal/store"
	"nems/internal/store/sqlite"
)

// raw opens a database beside the store, to look at it or to spoil it.
func raw(t testing.TB, path string) *zombiezen.Conn {
	t.Helper()
	conn, err := zombiezen.OpenConn(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func ask(t testing.TB, conn *zombiezen.Conn, query string) string {
	t.Helper()
	var answer string
	err := sqlitex.ExecuteTransient(conn, query, &sqlitex.ExecOptions{ResultFunc: func(s *zombiezen.Stmt) error {
		answer = s.ColumnText(0)
		return nil
	}})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

// Before 3.52 a log could be reset under a reader's feet, and 3.53.3 had a bug
// in rollback (sqlite.org, "The WAL-reset bug").
func TestSQLiteIsNewEnough(t *testing.T) {
	version := ask(t, raw(t, ":memory:"), "SELECT sqlite_version()")
	parts := strings.Split(version, ".")
	major, _ := strconv.Atoi(parts[0])
	minor, _ := strconv.Atoi(parts[1])
	if major < 3 || major == 3 && minor < 54 {
		t.Errorf("SQLite %s; 3.54 or newer is needed", version)
	}
}

func TestFileIsMadeToLast(t *testing.T) {
	dir := t.TempDir()
	start(t, dir, sqlite.Options{})
	conn := raw(t, filepath.Join(dir, "nems.db"))
	for pragma, want := range map[string]string{"journal_mode": "wal", "auto_vacuum": "2", "page_size": "8192", "application_id": "1313164627"} {
		if got := ask(t, conn, "PRAGMA "+pragma); got != want {
			t.Errorf("%s: expected %s, got %s", pragma, want, got)
		}
	}
}

func TestOneProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nems.db")
	db, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.Open(path, sqlite.Options{})
	if !errors.Is(err, sqlite.ErrLocked) || !strings.Contains(err.Error(), path) {
		t.Errorf("expected ErrLocked with the file's name, got %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = sqlite.Open(path, sqlite.Options{}); err != nil {
		t.Fatalf("after it was closed: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// Whatever the path to a database is spelt like, it is the same database.
func TestOneProcessWhateverThePath(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "nems.db")
	db, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	link := func(make func(from, to string) error, from, to string) string {
		t.Helper()
		if err := make(from, to); err != nil {
			t.Fatal(err)
		}
		return to
	}
	t.Chdir(folder)
	for name, spelling := range map[string]string{
		"relative":             "nems.db",
		"with a dot":           "./nems.db",
		"there and back":       folder + "/../" + filepath.Base(folder) + "/nems.db",
		"two slashes":          folder + "//nems.db",
		"a link to the file":   link(os.Symlink, path, filepath.Join(t.TempDir(), "other.db")),
		"a link beside it":     link(os.Symlink, "nems.db", filepath.Join(folder, "beside.db")),
		"a link to its folder": filepath.Join(link(os.Symlink, folder, filepath.Join(t.TempDir(), "data")), "nems.db"),
	} {
		if again, err := sqlite.Open(spelling, sqlite.Options{}); !errors.Is(err, sqlite.ErrLocked) {
			t.Errorf("%s: %v", name, err)
			if err == nil {
				_ = again.Close()
			}
		}
	}
	hard := link(os.Link, path, filepath.Join(folder, "hard.db"))
	if again, err := sqlite.Open(hard, sqlite.Options{}); err == nil {
		_ = again.Close()
		t.Error("a hard link is opened as another database")
	}
}

// The lock is on the file: neither a lock file that was removed nor a second place
// where the file appears (a bind mount has a lock file of its own) lets another in,
// and who was refused has not loosened what SQLite holds.
func TestOneProcessWithoutTheLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nems.db")
	db, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if again, err := sqlite.Open(path, sqlite.Options{}); !errors.Is(err, sqlite.ErrLocked) {
			t.Errorf("expected ErrLocked, got %v", err)
			if err == nil {
				_ = again.Close()
			}
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = sqlite.Open(path, sqlite.Options{}); err != nil {
		t.Fatalf("after it was closed: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestForeignAndNewerFilesAreLeftAlone(t *testing.T) {
	for name, script := range map[string]string{
		"another program's":     "PRAGMA application_id = 77; CREATE TABLE t (a)",
		"a file without a name": "CREATE TABLE t (a)",
		"a directory":           "PRAGMA application_id = 1313164612",
		"a newer version's":     "PRAGMA application_id = 1313164627; PRAGMA user_version = 999",
	} {
		path := filepath.Join(t.TempDir(), "nems.db")
		conn, err := zombiezen.OpenConn(path, zombiezen.OpenReadWrite|zombiezen.OpenCreate)
		if err != nil {
			t.Fatal(err)
		}
		if err := sqlitex.ExecuteScript(conn, script, nil); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sqlite.Open(path, sqlite.Options{}); !errors.Is(err, store.ErrSchema) {
			t.Errorf("%s: expected ErrSchema, got %v", name, err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) && !strings.HasPrefix(name, "a newer") {
			t.Errorf("%s was changed, if only its journal mode: %v", name, err)
		}
		if got := ask(t, raw(t, path), "SELECT count(*) FROM sqlite_schema WHERE name = 'event'"); got != "0" {
			t.Errorf("%s was changed", name)
		}
	}
	path := filepath.Join(t.TempDir(), "nems.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(path, sqlite.Options{}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("no database at all: %v", err)
	}
	if _, err := sqlite.Open(filepath.Join(t.TempDir(), "missing", "nems.db"), sqlite.Options{}); err == nil {
		t.Error("a folder that is missing")
	}
}
