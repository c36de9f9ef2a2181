package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

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

func (s registration) apply(ctx context.Context, w *writer) (result, error) {
	tag, err := w.conn.Exec(ctx, s.sql, s.args...)
	if err != nil {
		return result{}, err
	}
	if tag.RowsAffected() == 0 {
		return result{err: store.ErrNotFound}, nil
	}
	w.entries = append(w.entries, s.entry)
	w.registryChanged = true
	return result{}, nil
}

// PutSystem registers a system, replacing its registration if it has one.
func (db *DB) PutSystem(ctx context.Context, s store.System, e audit.Entry) error {
	_, err := db.submit(ctx, registration{`INSERT INTO system (asid, value, revoked) VALUES ($1, $2, $3)
		ON CONFLICT (asid) DO UPDATE SET value = $2, revoked = $3`, []any{string(s.ASID), notNull(s.Value), s.Revoked}, seal(e)})
	return err
}

// RevokeSystem takes a system's rights away; store.ErrNotFound when it is not
// registered.
func (db *DB) RevokeSystem(ctx context.Context, asid nhs.ASID, e audit.Entry) error {
	_, err := db.submit(ctx, registration{"UPDATE system SET revoked = true WHERE asid = $1", []any{string(asid)}, seal(e)})
	return err
}

// System returns a registered system or store.ErrNotFound.
func (db *DB) System(ctx context.Context, asid nhs.ASID) (store.System, error) {
	return store.First(db.systems(ctx, "SELECT asid, value, revoked FROM system WHERE asid = $1", string(asid)))
}

// Systems returns all registered systems in the order of their ASIDs.
func (db *DB) Systems(ctx context.Context) ([]store.System, error) {
	return db.systems(ctx, `SELECT asid, value, revoked FROM system ORDER BY asid COLLATE "C"`)
}

func (db *DB) systems(ctx context.Context, sql string, args ...any) (out []store.System, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		out, err = all(ctx, q, func(r pgx.Rows) (s store.System, err error) {
			return s, r.Scan(&s.ASID, &s.Value, &s.Revoked)
		}, sql, args...)
		return err
	})
	return out, err
}

// SearchKey returns 32 secret bytes that all nodes share and keep: they seal
// what one node hands out and another may get back.
func (db *DB) SearchKey(ctx context.Context) (key []byte, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, "SELECT search_key FROM version").Scan(&key)
	})
	return key, err
}

// PutLifeCycle keeps the life cycle of an event type, replacing an earlier one.
func (db *DB) PutLifeCycle(ctx context.Context, l store.LifeCycle, e audit.Entry) error {
	_, err := db.submit(ctx, registration{"INSERT INTO life_cycle (code, value) VALUES ($1, $2) ON CONFLICT (code) DO UPDATE SET value = $2",
		[]any{l.Code, notNull(l.Value)}, seal(e)})
	return err
}

// LifeCycles returns the life cycles that were put, in the order of the codes.
func (db *DB) LifeCycles(ctx context.Context) (out []store.LifeCycle, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		out, err = all(ctx, q, func(r pgx.Rows) (l store.LifeCycle, err error) {
			return l, r.Scan(&l.Code, &l.Value)
		}, `SELECT code, value FROM life_cycle ORDER BY code COLLATE "C"`)
		return err
	})
	return out, err
}
