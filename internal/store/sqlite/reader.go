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
	"nems/internal/store/ledger"
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
	r := &Reader{db: DB{path: path, readers: readers, viewers: readers}}
	r.db.Ledger = ledger.New(engine{&r.db}, &r.db.opts, &r.db.records, &r.db.quotas)
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

// Heads returns the ends of the audit's chains as DB.Heads does.
func (r *Reader) Heads(ctx context.Context) ([]audit.Head, error) { return r.db.Heads(ctx) }

// Witness returns what DB.Witness does; nil in a database of a version before it.
func (r *Reader) Witness(ctx context.Context, name string) ([]byte, error) {
	there, err := r.has(ctx, "witness")
	if err != nil || !there {
		return nil, err
	}
	return r.db.Witness(ctx, name)
}

// has tells whether there is a table: the database may be of an older version.
func (r *Reader) has(ctx context.Context, table string) (there bool, err error) {
	err = r.db.readers.one(ctx, func(conn *sqlite.Conn) error {
		n, err := number(conn, "SELECT count(*) FROM sqlite_schema WHERE name = ?", table)
		there = n > 0
		return err
	})
	return there, err
}

// Close closes the file.
func (r *Reader) Close() error { return r.db.readers.close() }
