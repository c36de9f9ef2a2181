package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

// mostSearched is how many events a search for a MessageHeader.id reads at most that
// are not filed yet. No index of the table has it: a random key would cost every publish
// a page of its own, for a question that is seldom asked.
const mostSearched = 200_000

const selectAccepted = `SELECT e.id, t.code, t.workflow, e.kind, e.message_id, e.publisher, e.size, e.withheld, e.patient, e.facts, p.event, p.refusal
	FROM event e JOIN event_type t ON t.id = e.type LEFT JOIN pending p ON p.event = e.id`

// AcceptedEvent is broker.Events'.
func (l *Ledger) AcceptedEvent(ctx context.Context, event store.EventID) (store.AcceptedEvent, error) {
	found, err := read(ctx, l.engine.Read, l.scanAccepted, selectAccepted+" WHERE e.id = $1", event)
	return store.First(found, err)
}

func (l *Ledger) scanAccepted(r Row) (e store.AcceptedEvent, err error) {
	var patient, pending *int64
	var facts []byte
	err = r.Scan(&e.Event, &e.Code, &e.Workflow, &e.Kind, &e.MessageID, &e.Publisher, &e.Size, &e.Withheld, &patient, &facts, &pending, &e.Refusal)
	if err != nil {
		return e, err
	}
	e.At, e.Patient = l.engine.Moments().Of(e.Event), store.KnownPatient(patient)
	e.Waiting = pending != nil && e.Refusal == ""
	if facts == nil {
		return e, nil
	}
	if e.Facts, err = store.UnpackFacts(facts, e.Patient); err != nil {
		return e, fmt.Errorf("event %d: %w", e.Event, err)
	}
	e.Facts.EventCode, e.Facts.At = e.Code, e.At
	return e, nil
}

// EventByMESHID is operator.Events'.
func (l *Ledger) EventByMESHID(ctx context.Context, id string) (store.EventID, error) {
	return store.First(read(ctx, l.engine.View, scanEventID, "SELECT position FROM delivery WHERE mesh_id = $1 LIMIT 1", id))
}

// EventByMessageID is broker.Events'. What housekeeping has filed is found at once, the
// rest is looked through.
func (l *Ledger) EventByMessageID(ctx context.Context, id string, since time.Time) (store.EventID, error) {
	filed, events, err := l.eventsWithID(ctx, id)
	if err != nil {
		return 0, err
	}
	first, lower := l.engine.Moments().Position(since), strings.ToLower(id)
	found, err := read(ctx, l.engine.View, scanEventID, `SELECT id FROM (SELECT id, message_id FROM event WHERE id >= $1 ORDER BY id DESC LIMIT $2) newest
		WHERE message_id = $3 OR message_id = $4 ORDER BY id DESC LIMIT 1`, max(first, filed+1), mostSearched, id, lower)
	if err == nil && len(found) == 0 && len(events) > 0 {
		found, err = read(ctx, l.engine.View, scanEventID, "SELECT id FROM event WHERE "+l.dialect.In("id", "$1", Numbers)+
			" AND id >= $2 AND (message_id = $3 OR message_id = $4) ORDER BY id DESC LIMIT 1", events, first, id, lower)
	}
	return store.First(found, err)
}

func scanEventID(r Row) (id store.EventID, err error) { return id, r.Scan(&id) }

// EventDeliveries is operator.Events'.
func (l *Ledger) EventDeliveries(ctx context.Context, event store.EventID, after int64, max int) (out []store.Delivery, err error) {
	boxes, err := l.engine.Boxes(ctx)
	if err != nil {
		return nil, err
	}
	ids := make(map[int64]string, len(boxes))
	for _, box := range boxes {
		ids[box.Row] = box.ID
	}
	// One look-up for each mailbox: inboxes have no index by event on every store.
	const of = " WHERE c.position = CAST($1 AS bigint) AND c.mailbox IN (SELECT row FROM mailbox WHERE row > CAST($2 AS bigint))"
	out, err = read(ctx, l.engine.View, l.scanDelivery,
		settledRows+of+" UNION ALL "+waitingRows+of+" ORDER BY 1 LIMIT $3", event, after, max)
	for i := range out {
		out[i].MailboxID = ids[out[i].Mailbox]
	}
	return out, err
}

// SubscriptionsUnder is operator.Events'.
func (l *Ledger) SubscriptionsUnder(ctx context.Context, key subscription.RouteKey, after subscription.ID, max int) ([]subscription.Subscription, error) {
	rows, err := read(ctx, l.engine.View, scanSubscription, selectSubscription+" WHERE hash = $1 AND "+l.dialect.Apart("id")+" > $2 ORDER BY id LIMIT $3",
		key.Hash(), after[:], max)
	return l.selected(nil, rows, &store.SubscriptionQuery{}), err
}
