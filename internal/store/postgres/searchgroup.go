package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
	"nems/internal/subscription"
)

// fileSearchGroups works out the groups of subscriptions that were here before there
// were any, or that a node of such a version has created.
func (db *DB) fileSearchGroups(ctx context.Context) (n int64, err error) {
	err = db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var groups []int64
		ids, err := all(ctx, tx, func(r pgx.Rows) (id []byte, err error) {
			var mailbox, text string
			err = r.Scan(&id, &mailbox, &text)
			criteria, _ := subscription.ParseCriteria(text) // what cannot be read has no events
			groups = append(groups, store.SearchGroupNumber(mailbox, criteria.Events))
			return id, err
		}, "SELECT id, endpoint, criteria FROM subscription WHERE class = 0 ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED", sweptStep)
		if n = int64(len(ids)); err != nil || n == 0 {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE subscription s SET class = c.class FROM unnest($1::bytea[], $2::bigint[]) c(id, class) WHERE s.id = c.id", ids, groups)
		return err
	})
	return n, err
}
