package ledger

import (
	"context"

	"nems/internal/store"
)

// report joins a MESH's report to its delivery.
type report struct{ store.DeliveryReport }

// ReportDelivery notes what a MESH reported of a copy that was sent: it becomes
// undeliverable. The MESH's message id finds it, or the local id, which also
// the repeat of a send bears. It returns store.ErrNotFound for what nobody sent.
func (l *Ledger) ReportDelivery(ctx context.Context, r store.DeliveryReport) error {
	_, err := l.engine.Change(ctx, report{r})
	return err
}

func (o report) Apply(tx Tx) (any, error) {
	var position store.EventID
	var mailbox int64
	found := false
	if o.LinkedID != "" {
		var err error
		if found, err = first(tx, []any{&position, &mailbox}, "SELECT position, mailbox FROM delivery WHERE mesh_id = $1 LIMIT 1", o.LinkedID); err != nil {
			return nil, err
		}
	}
	if !found {
		if position, mailbox, found = store.ParseDeliveryID(o.LocalID); !found {
			return nil, refuse(store.ErrNotFound)
		}
	}
	n, err := tx.Exec(`UPDATE collected SET status = $3, at = $4, fault = $5
		WHERE mailbox = $1 AND position = $2 AND status IN ('sent', 'undeliverable')`,
		mailbox, position, store.Undeliverable.MESHStatus(), o.At.UnixMicro(), o.Fault())
	if err == nil && n == 0 {
		err = refuse(store.ErrNotFound)
	}
	return nil, err
}
