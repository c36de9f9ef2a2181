package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
)

const (
	deliveryColumns = `c.mailbox, c.position, t.code, t.workflow, c.size, c.asked, c.partner,
		coalesce(d.attempts, 0), coalesce(d.refusals, 0), d.first, coalesce(d.uncertain, false), coalesce(d.round, 0), d.mesh_id`
	deliveryJoins = ` JOIN event_type t ON t.id = c.type
		LEFT JOIN delivery d ON d.mailbox = c.mailbox AND d.position = c.position`
	waitingDeliveries = `SELECT ` + deliveryColumns + `, d.fault, 'accepted', 0::bigint FROM inbox c` + deliveryJoins
	settledDeliveries = `SELECT ` + deliveryColumns + `, c.fault, c.status, c.at FROM collected c` + deliveryJoins
)

func (db *DB) scanDelivery(r pgx.Rows) (d store.Delivery, err error) {
	var c store.DeliveryColumns
	var partner, meshID *string
	var state string
	var first *int64
	err = r.Scan(&d.Mailbox, &d.Event, &d.Code, &d.Workflow, &d.Size, &c.Asked, &partner, &d.Attempts, &d.Refusals, &first, &d.Uncertain, &c.Round,
		&meshID, &c.Fault, &state, &c.At)
	if err != nil {
		return d, err
	}
	if d.State, err = store.ParseState(state); err != nil {
		return d, err
	}
	d.PartnerID, d.MESHID, d.First = orEmpty(partner), orEmpty(meshID), moment(first)
	d.Accepted = db.moments.Of(d.Event)
	err = d.Complete(c)
	return d, err
}

// Deliveries returns a page of deliveries in the order of mailboxes and, within
// one, of acceptance. An unknown mailbox is store.ErrNotFound.
func (db *DB) Deliveries(ctx context.Context, q store.DeliveryQuery) ([]store.Delivery, error) {
	boxes, err := db.boxesOf(ctx, q)
	if err != nil {
		return nil, err
	}
	return db.page(ctx, q, boxes...)
}

func (db *DB) page(ctx context.Context, q store.DeliveryQuery, boxes ...store.Mailbox) ([]store.Delivery, error) {
	return q.Page(&db.moments, boxes, func(s store.Span) ([]store.Delivery, error) { return db.deliveriesOf(ctx, &q, s) })
}

// boxesOf lists the mailboxes that a query is about, in the order of their rows.
func (db *DB) boxesOf(ctx context.Context, q store.DeliveryQuery) ([]store.Mailbox, error) {
	if q.Mailbox != "" {
		box, err := db.Mailbox(ctx, q.Mailbox)
		return []store.Mailbox{box}, err
	}
	out, err := db.boxes(ctx)
	return slices.DeleteFunc(out, func(box store.Mailbox) bool { return box.Row < q.AfterMailbox }), err
}

// deliveryStep is how many rows one statement of a filtered listing reads.
const deliveryStep = 1000

// deliveriesOf reads one mailbox's part of a page.
func (db *DB) deliveriesOf(ctx context.Context, q *store.DeliveryQuery, span store.Span) (out []store.Delivery, err error) {
	const within = " WHERE c.mailbox = $1 AND c.position BETWEEN $2 AND $3"
	sql, more := waitingDeliveries+within, []any{}
	switch q.State {
	case store.Waiting:
	case "":
		sql += " UNION ALL " + settledDeliveries + within
	default:
		sql, more = settledDeliveries+within+" AND c.status = $5", []any{q.State.MESHStatus()}
	}
	err = db.view(ctx, func(ctx context.Context, c querier) error {
		for {
			args := append([]any{span.Box.Row, int64(span.First), int64(span.Last), min(deliveryStep, max(span.Max, 100))}, more...)
			rows, err := all(ctx, c, db.scanDelivery, sql+" ORDER BY 2 LIMIT $4", args...)
			if err != nil || len(rows) == 0 {
				return err
			}
			for _, d := range rows {
				d.MailboxID, span.First = span.Box.ID, d.Event+1
				if len(out) < span.Max && q.Selects(&d) {
					out = append(out, d)
				}
			}
			if len(out) >= span.Max || span.First > span.Last {
				return nil
			}
		}
	})
	return out, err
}

// Delivery returns one delivery by its id, or store.ErrNotFound.
func (db *DB) Delivery(ctx context.Context, id string) (store.Delivery, error) {
	event, mailbox, ok := store.ParseDeliveryID(id)
	if !ok {
		return store.Delivery{}, store.ErrNotFound
	}
	box, err := db.box(ctx, mailbox)
	if err != nil {
		return store.Delivery{}, err
	}
	return store.First(db.page(ctx, store.DeliveryQuery{Event: event, Max: 1}, box))
}

// ReportDelivery notes what a MESH reported of a copy that was sent: it becomes
// undeliverable. The MESH's message id finds it, or the local id, which also
// the repeat of a send bears. It returns store.ErrNotFound for what nobody sent.
func (db *DB) ReportDelivery(ctx context.Context, r store.DeliveryReport) error {
	return db.change(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		var position store.EventID
		var mailbox int64
		ok := false
		if r.LinkedID != "" {
			if ok, err = one(ctx, tx, []any{&position, &mailbox}, "SELECT position, mailbox FROM delivery WHERE mesh_id = $1 LIMIT 1", r.LinkedID); err != nil {
				return err
			}
		}
		if !ok {
			if position, mailbox, ok = store.ParseDeliveryID(r.LocalID); !ok {
				return store.ErrNotFound
			}
		}
		tag, err := tx.Exec(ctx, `UPDATE collected SET status = $3, at = $4, fault = $5
			WHERE mailbox = $1 AND position = $2 AND status IN ('sent', 'undeliverable')`,
			mailbox, int64(position), store.Undeliverable.MESHStatus(), r.At.UnixMicro(), r.Fault())
		if err == nil && tag.RowsAffected() == 0 {
			err = store.ErrNotFound
		}
		return err
	})
}
