package ledger

import (
	"context"

	"nems/internal/store"
)

// report joins a MESH's report to its delivery.
type report struct {
	store.DeliveryReport
	Place
}

// ReportDelivery is courier.Outbox's.
func (l *Ledger) ReportDelivery(ctx context.Context, r store.DeliveryReport) error {
	at, err := l.reported(ctx, r)
	if err == nil {
		_, err = l.engine.Change(ctx, report{r, at})
	}
	return err
}

// reported finds the copy that a report is about. It reads delivery before the
// transaction that changes collected, see Tx.
func (l *Ledger) reported(ctx context.Context, r store.DeliveryReport) (at Place, err error) {
	found := false
	if r.LinkedID != "" {
		err = l.engine.Read(ctx, func(reader Reader) (err error) {
			found, err = first(reader, []any{&at.Position, &at.Mailbox}, "SELECT position, mailbox FROM delivery WHERE mesh_id = $1 LIMIT 1", r.LinkedID)
			return err
		})
	}
	if err == nil && !found {
		if at.Position, at.Mailbox, found = store.ParseDeliveryID(r.LocalID); !found {
			err = store.ErrNotFound
		}
	}
	return at, err
}

func (o report) Apply(tx Tx) (any, error) {
	n, err := tx.Exec(`UPDATE collected SET status = $3, at = $4, fault = $5
		WHERE mailbox = $1 AND position = $2 AND status IN ('sent', 'undeliverable')`,
		o.Mailbox, o.Position, store.Undeliverable.MESHStatus(), o.At.UnixMicro(), o.Fault())
	if err == nil && n == 0 {
		err = refuse(store.ErrNotFound)
	}
	return nil, err
}
