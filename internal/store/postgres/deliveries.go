package postgres

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
	"nems/internal/subscription"
)

const (
	deliveryColumns = `c.mailbox, c.position, t.code, t.workflow, c.size, c.asked, c.partner,
		coalesce(d.attempts, 0), coalesce(d.refusals, 0), d.first, coalesce(d.uncertain, false), coalesce(d.round, 0), d.mesh_id`
	deliveryJoins = ` JOIN event_type t ON t.id = c.type
		LEFT JOIN delivery d ON d.mailbox = c.mailbox AND d.position = c.position`
	waitingDeliveries = `SELECT ` + deliveryColumns + `, d.fault, 'waiting', 0::bigint FROM inbox c` + deliveryJoins
	settledDeliveries = `SELECT ` + deliveryColumns + `, c.fault, c.status, c.at FROM collected c` + deliveryJoins
)

func scanDelivery(r pgx.Rows) (d store.Delivery, err error) {
	var asked, why []byte
	var partner, meshID *string
	var first *int64
	var round, at int64
	err = r.Scan(&d.Mailbox, &d.Event, &d.Code, &d.Workflow, &d.Size, &asked, &partner, &d.Attempts, &d.Refusals, &first, &d.Uncertain, &round,
		&meshID, &why, &d.State, &at)
	if err != nil {
		return d, err
	}
	d.PartnerID, d.MESHID, d.First = orEmpty(partner), orEmpty(meshID), moment(first)
	for ; len(asked) >= 16; asked = asked[16:] {
		d.Subscriptions = append(d.Subscriptions, subscription.ID(asked[:16]))
	}
	if d.At = d.Event.Time(); d.State != store.Waiting {
		d.At = time.UnixMicro(at).UTC()
	}
	if d.ID = store.DeliveryID(d.Event, d.Mailbox); round > 0 {
		d.ID += "-" + strconv.FormatInt(round, 36)
	}
	if why == nil {
		return d, nil
	}
	var f fault
	err = json.Unmarshal(why, &f)
	d.ErrorCode, d.ErrorEvent, d.ErrorText = f.ErrorCode, f.ErrorEvent, f.ErrorText
	return d, err
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
	const within = " WHERE c.mailbox = $1 AND c.position BETWEEN $2 AND $3"
	sql, more := waitingDeliveries+within, []any{}
	switch q.State {
	case store.Waiting:
	case "":
		sql += " UNION ALL " + settledDeliveries + within
	default:
		sql, more = settledDeliveries+within+" AND c.status = $5", []any{string(q.State)}
	}
	var out []store.Delivery
	err := db.read(ctx, func(c querier) error {
		for {
			args := append([]any{box.Row, int64(first), int64(last), min(deliveryStep, max(most, 100))}, more...)
			rows, err := all(ctx, c, scanDelivery, sql+" ORDER BY 2 LIMIT $4", args...)
			if err != nil || len(rows) == 0 {
				return err
			}
			for _, d := range rows {
				d.MailboxID, first = box.ID, d.Event+1
				if len(out) < most && selects(&q, &d) {
					out = append(out, d)
				}
			}
			if len(out) >= most || first > last {
				return nil
			}
		}
	})
	return out, err
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
	found, err := db.deliveriesOf(ctx, box, store.DeliveryQuery{Event: position}, 1)
	if err == nil && len(found) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Delivery{}, err
	}
	return found[0], nil
}

// ReportDelivery notes what a MESH reported of a copy that was sent: it becomes
// undeliverable. The MESH's message id finds it, or the local id, which also
// the repeat of a send bears. It returns store.ErrNotFound for what nobody sent.
func (db *DB) ReportDelivery(ctx context.Context, r store.DeliveryReport) error {
	why, err := json.Marshal(fault{r.LinkedID, r.ErrorCode, r.ErrorEvent, r.ErrorText})
	if err != nil {
		return err
	}
	return db.change(ctx, func(tx pgx.Tx) error {
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
			mailbox, int64(position), string(store.Undone), r.At.UnixMicro(), why)
		if err == nil && tag.RowsAffected() == 0 {
			err = store.ErrNotFound
		}
		return err
	})
}
