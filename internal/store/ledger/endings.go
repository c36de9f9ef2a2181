package ledger

import (
	"context"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// ending takes a subscription out of matching and keeps it, as off, until retention
// removes it.
type ending struct {
	store.Ending
	entry audit.Entry
}

// EndSubscription is operator.Subscriptions'.
func (l *Ledger) EndSubscription(ctx context.Context, e store.Ending, entry audit.Entry) error {
	_, err := l.engine.Commit(ctx, ending{e, entry})
	return err
}

func (o ending) Apply(tx Tx) (any, error) {
	found, err := all(tx, scanSubscription, selectSubscription+" WHERE id = $1 AND (status = $2 OR status = 4 AND $2 = 2)"+tx.Lock("subscription"), o.ID[:], store.StatusNumber(o.From))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || found[0].Ended(o.At) {
		return nil, refuse(store.ErrNotFound)
	}
	s := &found[0]
	// What is deleted is not found by events that wait for the patient directory, either.
	tx.Later(`UPDATE subscription SET status = 3, same = NULL, version = version + 1, ends = $1, error = $2, rejected = $3 WHERE id = $4`,
		o.At.UnixMicro(), o.Reason, o.From == subscription.Requested, o.ID[:])
	tx.Record(o.entry)
	tx.Ended(&s.Subscription)
	return nil, tx.Unroute(o.ID)
}
