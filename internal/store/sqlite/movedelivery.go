package sqlite

import (
	"context"
	"errors"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/audit"
	"nems/internal/store"
)

// moveDelivery is what an operator does to a delivery.
type moveDelivery struct {
	store.Move
	position store.EventID
	mailbox  int64
	at       int64
	entry    audit.Sealed
}

// RetryDelivery has a parked delivery wait again, at once. Like the other moves
// of an operator it returns store.ErrNotFound for a delivery that is not there,
// not in a state to do so, or for a mailbox served here that is not registered
// for its workflow; and it stores e with the change.
func (db *DB) RetryDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error {
	return db.move(ctx, id, store.Retry, at, e)
}

// ParkDelivery takes a waiting delivery aside.
func (db *DB) ParkDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error {
	return db.move(ctx, id, store.Park, at, e)
}

// ResendDelivery gives a mailbox a copy again that it had, as long as the
// message is kept. To a remote MESH it goes under a new local id: under the old
// one, tracking would find the first copy.
func (db *DB) ResendDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error {
	return db.move(ctx, id, store.Resend, at, e)
}

func (db *DB) move(ctx context.Context, id string, m store.Move, at time.Time, e audit.Entry) error {
	position, mailbox, ok := store.ParseDeliveryID(id)
	if !ok {
		return store.ErrNotFound
	}
	_, err := db.submit(ctx, moveDelivery{m, position, mailbox, at.UnixMicro(), seal(e)})
	return err
}

func (o moveDelivery) apply(w *writer) (result, error) {
	moved, err := o.moved(w)
	if err != nil {
		return result{}, err
	}
	if !moved {
		return result{err: store.ErrNotFound}, nil
	}
	w.entries = append(w.entries, o.entry)
	if o.Anew {
		err = exec(w.conn, `INSERT INTO delivery (mailbox, position, round) VALUES (?, ?, 1) ON CONFLICT (mailbox, position) DO UPDATE SET
			round = round + 1, attempts = 0, refusals = 0, first = NULL, uncertain = 0, mesh_id = NULL, fault = NULL`, o.mailbox, o.position)
	} else if o.To == store.Waiting {
		// Its age counts anew; whether the MESH may have it stays true.
		err = exec(w.conn, `INSERT INTO delivery (mailbox, position) VALUES (?, ?) ON CONFLICT (mailbox, position) DO UPDATE SET
			attempts = 0, refusals = 0, first = NULL`, o.mailbox, o.position)
	}
	if err != nil || o.To != store.Waiting {
		return result{}, err
	}
	return result{}, exec(w.conn, "UPDATE lane SET next_attempt = 0, failures = 0 WHERE mailbox = ?", o.mailbox)
}

// moved moves the row between inbox and collected.
func (o moveDelivery) moved(w *writer) (bool, error) {
	if o.To == store.Parked {
		typ, err := number(w.conn, "SELECT type FROM inbox WHERE mailbox = ? AND position = ?", o.mailbox, o.position)
		if err != nil || typ == 0 { // what a mailbox sent is no delivery
			return false, err
		}
		moved, _, err := w.collect(o.mailbox, o.position, o.To, o.at, nil)
		return moved, err
	}
	var text, workflow string
	there, err := row(w.conn, "SELECT c.status, t.workflow FROM collected c JOIN event_type t ON t.id = c.type WHERE c.mailbox = ? AND c.position = ?", func(s *sqlite.Stmt) {
		text, workflow = s.ColumnText(0), s.ColumnText(1)
	}, o.mailbox, o.position)
	if err != nil || !there {
		return false, err
	}
	if state, err := store.ParseState(text); err != nil || !o.Takes(state) {
		return false, err
	}
	known, err := w.currentTables()
	if err != nil || known.receivers.Refuse(workflow, known.byRow[o.mailbox]) {
		return false, err
	}
	return true, errors.Join(
		exec(w.conn, `INSERT INTO inbox (mailbox, position, type, size, asked, partner)
			SELECT mailbox, position, type, size, asked, partner FROM collected WHERE mailbox = ? AND position = ?`, o.mailbox, o.position),
		exec(w.conn, "DELETE FROM collected WHERE mailbox = ? AND position = ?", o.mailbox, o.position))
}
