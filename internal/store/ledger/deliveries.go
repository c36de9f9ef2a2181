package ledger

import (
	"context"
	"slices"

	"nems/internal/store"
)

const (
	deliveryColumns = `c.mailbox, c.position, t.code, t.workflow, c.size, c.asked, c.partner,
		d.attempts, d.refusals, d.first, d.uncertain, d.round, d.mesh_id, d.tries, d.replay`
	deliveryJoins = ` JOIN event_type t ON t.id = c.type
		LEFT JOIN delivery d ON d.mailbox = c.mailbox AND d.position = c.position`
	waitingRows       = `SELECT ` + deliveryColumns + `, d.fault, 'accepted', CAST(NULL AS bigint) FROM inbox c` + deliveryJoins
	settledRows       = `SELECT ` + deliveryColumns + `, c.fault, c.status, c.at FROM collected c` + deliveryJoins
	ofMailbox         = " WHERE c.mailbox = $1 AND c.position BETWEEN CAST($2 AS bigint) AND CAST($3 AS bigint)"
	waitingDeliveries = waitingRows + ofMailbox
	settledDeliveries = settledRows + ofMailbox
)

func (l *Ledger) scanDelivery(r Row) (d store.Delivery, err error) {
	var c store.DeliveryColumns
	var first *int64
	var state string
	err = r.Scan(&d.Mailbox, &d.Event, &d.Code, &d.Workflow, &d.Size, &c.Asked, &d.PartnerID, &d.Attempts, &d.Refusals, &first, &d.Uncertain, &c.Round,
		&d.MESHID, &c.Tries, &c.Replay, &c.Fault, &state, &c.At)
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

// DeliveryPage is operator.Outgoing's.
func (l *Ledger) DeliveryPage(ctx context.Context, q store.DeliveryQuery) (store.DeliveryPage, error) {
	boxes, err := l.boxesOf(ctx, q)
	if err != nil {
		return store.DeliveryPage{}, err
	}
	return l.page(ctx, q, boxes...)
}

// Deliveries is what DeliveryPage finds.
func (l *Ledger) Deliveries(ctx context.Context, q store.DeliveryQuery) ([]store.Delivery, error) {
	page, err := l.DeliveryPage(ctx, q)
	return page.Found, err
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
	page, err := l.page(ctx, store.DeliveryQuery{Event: event, Max: 1}, box)
	return store.First(page.Found, err)
}

func (l *Ledger) page(ctx context.Context, q store.DeliveryQuery, boxes ...store.Mailbox) (store.DeliveryPage, error) {
	return q.Page(l.engine.Moments(), boxes, func(s store.Span) ([]store.Delivery, error) { return l.deliveriesOf(ctx, &q, s) })
}

// boxesOf lists the mailboxes that a query is about, in the order of their rows.
func (l *Ledger) boxesOf(ctx context.Context, q store.DeliveryQuery) ([]store.Mailbox, error) {
	if q.Mailbox != "" {
		box, err := l.engine.BoxByID(ctx, q.Mailbox)
		return []store.Mailbox{box}, err
	}
	out, err := l.engine.Boxes(ctx)
	return slices.DeleteFunc(out, func(box store.Mailbox) bool { return box.Row < q.After.Mailbox }), err
}

// deliveriesOf reads the first deliveries of a span.
func (l *Ledger) deliveriesOf(ctx context.Context, q *store.DeliveryQuery, span store.Span) ([]store.Delivery, error) {
	statement, more := waitingDeliveries, []any{}
	switch q.State {
	case store.Waiting:
	case "": // in the order of their tables' locks, see Tx
		statement = settledDeliveries + " UNION ALL " + waitingDeliveries
	default:
		statement, more = settledDeliveries+" AND c.status = $5", []any{q.State.MESHStatus()}
	}
	args := append([]any{span.Box.Row, span.First, span.Last, span.Max}, more...)
	out, err := read(ctx, l.engine.View, l.scanDelivery, statement+" ORDER BY 2 LIMIT $4", args...)
	for i := range out {
		out[i].MailboxID = span.Box.ID
	}
	return out, err
}
