package datafolder

import (
	"context"
	"iter"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/postgres"
	"nems/internal/store/sqlite"
)

// Reader is a database of events opened for reading. The service may be running on
// it.
type Reader interface {
	// Heads, LastCommit and Witness are those of database.Ends.
	Heads(ctx context.Context) ([]audit.Head, error)
	LastCommit(ctx context.Context) (time.Time, error)
	Witness(ctx context.Context, name string) ([]byte, error)
	// Links yields the links of the audit that were committed from a moment until
	// before another. A zero time sets no limit.
	Links(ctx context.Context, from, to time.Time) iter.Seq2[audit.Link, error]
	Close() error
}

// OpenReader opens a database for reading. For an embedded one that does not
// exist, the error is fs.ErrNotExist.
func OpenReader(ctx context.Context, folder, url string, options store.Options) (Reader, error) {
	if IsPostgres(url) {
		return OpenServer(ctx, url, options)
	}
	path, err := Path(folder, url)
	if err != nil {
		return nil, err
	}
	r, err := sqlite.OpenReader(path)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Server is the database of a server, whose clock may differ from this machine's.
type Server interface {
	Reader
	Clock(ctx context.Context) (time.Time, error)
}

// OpenServer connects to a PostgreSQL database as a service does.
func OpenServer(ctx context.Context, url string, options store.Options) (Server, error) {
	db, err := postgres.Open(ctx, url, postgres.Options{Options: options})
	if err != nil {
		return nil, err
	}
	return db, nil
}

// AuditLinks yields the links of the audit in a database, for verifying.
func AuditLinks(ctx context.Context, folder, url string) iter.Seq2[audit.Link, error] {
	return func(yield func(audit.Link, error) bool) {
		source, err := OpenReader(ctx, folder, url, store.Options{})
		if err != nil {
			yield(audit.Link{}, err)
			return
		}
		defer source.Close()
		source.Links(ctx, time.Time{}, time.Time{})(yield)
	}
}
