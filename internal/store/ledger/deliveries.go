package ledger

import (
	"context"
	"slices"

	"nems/internal/store"
)

const (
	deliveryColumns = `c.mailbox, c.position, t.code, t.workflow, c.size, c.asked, c.partner,
		d.attempts, d.refusals, d.first, d.uncertain, d.round, d.mesh_id`
	deliveryJoins = ` JOIN event_type t ON t.id = c.type
		LEFT JOIN delivery d ON d.mailbox = c.mailbox AND d.position = c.position
		WHERE c.mailbox = $1 AND c.position BETWEEN CAST($2 AS bigint) AND CAST($3 AS bigint)`
	waitingDeliveries = `SELECT ` + deliveryColumns + `, d.fault, 'accepted', CAST(NULL AS bigint) FROM inbox c` + deliveryJoins
	settledDeliveries = `SELECT ` + deliveryColumns + `, c.fault, c.status, c.at FROM collected c` + deliveryJoins
)

func (l *Ledger) scanDelivery(r Row) (d store.Delivery, err error) {
	var c store.DeliveryColumns
	var first *int64
	var state string
	err = r.Scan(&d.Mailbox, &d.Event, &d.Code, &d.Workflow, &d.Size, &c.Asked, &d.PartnerID, &d.Attempts, &d.Refusals, &first, &d.Uncertain, &c.Round,
		&d.MESHID, &c.Fault, &state, &c.At)
	if err != nil {
		return d, err
	}
	if d.State, err = store.ParseState(state); err != nil {
		return d, err
	}
	d.First, d.Accepted = moment(first), l.engine.Moments().Of(d.Event)
	err = d.Complete(c)
	return d, err
}

// Deliveries is operator.Outgoing's.
func (l *Ledger) Deliveries(ctx context.Context, q store.DeliveryQuery) ([]store.Delivery, error) {
	boxes, err := l.boxesOf(ctx, q)
	if err != nil {
		return nil, err
	}
	return l.page(ctx, q, boxes...)
}

// WaitingDeliveries is courier.Outbox's.
func (l *Ledger) WaitingDeliveries(ctx context.Context, lane store.Lane, max int) ([]store.Delivery, error) {
	return l.Deliveries(ctx, store.DeliveryQuery{Mailbox: lane.MailboxID, State: store.Waiting, Max: max})
}

// Delivery is operator.Outgoing's.
func (l *Ledger) Delivery(ctx context.Context, id string) (store.Delivery, error) {
	event, mailbox, ok := store.ParseDeliveryID(id)
	if !ok {
		return store.Delivery{}, store.ErrNotFound
	}
	box, err := l.engine.Box(ctx, mailbox)
	if err != nil {
		return store.Delivery{}, err
	}
	return store.First(l.page(ctx, store.DeliveryQuery{Event: event, Max: 1}, box))
}

func (l *Ledger) page(ctx context.Context, q store.DeliveryQuery, boxes ...store.Mailbox) ([]store.Delivery, error) {
	return q.Page(l.engine.Moments(), boxes, func(s store.Span) ([]store.Delivery, error) { return l.deliveriesOf(ctx, &q, s) })
}

// boxesOf lists the mailboxes that a query is about, in the order of their rows.
func (l *Ledger) boxesOf(ctx context.Context, q store.DeliveryQuery) ([]store.Mailbox, error) {
	if q.Mailbox != "" {
		box, err := l.engine.BoxByID(ctx, q.Mailbox)
		return []store.Mailbox{box}, err
	}
	out, err := l.engine.Boxes(ctx)
	return slices.DeleteFunc(out, func(box store.Mailbox) bool { return box.Row < q.AfterMailbox }), err
}

// deliveryStep is how many rows one statement of a filtered listing reads.
const deliveryStep = 1000

// deliveriesOf reads one mailbox's part of a page.
func (l *Ledger) deliveriesOf(ctx context.Context, q *store.DeliveryQuery, span store.Span) (out []store.Delivery, err error) {
	statement, more := waitingDeliveries, []any{}
	switch q.State {
	case store.Waiting:
	case "": // in the order of their tables' locks, see Tx
		statement = settledDeliveries + " UNION ALL " + waitingDeliveries
	default:
		statement, more = settledDeliveries+" AND c.status = $5", []any{q.State.MESHStatus()}
	}
	err = l.engine.View(ctx, func(r Reader) error {
		out = nil
		for from := span.First; ; {
			args := append([]any{span.Box.Row, from, span.Last, min(deliveryStep, max(span.Max, 100))}, more...)
			rows, err := all(r, l.scanDelivery, statement+" ORDER BY 2 LIMIT $4", args...)
			if err != nil || len(rows) == 0 {
				return err
			}
			for _, d := range rows {
				d.MailboxID, from = span.Box.ID, d.Event+1
				if len(out) < span.Max && q.Selects(&d) {
					out = append(out, d)
				}
			}
			if len(out) >= span.Max || from > span.Last {
				return nil
			}
		}
	})
	return out, err
}
