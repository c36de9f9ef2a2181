package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

const (
	deliveryColumns = `c.mailbox, c.position, t.code, t.workflow, c.size, c.asked, c.partner,
		d.attempts, d.refusals, d.first, d.uncertain, d.round, d.mesh_id`
	deliveryJoins = ` JOIN event_type t ON t.id = c.type
		LEFT JOIN delivery d ON d.mailbox = c.mailbox AND d.position = c.position`
	selectWaiting = `SELECT ` + deliveryColumns + `, d.fault, 'waiting', 0 FROM inbox c` + deliveryJoins
	selectSettled = `SELECT ` + deliveryColumns + `, c.fault, c.status, c.at FROM collected c` + deliveryJoins
)

func scanDelivery(s *sqlite.Stmt, box store.Mailbox) (store.Delivery, error) {
	d := store.Delivery{
		Mailbox: s.ColumnInt64(0), MailboxID: box.ID, Event: store.EventID(s.ColumnInt64(1)),
		Code: s.ColumnText(2), Workflow: s.ColumnText(3), Size: s.ColumnInt64(4), PartnerID: s.ColumnText(6),
		Attempts: s.ColumnInt(7), Refusals: s.ColumnInt(8), Uncertain: s.ColumnBool(10), MESHID: s.ColumnText(12),
		State: store.DeliveryState(s.ColumnText(14)),
	}
	for asked := blob(s, 5); len(asked) >= 16; asked = asked[16:] {
		d.Subscriptions = append(d.Subscriptions, subscription.ID(asked[:16]))
	}
	if !s.ColumnIsNull(9) {
		d.First = time.UnixMicro(s.ColumnInt64(9)).UTC()
	}
	if d.At = d.Event.Time(); d.State != store.Waiting {
		d.At = time.UnixMicro(s.ColumnInt64(15)).UTC()
	}
	if d.ID = store.DeliveryID(d.Event, d.Mailbox); s.ColumnInt64(11) > 0 {
		d.ID += "-" + strconv.FormatInt(s.ColumnInt64(11), 36)
	}
	var f fault
	if b := blob(s, 13); b != nil {
		if err := json.Unmarshal(b, &f); err != nil {
			return d, err
		}
	}
	d.ErrorCode, d.ErrorEvent, d.ErrorText = f.ErrorCode, f.ErrorEvent, f.ErrorText
	return d, nil
}

// Deliveries returns a page of deliveries in the order of mailboxes and, within
// one, of acceptance. An unknown mailbox is store.ErrNotFound.
func (db *DB) Deliveries(ctx context.Context, q store.DeliveryQuery) ([]store.Delivery, error) {
	boxes, err := db.boxesOf(ctx, q)
	if err != nil {
		return nil, err
	}
	var out []store.Delivery
	for _, box := range boxes {
		if len(out) >= q.Max {
			break
		}
		page, err := db.deliveriesOf(ctx, box, q, q.Max-len(out))
		if err != nil {
			return nil, err
		}
		out = append(out, page...)
	}
	return out, nil
}

// boxesOf lists the mailboxes that a query is about, in the order of their rows.
func (db *DB) boxesOf(ctx context.Context, q store.DeliveryQuery) ([]store.Mailbox, error) {
	t, err := db.knownTables(ctx)
	if err != nil {
		return nil, err
	}
	if q.Mailbox != "" {
		box, ok := t.byID[strings.ToUpper(q.Mailbox)]
		if !ok {
			return nil, store.ErrNotFound
		}
		return []store.Mailbox{box}, nil
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
func (db *DB) deliveriesOf(ctx context.Context, box store.Mailbox, q store.DeliveryQuery, most int) ([]store.Delivery, error) {
	first, last := store.FirstPosition(q.From), store.EventID(math.MaxInt64)
	if !q.To.IsZero() {
		last = store.PositionAt(q.To) - 1
	}
	if q.Event != 0 {
		first, last = max(first, q.Event), min(last, q.Event)
	}
	if box.Row == q.AfterMailbox {
		first = max(first, q.AfterEvent+1)
	}
	var out []store.Delivery
	read := func(conn *sqlite.Conn, query string) error {
		n := 0
		return rows(conn, query+" WHERE c.mailbox = ? AND c.position BETWEEN ? AND ? ORDER BY c.position", func(s *sqlite.Stmt) error {
			if n >= most {
				return errEnough
			}
			d, err := scanDelivery(s, box)
			if err == nil && selects(&q, &d) {
				out, n = append(out, d), n+1
			}
			return err
		}, box.Row, first, last)
	}
	err := db.readers.read(ctx, func(conn *sqlite.Conn) error {
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
	return out[:min(len(out), most)], err
}

func selects(q *store.DeliveryQuery, d *store.Delivery) bool {
	return (q.State == "" || q.State == d.State) && (q.Code == "" || q.Code == d.Code) &&
		(q.Subscription.IsZero() || slices.Contains(d.Subscriptions, q.Subscription))
}

// Delivery returns one delivery by its id, or store.ErrNotFound.
func (db *DB) Delivery(ctx context.Context, id string) (store.Delivery, error) {
	position, mailbox, ok := store.ParseDeliveryID(id)
	if !ok {
		return store.Delivery{}, store.ErrNotFound
	}
	box, err := db.box(ctx, mailbox)
	if err != nil {
		return store.Delivery{}, err
	}
	all, err := db.deliveriesOf(ctx, box, store.DeliveryQuery{Event: position}, 1)
	if err == nil && len(all) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Delivery{}, err
	}
	return all[0], nil
}

// moveDelivery is what an operator does to a delivery.
type moveDelivery struct {
	position store.EventID
	mailbox  int64
	from     []store.DeliveryState
	to       store.DeliveryState
	anew     bool
	at       int64
	entry    audit.Sealed
}

// RetryDelivery has a parked delivery wait again, at once. Like the other
// moves of an operator it returns store.ErrNotFound for a delivery that is not
// there or not in a state to do so, and stores e with the change.
func (db *DB) RetryDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error {
	return db.move(ctx, id, moveDelivery{from: []store.DeliveryState{store.Parked}, to: store.Waiting, at: at.UnixMicro(), entry: seal(e)})
}

// ParkDelivery takes a waiting delivery aside.
func (db *DB) ParkDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error {
	return db.move(ctx, id, moveDelivery{from: []store.DeliveryState{store.Waiting}, to: store.Parked, at: at.UnixMicro(), entry: seal(e)})
}

// ResendDelivery gives a mailbox a copy again that it had, as long as the
// message is kept. To a remote MESH it goes under a new local id: under the old
// one, tracking would find the first copy.
func (db *DB) ResendDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error {
	return db.move(ctx, id, moveDelivery{from: []store.DeliveryState{store.Sent, store.Collected, store.Undone}, to: store.Waiting,
		anew: true, at: at.UnixMicro(), entry: seal(e)})
}

func (db *DB) move(ctx context.Context, id string, op moveDelivery) error {
	var ok bool
	if op.position, op.mailbox, ok = store.ParseDeliveryID(id); !ok {
		return store.ErrNotFound
	}
	_, err := db.submit(ctx, op)
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
	if o.anew {
		err = exec(w.conn, `INSERT INTO delivery (mailbox, position, round) VALUES (?, ?, 1) ON CONFLICT (mailbox, position) DO UPDATE SET
			round = round + 1, attempts = 0, refusals = 0, first = NULL, uncertain = 0, mesh_id = NULL, fault = NULL`, o.mailbox, o.position)
	} else if o.to == store.Waiting {
		// Its age counts anew; whether the MESH may have it stays true.
		err = exec(w.conn, "UPDATE delivery SET attempts = 0, refusals = 0, first = NULL WHERE mailbox = ? AND position = ?", o.mailbox, o.position)
	}
	if err != nil || o.to != store.Waiting {
		return result{}, err
	}
	return result{}, exec(w.conn, "UPDATE lane SET next_attempt = 0, failures = 0 WHERE mailbox = ?", o.mailbox)
}

// moved moves the row between inbox and collected.
func (o moveDelivery) moved(w *writer) (bool, error) {
	if o.to == store.Parked {
		typ, err := number(w.conn, "SELECT type FROM inbox WHERE mailbox = ? AND position = ?", o.mailbox, o.position)
		if err != nil || typ == 0 { // what a mailbox sent is no delivery
			return false, err
		}
		moved, _, err := w.collect(o.mailbox, o.position, store.MessageStatus(o.to), o.at, nil)
		return moved, err
	}
	var status store.DeliveryState
	_, err := row(w.conn, "SELECT status FROM collected WHERE mailbox = ? AND position = ? AND type <> 0", func(s *sqlite.Stmt) {
		status = store.DeliveryState(s.ColumnText(0))
	}, o.mailbox, o.position)
	if err != nil || !slices.Contains(o.from, status) {
		return false, err
	}
	return true, errors.Join(
		exec(w.conn, `INSERT INTO inbox (mailbox, position, type, size, asked, partner)
			SELECT mailbox, position, type, size, asked, partner FROM collected WHERE mailbox = ? AND position = ?`, o.mailbox, o.position),
		exec(w.conn, "DELETE FROM collected WHERE mailbox = ? AND position = ?", o.mailbox, o.position))
}

// report joins a MESH's report to its delivery.
type report struct {
	store.DeliveryReport
	fault []byte
}

// ReportDelivery notes what a MESH reported of a copy that was sent: it becomes
// undeliverable. The MESH's message id finds it, or the local id, which also
// the repeat of a send bears. It returns store.ErrNotFound for what nobody sent.
func (db *DB) ReportDelivery(ctx context.Context, r store.DeliveryReport) error {
	f, err := json.Marshal(fault{r.LinkedID, r.ErrorCode, r.ErrorEvent, r.ErrorText})
	if err == nil {
		_, err = db.submit(ctx, report{r, f})
	}
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
		string(store.Undone), o.At.UnixMicro(), o.fault, mailbox, position)
	if err == nil && w.conn.Changes() == 0 {
		return result{err: store.ErrNotFound}, nil
	}
	return result{}, err
}
