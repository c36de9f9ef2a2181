package ledger

import (
	"cmp"
	"context"
	"slices"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
)

// registration is one statement on the registry. Where it changes no row it is
// refused with store.ErrNotFound.
type registration struct {
	statement string
	args      []any
	entry     audit.Entry
}

func (o registration) Apply(tx Tx) (any, error) {
	n, err := tx.Exec(o.statement, o.args...)
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, refuse(store.ErrNotFound)
	}
	tx.Record(o.entry)
	tx.RegistryChanged()
	return nil, nil
}

func (l *Ledger) register(ctx context.Context, e audit.Entry, statement string, args ...any) error {
	_, err := l.engine.Commit(ctx, registration{statement, args, e})
	return err
}

// PutSystem is operator.Registry's.
func (l *Ledger) PutSystem(ctx context.Context, s store.System, e audit.Entry) error {
	return l.register(ctx, e, `INSERT INTO system (asid, value, revoked) VALUES ($1, $2, $3)
		ON CONFLICT (asid) DO UPDATE SET value = excluded.value, revoked = excluded.revoked`, string(s.ASID), notNull(s.Value), s.Revoked)
}

// RevokeSystem is operator.Registry's.
func (l *Ledger) RevokeSystem(ctx context.Context, asid nhs.ASID, e audit.Entry) error {
	return l.register(ctx, e, "UPDATE system SET revoked = true WHERE asid = $1", string(asid))
}

const selectSystem = "SELECT asid, value, revoked FROM system"

func scanSystem(r Row) (s store.System, err error) {
	return s, r.Scan(&s.ASID, &s.Value, &s.Revoked)
}

// System is operator.Registry's.
func (l *Ledger) System(ctx context.Context, asid nhs.ASID) (store.System, error) {
	return store.First(read(ctx, l.engine.Read, scanSystem, selectSystem+" WHERE asid = $1", string(asid)))
}

// Systems is database.Whole's.
func (l *Ledger) Systems(ctx context.Context) ([]store.System, error) {
	out, err := read(ctx, l.engine.Read, scanSystem, selectSystem)
	slices.SortFunc(out, func(a, b store.System) int { return cmp.Compare(a.ASID, b.ASID) })
	return out, err
}

// SystemsAfter is operator.Registry's.
func (l *Ledger) SystemsAfter(ctx context.Context, asid nhs.ASID, max int) ([]store.System, error) {
	return read(ctx, l.engine.View, scanSystem, selectSystem+" WHERE asid > $1 ORDER BY asid LIMIT $2", string(asid), max)
}

// MailboxesAfter is operator.Boxes'.
func (l *Ledger) MailboxesAfter(ctx context.Context, row int64, max int) ([]store.Mailbox, error) {
	return read(ctx, l.engine.View, func(r Row) (m store.Mailbox, err error) {
		return m, r.Scan(&m.Row, &m.ID, &m.Name, &m.ODS, &m.Remote)
	}, "SELECT m.row, m.id, m.name, m.ods, m.remote FROM mailbox m WHERE m.row > $1 AND NOT EXISTS (SELECT 1 FROM endpoint e WHERE e.mailbox = m.row) ORDER BY m.row LIMIT $2", row, max)
}

// PutLifeCycle is operator.Cycles'.
func (l *Ledger) PutLifeCycle(ctx context.Context, c store.LifeCycle, e audit.Entry) error {
	return l.register(ctx, e, "INSERT INTO life_cycle (code, value) VALUES ($1, $2) ON CONFLICT (code) DO UPDATE SET value = excluded.value",
		c.Code, notNull(c.Value))
}

// LifeCycles is operator.Cycles'.
func (l *Ledger) LifeCycles(ctx context.Context) ([]store.LifeCycle, error) {
	out, err := read(ctx, l.engine.Read, func(r Row) (c store.LifeCycle, err error) { return c, r.Scan(&c.Code, &c.Value) },
		"SELECT code, value FROM life_cycle")
	slices.SortFunc(out, func(a, b store.LifeCycle) int { return cmp.Compare(a.Code, b.Code) })
	return out, err
}
