package ledger

import (
	"context"

	"nems/internal/subscription"
)

// StandingSubscriptions is stream.Advances'.
func (l *Ledger) StandingSubscriptions(ctx context.Context, ids []subscription.ID) ([]subscription.ID, error) {
	list := make([][]byte, len(ids))
	for i, id := range ids {
		list[i] = id[:]
	}
	return read(ctx, l.engine.Read, func(r Row) (id subscription.ID, err error) {
		var b []byte
		if err = r.Scan(&b); err == nil {
			id = subscription.ID(b)
		}
		return id, err
	}, "SELECT id FROM subscription WHERE "+l.dialect.In("id", "$1", Bytes), list)
}
