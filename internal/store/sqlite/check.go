package sqlite

import (
	"context"
	"errors"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
)

// Check reads a database from end to end: the file's structure, and that every
// message has the SHA-256 taken when it was published. It writes nothing; the
// service may be running on it. progress, if not nil, is told of events.
func Check(ctx context.Context, path string, progress func(done, all int)) (h store.Health, err error) {
	r, err := OpenReader(path)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	all := 0
	if h.Damage, all, err = r.structure(ctx); err != nil {
		return h, err
	}
	if h.Drift, err = r.quotaDrift(ctx); err != nil && len(h.Damage) == 0 {
		return h, err
	}
	for after := int64(0); ; {
		page, err := r.eventIDs(ctx, after)
		if err != nil || len(page) == 0 {
			return h, err
		}
		for _, id := range page {
			if !r.whole(ctx, id) {
				h.Damaged = append(h.Damaged, id)
			}
			after, h.Events = id, h.Events+1
		}
		if progress != nil {
			progress(h.Events, max(all, h.Events))
		}
	}
}

// structure has SQLite look at the file, and says how many events there are.
func (r *Reader) structure(ctx context.Context) (damage []string, events int, err error) {
	err = r.db.readers.one(ctx, func(conn *sqlite.Conn) error {
		if err := rows(conn, "PRAGMA integrity_check", func(s *sqlite.Stmt) error {
			if text := s.ColumnText(0); text != "ok" {
				damage = append(damage, text)
			}
			return nil
		}); err != nil {
			return err
		}
		n, err := number(conn, "SELECT count(*) FROM event")
		events = int(n)
		return err
	})
	return damage, events, err
}

// quotaDrift compares the counters of quotas with the tables. A database of a
// version before them has none.
func (r *Reader) quotaDrift(ctx context.Context) (drift []store.QuotaDrift, err error) {
	there, err := r.has(ctx, "quota_use")
	if err != nil || !there {
		return nil, err
	}
	err = r.db.readers.read(ctx, func(conn *sqlite.Conn) error {
		drift, err = quotaDrift(ctx, conn)
		return err
	})
	return drift, err
}

// eventIDs lists the next events behind one.
func (r *Reader) eventIDs(ctx context.Context, after int64) (out []int64, err error) {
	err = r.db.readers.one(ctx, func(conn *sqlite.Conn) error {
		return rows(conn, "SELECT id FROM event WHERE id > ? ORDER BY id LIMIT 1000", func(s *sqlite.Stmt) error {
			out = append(out, s.ColumnInt64(0))
			return nil
		}, after)
	})
	return out, err
}

// whole tells whether an event's message is as it was published, or gone.
func (r *Reader) whole(ctx context.Context, id int64) bool {
	_, err := r.db.EventMessage(ctx, store.EventID(id))
	return err == nil || errors.Is(err, store.ErrNotFound)
}
