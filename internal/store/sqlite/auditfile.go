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

// AuditFile reads the audit of a database and writes nothing: the service may
// be running on it, or it may be a copy that is evidence.
type AuditFile struct{ db DB }

// OpenAudit opens the database at path for reading its audit. It returns
// store.ErrSchema for a file that is not a database of this program.
func OpenAudit(path string) (*AuditFile, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	readers, err := openPool(path, 1, readerCacheKiB)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	f := &AuditFile{db: DB{path: path, readers: readers}}
	err = readers.one(context.Background(), func(conn *sqlite.Conn) error {
		id, err := number(conn, "PRAGMA application_id")
		if err == nil && id != mainAppID {
			err = fmt.Errorf("%w: it belongs to another program (application id %#x)", store.ErrSchema, id)
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), f.Close())
	}
	return f, nil
}

// Links yields the links of the audit as DB.Links does.
func (f *AuditFile) Links(ctx context.Context, from, to time.Time) iter.Seq2[audit.Link, error] {
	return f.db.Links(ctx, from, to)
}

// Close closes the file.
func (f *AuditFile) Close() error { return f.db.readers.close() }

// eventIDs lists the next events behind one.
func (f *AuditFile) eventIDs(ctx context.Context, after int64) (out []int64, err error) {
	err = f.db.readers.one(ctx, func(conn *sqlite.Conn) error {
		return rows(conn, "SELECT id FROM event WHERE id > ? ORDER BY id LIMIT 1000", func(s *sqlite.Stmt) error {
			out = append(out, s.ColumnInt64(0))
			return nil
		}, after)
	})
	return out, err
}

// whole tells whether an event's message is as it was published, or gone.
func (f *AuditFile) whole(ctx context.Context, id int64) bool {
	_, err := f.db.EventMessage(ctx, store.EventID(id))
	return err == nil || errors.Is(err, store.ErrNotFound)
}
