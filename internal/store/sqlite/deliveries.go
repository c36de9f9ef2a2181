package sqlite

import (
	"cmp"
	"context"
	"slices"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
)

const (
	deliveryColumns = `c.mailbox, c.position, t.code, t.workflow, c.size, c.asked, c.partner,
		d.attempts, d.refusals, d.first, d.uncertain, d.round, d.mesh_id`
	deliveryJoins = ` JOIN event_type t ON t.id = c.type
		LEFT JOIN delivery d ON d.mailbox = c.mailbox AND d.position = c.position`
	selectWaiting = `SELECT ` + deliveryColumns + `, d.fault, 'accepted', 0 FROM inbox c` + deliveryJoins
	selectSettled = `SELECT ` + deliveryColumns + `, c.fault, c.status, c.at FROM collected c` + deliveryJoins
)

func (db *DB) scanDelivery(s *sqlite.Stmt, box store.Mailbox) (store.Delivery, error) {
	state, err := store.ParseState(s.ColumnText(14))
	if err != nil {
		return store.Delivery{}, err
	}
	d := store.Delivery{
		Mailbox: s.ColumnInt64(0), MailboxID: box.ID, Event: store.EventID(s.ColumnInt64(1)),
		Code: s.ColumnText(2), Workflow: s.ColumnText(3), Size: s.ColumnInt64(4), PartnerID: s.ColumnText(6),
		Attempts: s.ColumnInt(7), Refusals: s.ColumnInt(8), Uncertain: s.ColumnBool(10), MESHID: s.ColumnText(12), First: moment(s, 9),
		State: state,
	}
	d.Accepted = db.moments.Of(d.Event)
	err = d.Complete(store.DeliveryColumns{Asked: blob(s, 5), Round: s.ColumnInt64(11), At: s.ColumnInt64(15), Fault: blob(s, 13)})
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
	return q.Page(&db.moments.Moments, boxes, func(s store.Span) ([]store.Delivery, error) { return db.deliveriesOf(ctx, &q, s) })
}

// boxesOf lists the mailboxes that a query is about, in the order of their rows.
func (db *DB) boxesOf(ctx context.Context, q store.DeliveryQuery) ([]store.Mailbox, error) {
	t, err := db.knownTables(ctx)
	if err != nil {
		return nil, err
	}
	if q.Mailbox != "" {
		box, err := t.find(q.Mailbox)
		return []store.Mailbox{box}, err
	}
	var out []store.Mailbox
	for _, box := range t.byRow {
		if box.Row >= q.AfterMailbox {
			out = append(out, box)
		}
	}
	slices.SortFunc(out, func(a, b store.Mailbox) int { return cmp.Compare(a.Row, b.Row) })
	return out, nil
}

// deliveriesOf reads one mailbox's part of a page.
func (db *DB) deliveriesOf(ctx context.Context, q *store.DeliveryQuery, span store.Span) ([]store.Delivery, error) {
	var out []store.Delivery
	read := func(conn *sqlite.Conn, query string) error {
		n := 0
		return rows(conn, query+" WHERE c.mailbox = ? AND c.position BETWEEN ? AND ? ORDER BY c.position", func(s *sqlite.Stmt) error {
			if n >= span.Max {
				return errEnough
			}
			d, err := db.scanDelivery(s, span.Box)
			if err == nil && q.Selects(&d) {
				out, n = append(out, d), n+1
			}
			return err
		}, span.Box.Row, span.First, span.Last)
	}
	err := db.view(ctx, func(conn *sqlite.Conn) error {
		if q.State == "" || q.State == store.Waiting {
			if err := read(conn, selectWaiting); err != nil {
				return err
			}
		}
		if q.State == store.Waiting {
			return nil
		}
		return read(conn, selectSettled)
	})
	slices.SortFunc(out, func(a, b store.Delivery) int { return cmp.Compare(a.Event, b.Event) })
	return out[:min(len(out), span.Max)], err
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

// report joins a MESH's report to its delivery.
type report struct{ store.DeliveryReport }

// ReportDelivery notes what a MESH reported of a copy that was sent: it becomes
// undeliverable. The MESH's message id finds it, or the local id, which also
// the repeat of a send bears. It returns store.ErrNotFound for what nobody sent.
func (db *DB) ReportDelivery(ctx context.Context, r store.DeliveryReport) error {
	_, err := db.submit(ctx, report{r})
	return err
}

func (o report) apply(w *writer) (result, error) {
	position, mailbox, ok := store.EventID(0), int64(0), false
	if o.LinkedID != "" {
		var err error
		ok, err = row(w.conn, "SELECT position, mailbox FROM delivery WHERE mesh_id = ?", func(s *sqlite.Stmt) {
			position, mailbox = store.EventID(s.ColumnInt64(0)), s.ColumnInt64(1)
		}, o.LinkedID)
		if err != nil {
			return result{}, err
		}
	}
	if !ok {
		if position, mailbox, ok = store.ParseDeliveryID(o.LocalID); !ok {
			return result{err: store.ErrNotFound}, nil
		}
	}
	err := exec(w.conn, "UPDATE collected SET status = ?, at = ?, fault = ? WHERE mailbox = ? AND position = ? AND status IN ('sent', 'undeliverable')",
		store.Undeliverable.MESHStatus(), o.At.UnixMicro(), o.Fault(), mailbox, position)
	if err == nil && w.conn.Changes() == 0 {
		return result{err: store.ErrNotFound}, nil
	}
	return result{}, err
}
