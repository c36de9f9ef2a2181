package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
)

// registration is an operation of one statement on the registry. Where it
// changes no row it is refused with store.ErrNotFound.
type registration struct {
	sql   string
	args  []any
	entry audit.Sealed
}

func (r registration) apply(w *writer) (result, error) {
	if err := exec(w.conn, r.sql, r.args...); err != nil {
		return result{}, err
	}
	if w.conn.Changes() == 0 {
		return result{err: store.ErrNotFound}, nil
	}
	w.entries = append(w.entries, r.entry)
	return result{}, exec(w.conn, "UPDATE registry_version SET version = version + 1")
}

// PutSystem registers a system, replacing its registration if it has one.
func (db *DB) PutSystem(ctx context.Context, s store.System, e audit.Entry) error {
	_, err := db.submit(ctx, registration{"INSERT OR REPLACE INTO system (asid, value, revoked) VALUES (?, ?, ?)",
		[]any{string(s.ASID), notNull(s.Value), s.Revoked}, seal(e)})
	return err
}

// RevokeSystem takes a system's rights away; store.ErrNotFound when it is not
// registered.
func (db *DB) RevokeSystem(ctx context.Context, asid nhs.ASID, e audit.Entry) error {
	_, err := db.submit(ctx, registration{"UPDATE system SET revoked = 1 WHERE asid = ?", []any{string(asid)}, seal(e)})
	return err
}

// System returns a registered system, revoked ones too, or store.ErrNotFound.
func (db *DB) System(ctx context.Context, asid nhs.ASID) (store.System, error) {
	return store.First(db.systems(ctx, "SELECT asid, value, revoked FROM system WHERE asid = ?", string(asid)))
}

// Systems returns all registered systems in the order of their ASIDs.
func (db *DB) Systems(ctx context.Context) ([]store.System, error) {
	return db.systems(ctx, "SELECT asid, value, revoked FROM system ORDER BY asid")
}

func (db *DB) systems(ctx context.Context, query string, args ...any) ([]store.System, error) {
	var out []store.System
	err := db.readers.one(ctx, func(conn *sqlite.Conn) error {
		return rows(conn, query, func(s *sqlite.Stmt) error {
			out = append(out, store.System{ASID: nhs.ASID(s.ColumnText(0)), Value: blob(s, 1), Revoked: s.ColumnBool(2)})
			return nil
		}, args...)
	})
	return out, err
}

// PutLifeCycle keeps the life cycle of an event type, replacing an earlier one.
func (db *DB) PutLifeCycle(ctx context.Context, l store.LifeCycle, e audit.Entry) error {
	_, err := db.submit(ctx, registration{"INSERT OR REPLACE INTO life_cycle (code, value) VALUES (?, ?)", []any{l.Code, notNull(l.Value)}, seal(e)})
	return err
}

// LifeCycles returns the life cycles that were put, in the order of the codes.
func (db *DB) LifeCycles(ctx context.Context) ([]store.LifeCycle, error) {
	var out []store.LifeCycle
	err := db.readers.one(ctx, func(conn *sqlite.Conn) error {
		return rows(conn, "SELECT code, value FROM life_cycle ORDER BY code", func(s *sqlite.Stmt) error {
			out = append(out, store.LifeCycle{Code: s.ColumnText(0), Value: blob(s, 1)})
			return nil
		})
	})
	return out, err
}

// RegistryVersion grows with every change of a system or a life cycle. It is
// cheap: a node that asks every second learns of changes in time.
func (db *DB) RegistryVersion(ctx context.Context) (int64, error) {
	var version int64
	err := db.readers.one(ctx, func(conn *sqlite.Conn) (err error) {
		version, err = number(conn, "SELECT version FROM registry_version")
		return err
	})
	return version, err
}

// SearchKey returns nil: one process has the file, and shares its secrets with
// no other.
func (*DB) SearchKey(context.Context) ([]byte, error) { return nil, nil }
