package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"nems/internal/database"
	"nems/internal/store"
	"nems/internal/store/postgres"
	"nems/internal/store/sqlite"
)

// openDatabase opens the store that the configuration names. A database of
// several nodes is migrated by the operator, but for the dev world.
func (n *node) openDatabase(ctx context.Context) (database.Store, error) {
	options := store.Options{Now: n.Now, Settled: n.clock.Settled, Steady: n.Steady, Retention: n.Retention, Sender: n.Mailbox, Log: n.Log, Quotas: n.Quotas.limits()}
	if isPostgres(n.Database) {
		return opened(postgres.Open(ctx, n.Database, postgres.Options{Options: options, Migrate: n.Dev}))
	}
	path, err := databasePath(n.Data, n.Database)
	if err != nil {
		return nil, err
	}
	return opened(sqlite.Open(path, options))
}

// opened hands on what a store's Open returns: no database where there is an
// error, rather than an interface around a nil pointer.
func opened[DB database.Store](db DB, err error) (database.Store, error) {
	if err != nil {
		return nil, err
	}
	return db, nil
}

// isPostgres tells whether a database is a PostgreSQL server's, by its URL.
func isPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// Migrate brings the schema of a database up to date and returns its versions
// before and after. Embedded databases are migrated whenever they are opened.
func Migrate(ctx context.Context, data, database string) (from, to int64, err error) {
	if isPostgres(database) {
		return postgres.Migrate(ctx, database)
	}
	path, err := databasePath(data, database)
	if err != nil {
		return 0, 0, err
	}
	return sqlite.Migrate(path)
}

// errDatabaseKind does not repeat what was given: it may hold a password.
var errDatabaseKind = errors.New("database: expected sqlite:PATH or postgres://USER@HOST/NAME; received another kind")

// databasePath is the file of the embedded database: what sqlite: names, the
// path of a file that is there, or nems.db in the data folder. It returns
// errDatabaseKind for anything else, so that a slip in another program's URL
// is not taken for the name of a file.
func databasePath(data, database string) (string, error) {
	if path := strings.TrimPrefix(database, "sqlite:"); path == "" {
		return filepath.Join(data, eventsFile), nil
	} else if path != database {
		return path, nil
	}
	if _, err := os.Stat(database); err != nil {
		return "", errDatabaseKind
	}
	return database, nil
}
