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

// Open opens the database of events for a service. A database with several nodes is
// migrated by the operator, unless migrate is set; an embedded one is migrated
// whenever it is opened.
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

// opened returns what a store's Open returned. With an error it returns a nil
// interface, not an interface that contains a nil pointer.
func opened[DB database.Store](db DB, err error) (database.Store, error) {
	if err != nil {
		return nil, err
	}
	return db, nil
}

// IsPostgres reports whether a URL is that of a PostgreSQL database.
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

// errKind does not repeat the URL, because it may contain a password.
var errKind = errors.New("database: expected sqlite:PATH or postgres://USER@HOST/NAME; received another kind")

// CheckURL returns an error for a URL that is not valid for any database of a service.
func CheckURL(url string) error {
	if url == "" || strings.HasPrefix(url, "sqlite:") || IsPostgres(url) {
		return nil
	}
	return errKind
}

// Path returns the file of the embedded database. It refuses one whose service has
// moved to another database: it is no longer what the service knows.
func Path(folder, url string) (string, error) {
	path, err := file(folder, url)
	if err != nil {
		return "", err
	}
	return path, hasMoved(path)
}

// file returns the path after sqlite:, the path of an existing file, or nems.db in the
// data folder. It returns errKind for anything else, so that a mistake in a URL of
// another kind is not taken for the name of a file.
func file(folder, url string) (string, error) {
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

// Directory opens the directory of a service whose database is open. With PostgreSQL the
// nodes share it, and each remembers that many patients; otherwise it is a file of the
// data folder.
func Directory(db database.Store, folder string, patients int) (database.Directory, error) {
	if shared, ok := db.(*postgres.DB); ok {
		return shared.Directory(patients), nil
	}
	return OpenDirectory(folder)
}

// OpenShared opens the directory in a PostgreSQL database; done closes it.
func OpenShared(ctx context.Context, url string, options store.Options) (d database.Directory, done func(), err error) {
	db, err := postgres.Open(ctx, url, postgres.Options{Options: options})
	if err != nil {
		return nil, nil, err
	}
	d = db.Directory(0)
	return d, func() { _, _ = d.Close(), db.Close() }, nil
}

// OpenDirectory opens the directory of a data folder, and makes both if they
// are missing. A service and an import may have it open at the same time.
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
