package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
	"nems/internal/subscription"
)

// AllSubscriptions lists what a query selects, as Subscriptions does, but of
// every owner where the query names none: operators look so. Without an owner it
// may read the whole table, in steps that each end their read transaction.
func (db *DB) AllSubscriptions(ctx context.Context, q store.SubscriptionQuery) ([]subscription.Subscription, error) {
	if q.ODS != "" {
		return db.Subscriptions(ctx, q)
	}
	var out []subscription.Subscription
	for after := q.After; ; {
		var seen []storedSubscription
		err := db.readers.one(ctx, func(conn *sqlite.Conn) error {
			return rows(conn, selectSubscription+" WHERE id > ? ORDER BY id LIMIT ?", func(s *sqlite.Stmt) error {
				seen = append(seen, storedSubscription{})
				seen[len(seen)-1].scan(s)
				return nil
			}, after[:], scanned)
		})
		if err != nil || len(seen) == 0 {
			return out, err
		}
		if out = db.keep(out, seen, q); len(out) >= q.Max {
			return out[:q.Max], nil
		}
		if err := ctx.Err(); err != nil { // one checks it only while it waits
			return nil, err
		}
		after = seen[len(seen)-1].ID
	}
}
