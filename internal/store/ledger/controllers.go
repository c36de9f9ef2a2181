package ledger

import (
	"context"

	"nems/internal/audit"
	"nems/internal/store"
)

// controllerChange changes rows of the controller catalogue: all, or none.
type controllerChange struct {
	put     []store.ControllerRow
	removed []string
	entries []audit.Entry
}

func (o controllerChange) Apply(tx Tx) (any, error) {
	for _, id := range o.removed {
		tx.Later("DELETE FROM controller_row WHERE id = $1", id)
	}
	for _, r := range o.put {
		tx.Later("INSERT INTO controller_row (id, value) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET value = excluded.value", r.ID, notNull(r.Value))
	}
	for _, e := range o.entries {
		tx.Record(e)
	}
	tx.RegistryChanged()
	return nil, nil
}

// ChangeControllerRows is operator.Controllers'.
func (l *Ledger) ChangeControllerRows(ctx context.Context, put []store.ControllerRow, removed []string, entries []audit.Entry) error {
	_, err := l.engine.Commit(ctx, controllerChange{put, removed, entries})
	return err
}

// ControllerRows is operator.Controllers'.
func (l *Ledger) ControllerRows(ctx context.Context) ([]store.ControllerRow, error) {
	return read(ctx, l.engine.Read, func(r Row) (c store.ControllerRow, err error) { return c, r.Scan(&c.ID, &c.Value) },
		"SELECT id, value FROM controller_row ORDER BY id")
}
