// Package sqlitetest opens the SQLite store in a throwaway folder, for tests of
// what stands on a store.
package sqlitetest

import (
	"path/filepath"
	"testing"

	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"nems/internal/store/sqlite"
	"nems/internal/store/storetest"
)

// DB is a store that runs until the end of the test.
type DB struct {
	*sqlite.DB
	path string
}

// Open makes a database in a folder of its own.
func Open(tb testing.TB, o sqlite.Options) DB {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "nems.db")
	db, err := sqlite.Open(path, o)
	if err != nil {
		tb.Fatal(err)
	}
	storetest.Serve(tb, db)
	return DB{DB: db, path: path}
}

// Rows counts what a table has, past the store: it sees what the store shows to
// nobody.
func (db DB) Rows(tb testing.TB, table string) int {
	tb.Helper()
	conn, err := zombiezen.OpenConn(db.path, zombiezen.OpenReadOnly)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()
	n, err := sqlitex.ResultInt(conn.Prep("SELECT count(*) FROM " + table))
	if err != nil {
		tb.Fatal(err)
	}
	return n
}
