package sqlite

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/audit"
	"nems/internal/store"
)

// Reader reads a database and writes nothing: the service may be running on it,
// or it may be a copy that is evidence.
type Reader struct{ db DB }

// OpenReader opens the database at path for reading. It returns store.ErrSchema
// for a file that is not a database of this program, or of a newer version of it.
func OpenReader(path string) (*Reader, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	readers, err := openPool(path, 1, readerCacheKiB)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	r := &Reader{db: DB{path: path, readers: readers}}
	err = readers.one(context.Background(), func(conn *sqlite.Conn) error {
		version, err := recognise(conn, mainAppID)
		if err == nil && version == 0 {
			return fmt.Errorf("%w: it is empty", store.ErrSchema)
		}
		if err != nil {
			return err
		}
		return notNewer(version, len(migrationNames(mainMigrations)))
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), r.Close())
	}
	return r, nil
}

// Links yields the links of the audit as DB.Links does.
func (r *Reader) Links(ctx context.Context, from, to time.Time) iter.Seq2[audit.Link, error] {
	return r.db.Links(ctx, from, to)
}

// LastCommit is when the newest link was committed, as DB.LastCommit says.
func (r *Reader) LastCommit(ctx context.Context) (time.Time, error) { return r.db.LastCommit(ctx) }

// Close closes the file.
func (r *Reader) Close() error { return r.db.readers.close() }
