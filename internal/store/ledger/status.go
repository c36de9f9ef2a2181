package ledger

import (
	"context"
	"encoding/json"

	"nems/internal/store"
)

// setStatus gives a message up, or changes what is known of it.
type setStatus struct {
	message store.Message
	fault   []byte // of a copy
	headers []byte // of a message that was sent
	report  *send
}

// SetStatus is mailbox.Boxes'.
func (l *Ledger) SetStatus(ctx context.Context, m store.Message, report *store.Message) error {
	op := setStatus{message: m}
	var err error
	if m.EventCode != "" {
		op.fault = m.Fault()
	} else {
		op.headers, err = json.Marshal(m)
	}
	if err == nil && report != nil {
		op.report = &send{message: *report}
		op.report.headers, err = json.Marshal(report)
	}
	if err != nil {
		return err
	}
	_, err = l.engine.Change(ctx, op)
	return err
}

func (o setStatus) Apply(tx Tx) (any, error) {
	changed, err := o.change(tx)
	switch {
	case err != nil:
		return nil, err
	case !changed:
		return nil, refuse(store.ErrNotFound)
	case o.report == nil:
		return nil, nil
	}
	return o.report.Apply(tx)
}

// change changes the rows of the message, and says whether there are any.
func (o setStatus) change(tx Tx) (changed bool, err error) {
	m, at := &o.message, o.message.StatusAt.UnixMicro()
	if m.Status != store.Waiting {
		if changed, err = tx.Collect(m.Mailbox, m.Position, m.Status, at, o.fault); err != nil {
			return false, err
		}
	}
	if !changed {
		n, err := tx.Exec("UPDATE collected SET status = $3, at = $4, fault = $5 WHERE mailbox = $1 AND position = $2",
			m.Mailbox, m.Position, m.Status.MESHStatus(), at, o.fault)
		if err != nil {
			return false, err
		}
		changed = n > 0
	}
	if o.headers != nil {
		n, err := tx.Exec("UPDATE message SET status = $3, status_at = $4, headers = $5 WHERE position = $1 AND mailbox = $2",
			m.Position, m.Mailbox, m.Status.MESHStatus(), at, o.headers)
		if err != nil {
			return false, err
		}
		changed = changed || n > 0
	}
	return changed, nil
}
