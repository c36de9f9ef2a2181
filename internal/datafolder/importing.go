package datafolder

import (
	"context"
	"errors"

	"nems/internal/database"
	"nems/internal/directory"
	"nems/internal/store/postgres"
)

// Import is a directory that a file is imported into.
type Import interface {
	directory.Sink
	directory.Organisations
	// Resumed returns how many rows an import that was broken off has left, of those
	// that were put so far.
	Resumed() int
	// Finish makes all rows count at once. step is told what is being done, in words. If
	// it fails, nothing has changed.
	Finish(ctx context.Context, step func(string)) error
	// Discard gives up all rows.
	Discard(ctx context.Context) error
	Close() error
}

// OpenImport opens the directory of a service for an import, whether the service is
// running or not. In an embedded directory each batch counts at once, and there is
// nothing to finish or to discard. With whole, which only a shared directory can do, the
// rows that are not put are gone afterwards. It returns directory.ErrImporting while
// another import into a shared directory runs.
func OpenImport(ctx context.Context, folder, url string, kind directory.Kind, whole bool) (Import, error) {
	if IsPostgres(url) {
		i, err := postgres.OpenImport(ctx, url, kind, whole)
		if err != nil {
			return nil, err
		}
		return i, nil
	}
	if whole {
		return nil, errWhole
	}
	d, err := OpenDirectory(folder)
	if err != nil {
		return nil, err
	}
	return embedded{d}, nil
}

// embedded is a directory in which each batch counts at once.
type embedded struct{ database.Directory }

var errWhole = errors.New("only a directory in PostgreSQL is replaced as a whole; to begin an embedded one anew, stop the service and remove " + DirectoryFile)

func (embedded) Resumed() int                               { return 0 }
func (embedded) Discard(context.Context) error              { return nil }
func (embedded) Finish(context.Context, func(string)) error { return nil }
