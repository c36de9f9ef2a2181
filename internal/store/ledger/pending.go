package ledger

import (
	"context"

	"nems/internal/store"
)

// PendingEvents is broker.Backlog's.
func (l *Ledger) PendingEvents(ctx context.Context, after store.EventID, max int) (out []store.EventID, err error) {
	err = l.engine.Read(ctx, func(r Reader) (err error) {
		out, err = column[store.EventID](r, "SELECT event FROM pending WHERE refusal IS NULL AND event > $1 ORDER BY event LIMIT $2", after, max)
		return err
	})
	return out, err
}

// Unrouted is database.Queues'.
func (l *Ledger) Unrouted(ctx context.Context) (u store.Unrouted, err error) {
	var oldest store.EventID
	err = l.engine.View(ctx, func(r Reader) error {
		_, err := first(r, []any{&u.Pending, &u.Refused, &oldest},
			"SELECT count(*) FILTER (WHERE refusal IS NULL), count(refusal), min(event) FILTER (WHERE refusal IS NULL) FROM pending")
		return err
	})
	if oldest != 0 {
		u.Oldest = l.engine.Moments().Of(oldest)
	}
	return u, err
}
