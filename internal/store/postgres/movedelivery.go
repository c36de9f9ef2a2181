package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

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
	if err := db.upToDate(ctx, time.Now()); err != nil { // who is registered
		return err
	}
	_, err := db.submit(ctx, moveDelivery{m, position, mailbox, at.UnixMicro(), seal(e)})
	return err
}

func (o moveDelivery) apply(ctx context.Context, w *writer) (result, error) {
	moved, err := o.moved(ctx, w)
	if err != nil {
		return result{}, err
	}
	if !moved {
		return result{err: store.ErrNotFound}, nil
	}
	w.entries = append(w.entries, o.entry)
	if o.To != store.Waiting {
		return result{}, nil
	}
	b := &pgx.Batch{}
	if o.Anew {
		b.Queue(`INSERT INTO delivery AS d (mailbox, position, round) VALUES ($1, $2, 1) ON CONFLICT (mailbox, position) DO UPDATE SET
			round = d.round + 1, attempts = 0, refusals = 0, first = NULL, uncertain = false, mesh_id = NULL, fault = NULL`, o.mailbox, int64(o.position))
	} else {
		// Its age counts anew; whether the MESH may have it stays true.
		b.Queue(`INSERT INTO delivery (mailbox, position) VALUES ($1, $2) ON CONFLICT (mailbox, position) DO UPDATE SET
			attempts = 0, refusals = 0, first = NULL`, o.mailbox, int64(o.position))
	}
	b.Queue("UPDATE lane SET next_attempt = 0, failures = 0 WHERE mailbox = $1", o.mailbox)
	return result{}, w.conn.SendBatch(ctx, b).Close()
}

// moved moves the row between inbox and collected.
func (o moveDelivery) moved(ctx context.Context, w *writer) (bool, error) {
	if o.To == store.Parked {
		var typ int32
		there, err := one(ctx, w.conn, []any{&typ}, "SELECT type FROM inbox WHERE mailbox = $1 AND position = $2", o.mailbox, int64(o.position))
		if err != nil || !there || typ == 0 { // what a mailbox sent is no delivery
			return false, err
		}
		return collect(ctx, w.conn, o.mailbox, o.position, o.To, o.at, nil)
	}
	var text, workflow string
	there, err := one(ctx, w.conn, []any{&text, &workflow}, `SELECT c.status, t.workflow FROM collected c JOIN event_type t ON t.id = c.type
		WHERE c.mailbox = $1 AND c.position = $2 FOR UPDATE OF c`, o.mailbox, int64(o.position))
	if err != nil || !there {
		return false, err
	}
	if state, err := store.ParseState(text); err != nil || !o.Takes(state) {
		return false, err
	}
	if _, refused := w.db.known.refuse(workflow, o.mailbox); refused {
		return false, nil
	}
	_, err = w.conn.Exec(ctx, `WITH back AS (DELETE FROM collected WHERE mailbox = $1 AND position = $2 RETURNING *)
		INSERT INTO inbox (mailbox, position, type, size, asked, partner) SELECT mailbox, position, type, size, asked, partner FROM back`,
		o.mailbox, int64(o.position))
	return err == nil, err
}
