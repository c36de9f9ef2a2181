package ledger

import (
	"context"

	"nems/internal/store"
	"nems/internal/subscription"
)

// Quarantine has a subscription taken out of matching that was found broken on
// reading. Nobody waits for it: the next reading finds it again.
func (l *Ledger) Quarantine(id subscription.ID, reason string) {
	if err := l.engine.Post(l.Quarantining(id, reason)); err != nil {
		l.options.Log.Warn("a subscription cannot be read", "subscription", id.String(), "error", err)
	}
}

// Quarantining is the operation that takes a subscription out of matching and
// notes why.
func (l *Ledger) Quarantining(id subscription.ID, reason string) Op {
	l.options.Log.Error("subscription quarantined", "subscription", id.String(), "reason", reason)
	return quarantine{id, l.options.Now().UnixMicro(), reason}
}

type quarantine struct {
	id     subscription.ID
	at     int64
	reason string
}

func (o quarantine) Apply(tx Tx) (any, error) {
	tx.Later("INSERT INTO quarantine (id, at, reason) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING", o.id[:], o.at, o.reason)
	return nil, tx.Unroute(o.id)
}

// QuarantinedAfter is operator.Subscriptions'.
func (l *Ledger) QuarantinedAfter(ctx context.Context, after subscription.ID, max int) ([]store.Quarantined, error) {
	return read(ctx, l.engine.View, func(r Row) (q store.Quarantined, err error) {
		var id []byte
		var at int64
		err = r.Scan(&id, &at, &q.Reason)
		copy(q.ID[:], id)
		q.At = moment(&at)
		return q, err
	}, "SELECT id, at, reason FROM quarantine WHERE id > $1 ORDER BY id LIMIT $2", after[:], max)
}

// IsQuarantined is operator.Subscriptions'.
func (l *Ledger) IsQuarantined(ctx context.Context, id subscription.ID) (found bool, err error) {
	var one int
	err = l.engine.View(ctx, func(r Reader) (err error) {
		found, err = first(r, []any{&one}, "SELECT 1 FROM quarantine WHERE id = $1", id[:])
		return err
	})
	return found, err
}
