package datafolder

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

// Open opens the database of events for a service. One of several nodes is migrated
// by the operator, unless migrate is set; an embedded one whenever it is opened.
func Open(ctx context.Context, folder, url string, options store.Options, migrate bool) (database.Store, error) {
	if IsPostgres(url) {
		return opened(postgres.Open(ctx, url, postgres.Options{Options: options, Migrate: migrate}))
	}
	path, err := Path(folder, url)
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

// IsPostgres tells whether a database is a PostgreSQL server's, by its URL.
func IsPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// Migrate brings the schema of a database up to date and returns its versions
// before and after. Embedded databases are migrated whenever they are opened.
func Migrate(ctx context.Context, folder, url string) (from, to int64, err error) {
	if IsPostgres(url) {
		return postgres.Migrate(ctx, url)
	}
	path, err := Path(folder, url)
	if err != nil {
		return 0, 0, err
	}
	return sqlite.Migrate(path)
}

// errKind does not repeat what was given: it may hold a password.
var errKind = errors.New("database: expected sqlite:PATH or postgres://USER@HOST/NAME; received another kind")

// CheckURL returns an error for the URL of a database that no service can have.
func CheckURL(url string) error {
	if url == "" || strings.HasPrefix(url, "sqlite:") || IsPostgres(url) {
		return nil
	}
	return errKind
}

// Path is the file of the embedded database: what sqlite: names, the
// path of a file that is there, or nems.db in the data folder. It returns
// errKind for anything else, so that a slip in another program's URL
// is not taken for the name of a file.
func Path(folder, url string) (string, error) {
	if path := strings.TrimPrefix(url, "sqlite:"); path == "" {
		return filepath.Join(folder, eventsFile), nil
	} else if path != url {
		return path, nil
	}
	if _, err := os.Stat(url); err != nil {
		return "", errKind
	}
	return url, nil
}

// OpenDirectory opens the directory of a data folder, making both if they are
// missing. A service and an import may have it open at a time.
func OpenDirectory(folder string) (database.Directory, error) {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, err
	}
	d, err := sqlite.OpenDirectory(filepath.Join(folder, DirectoryFile))
	if err != nil {
		return nil, err
	}
	return d, nil
}
