package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
)

// List is mailbox.Boxes'.
func (db *DB) List(ctx context.Context, q store.InboxQuery) (page []store.Listed, err error) {
	if _, err := db.box(ctx, q.Mailbox); err != nil {
		return nil, err
	}
	err = db.read(ctx, func(ctx context.Context, c querier) error {
		rows, err := all(ctx, c, scanListed, "SELECT position, type, workflow FROM inbox WHERE mailbox = $1 AND position > $2 ORDER BY position LIMIT $3",
			q.Mailbox, int64(q.After), q.Max)
		if err != nil {
			return err
		}
		page = make([]store.Listed, len(rows))
		for i, r := range rows {
			if page[i], err = db.listed(ctx, c, r); err != nil {
				return err
			}
		}
		return nil
	})
	return page, err
}

// inboxRow is a row of an inbox's index.
type inboxRow struct {
	position store.EventID
	typ      int32
	workflow *string
}

func scanListed(r pgx.Rows) (l inboxRow, err error) {
	return l, r.Scan(&l.position, &l.typ, &l.workflow)
}

// listed names the workflow of a row.
func (db *DB) listed(ctx context.Context, q querier, r inboxRow) (store.Listed, error) {
	if r.typ == 0 {
		return store.Listed{Position: r.position, Workflow: orEmpty(r.workflow)}, nil
	}
	t, err := db.typeName(ctx, q, r.typ)
	return store.Listed{Position: r.position, Workflow: t.workflow}, err
}
