package ledger

import (
	"context"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
)

// move is what an operator does to a delivery.
type move struct {
	store.Move
	position store.EventID
	mailbox  int64
	at       int64
	entry    audit.Entry
}

// RetryDelivery is operator.Outgoing's.
func (l *Ledger) RetryDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error {
	return l.move(ctx, id, store.Retry, at, e)
}

// ParkDelivery is operator.Outgoing's.
func (l *Ledger) ParkDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error {
	return l.move(ctx, id, store.Park, at, e)
}

// ResendDelivery is operator.Outgoing's.
func (l *Ledger) ResendDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error {
	return l.move(ctx, id, store.Resend, at, e)
}

func (l *Ledger) move(ctx context.Context, id string, m store.Move, at time.Time, e audit.Entry) error {
	position, mailbox, ok := store.ParseDeliveryID(id)
	if !ok {
		return store.ErrNotFound
	}
	if err := l.engine.KnowWorkflows(ctx); err != nil {
		return err
	}
	_, err := l.engine.Commit(ctx, move{m, position, mailbox, at.UnixMicro(), e})
	return err
}

func (o move) Apply(tx Tx) (any, error) {
	if o.To == store.Waiting {
		if _, err := column[int64](tx, "SELECT mailbox FROM lane WHERE mailbox = $1"+tx.Lock("lane"), o.mailbox); err != nil {
			return nil, err
		}
	}
	moved, err := o.moved(tx)
	if err != nil {
		return nil, err
	}
	if !moved {
		return nil, refuse(store.ErrNotFound)
	}
	about, err := column[*int64](tx, "SELECT patient FROM event WHERE id = $1", o.position)
	if err != nil {
		return nil, err
	}
	for _, patient := range about {
		o.entry.Patient = store.KnownPatient(patient)
	}
	tx.Record(o.entry)
	if o.To != store.Waiting {
		return nil, nil
	}
	if o.Anew {
		tx.Later(`INSERT INTO delivery AS d (mailbox, position, round) VALUES ($1, $2, 1) ON CONFLICT (mailbox, position) DO UPDATE SET
			round = d.round + 1, replay = NULL, attempts = 0, refusals = 0, first = NULL, uncertain = false, mesh_id = NULL, fault = NULL`, o.mailbox, o.position)
	} else {
		// Its age counts anew; whether the MESH may have it stays true.
		tx.Later(`INSERT INTO delivery (mailbox, position) VALUES ($1, $2) ON CONFLICT (mailbox, position) DO UPDATE SET
			attempts = 0, refusals = 0, first = NULL`, o.mailbox, o.position)
	}
	tx.Later("UPDATE lane SET next_attempt = 0, failures = 0 WHERE mailbox = $1", o.mailbox)
	return nil, nil
}

// moved moves the row between inbox and collected.
func (o move) moved(tx Tx) (bool, error) {
	if o.To == store.Parked {
		var kind int64
		found, err := first(tx, []any{&kind}, "SELECT type FROM inbox WHERE mailbox = $1 AND position = $2", o.mailbox, o.position)
		if err != nil || !found || kind == 0 { // what a mailbox sent is no delivery
			return false, err
		}
		return tx.Collect(o.mailbox, o.position, o.To, o.at, nil)
	}
	var stored, workflow string
	found, err := first(tx, []any{&stored, &workflow}, `SELECT c.status, t.workflow FROM collected c JOIN event_type t ON t.id = c.type
		WHERE c.mailbox = $1 AND c.position = $2`+tx.Lock("c"), o.mailbox, o.position)
	if err != nil || !found {
		return false, err
	}
	if state, err := store.ParseState(stored); err != nil || !o.Takes(state) {
		return false, err
	}
	if refused, err := tx.Refuses(workflow, o.mailbox); err != nil || refused {
		return false, err
	}
	tx.Later(`INSERT INTO inbox (mailbox, position, type, size, asked, partner)
		SELECT mailbox, position, type, size, asked, partner FROM collected WHERE mailbox = $1 AND position = $2`, o.mailbox, o.position)
	tx.Later("DELETE FROM collected WHERE mailbox = $1 AND position = $2", o.mailbox, o.position)
	return true, nil
}
