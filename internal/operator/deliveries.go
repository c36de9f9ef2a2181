package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Outgoing keeps the deliveries. Each move is on disk, with its audit entry,
// when the method returns; it returns store.ErrNotFound for a delivery that is
// not there, not in a state for it, or for a mailbox served here that is not
// registered for its workflow. Safe for concurrent use.
type Outgoing interface {
	// DeliveryPage returns a page of deliveries in the order of mailboxes and, within
	// one, of acceptance; store.ErrNotFound for a mailbox that is not there.
	DeliveryPage(ctx context.Context, q store.DeliveryQuery) (store.DeliveryPage, error)
	// Delivery returns one by its id, or store.ErrNotFound.
	Delivery(ctx context.Context, id string) (store.Delivery, error)
	// RetryDelivery has a parked delivery wait again, due at once.
	RetryDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error
	// ParkDelivery sets a waiting delivery aside.
	ParkDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error
	// ResendDelivery gives a mailbox a copy again that it had, as long as the
	// message is kept. To a remote MESH it goes under a new local id: under the old
	// one, tracking would find the first copy.
	ResendDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error
}

// Delivery is one copy of one event as operators see it: nothing of a patient.
type Delivery struct {
	ID            string      `json:"id"`
	State         store.State `json:"state"`
	Mailbox       string      `json:"mailbox"`
	EventType     string      `json:"eventType"`
	Workflow      string      `json:"workflow"`
	Event         int64       `json:"event"`
	Accepted      time.Time   `json:"accepted"`
	At            time.Time   `json:"at"` // of the state
	Size          int64       `json:"size"`
	Attempts      int         `json:"attempts,omitempty"`
	First         time.Time   `json:"firstAttempt,omitzero"`
	Uncertain     bool        `json:"uncertain,omitempty"` // the MESH may have it
	MESHID        string      `json:"meshId,omitempty"`
	ErrorCode     string      `json:"errorCode,omitempty"`
	Error         string      `json:"error,omitempty"`
	Subscriptions []string    `json:"subscriptions"`
	Log           []Attempt   `json:"log,omitempty"` // the last attempts, where the channel keeps them
}

func newDelivery(d store.Delivery) Delivery {
	out := Delivery{
		ID: d.ID, State: d.State, Mailbox: d.MailboxID, EventType: d.Code, Workflow: d.Workflow, Event: int64(d.Event),
		Accepted: d.Accepted, At: d.At, Size: d.Size, Attempts: d.Attempts, First: d.First, Uncertain: d.Uncertain,
		MESHID: d.MESHID, ErrorCode: d.ErrorCode, Error: d.ErrorText, Subscriptions: []string{},
	}
	for _, id := range d.Subscriptions {
		out.Subscriptions = append(out.Subscriptions, id.String())
	}
	for _, a := range d.Tries {
		out.Log = append(out.Log, newAttempt(a))
	}
	return out
}

// DeliveryFilter selects deliveries. Fields that are zero do not filter.
type DeliveryFilter struct {
	Mailbox      string      `json:"mailbox,omitempty"`
	Subscription string      `json:"subscription,omitempty"`
	Event        int64       `json:"event,omitempty"`
	EventType    string      `json:"eventType,omitempty"`
	State        store.State `json:"state,omitempty"`
	// From and To bound the moments of acceptance: [From, To).
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
}

// query is what the filter asks of a store.
func (f DeliveryFilter) query() (store.DeliveryQuery, error) {
	q := store.DeliveryQuery{Mailbox: f.Mailbox, Event: store.EventID(f.Event), Code: f.EventType, State: f.State, From: f.From, To: f.To}
	switch {
	case f.State != "" && !slices.Contains(store.DeliveryStates, f.State):
		return q, expected("state", fmt.Sprintf("one of %v", store.DeliveryStates), string(f.State))
	case f.Event < 0:
		return q, expected("event", "no negative number", strconv.FormatInt(f.Event, 10))
	}
	if f.Subscription != "" {
		id, err := subscription.ParseID(f.Subscription)
		if err != nil {
			return q, invalid("subscription", "subscription: %s", err)
		}
		q.Subscription = id
	}
	return q, nil
}

// mostLooked is how many rows and mailboxes one page of deliveries looks at,
// however little its filter selects.
const mostLooked = 5000

// deliveries lists what a filter selects, by mailbox and, within one, in the
// order of acceptance. An unknown mailbox is NotFound.
func (d Desk) deliveries(ctx context.Context, s Search[DeliveryFilter]) (out Page[Delivery], err error) {
	l, err := list[store.DeliveryPlace](d, "deliveries", s.Filter, s.Paging)
	if err != nil {
		return out, err
	}
	q, err := s.Filter.query()
	if err != nil {
		return out, err
	}
	q.After, q.Max, q.Effort = l.after, l.limit, mostLooked
	found, err := d.Store.DeliveryPage(ctx, q)
	if err != nil {
		return out, named(err, "mailbox", s.Filter.Mailbox)
	}
	out.Items = make([]Delivery, len(found.Found))
	for i, row := range found.Found {
		out.Items[i] = newDelivery(row)
	}
	if found.Next != nil {
		out.Next, err = d.seal(l.name, l.filter, *found.Next)
	}
	return out, err
}

// DeliveryRef names a delivery.
type DeliveryRef struct {
	ID string `path:"id"`
}

// delivery finds one by its id, or NotFound.
func (d Desk) delivery(ctx context.Context, ref DeliveryRef) (Delivery, error) {
	row, err := d.Store.Delivery(ctx, ref.ID)
	if err != nil {
		return Delivery{}, named(err, "delivery", ref.ID)
	}
	return newDelivery(row), nil
}

// Move is what an operator can do to deliveries.
type Move string

// The moves.
const (
	Retry  Move = "retry"  // parked ones wait again
	Park   Move = "park"   // waiting ones are set aside
	Resend Move = "resend" // retained copies that a mailbox had go to it again
)

// maxMoves is how many deliveries one request moves.
const maxMoves = 10_000

// Moved is what came of a move.
type Moved struct {
	Moved int `json:"moved"`
	// Left are the ids of those that are not there, not in a state for it, or
	// for a mailbox that is not registered for their workflow.
	Left []string `json:"left,omitempty"`
}

// Moving names deliveries and what to do to them.
type Moving struct {
	Move Move     `path:"move"`
	IDs  []string `body:""`
}

// moveDeliveries moves deliveries, as far as they are in a state for it. Invalid
// for a move that there is not.
func (d Desk) moveDeliveries(ctx context.Context, m Moving) (out Moved, err error) {
	verb, ok := map[Move]struct {
		do     func(context.Context, string, time.Time, audit.Entry) error
		action audit.Action
	}{
		Retry:  {d.Store.RetryDelivery, audit.ActionRetryDelivery},
		Park:   {d.Store.ParkDelivery, audit.ActionParkDelivery},
		Resend: {d.Store.ResendDelivery, audit.ActionResendDelivery},
	}[m.Move]
	if !ok {
		return out, expected("move", fmt.Sprintf("%s, %s or %s", Retry, Park, Resend), string(m.Move))
	}
	if len(m.IDs) > maxMoves {
		return out, invalid("", "at most %d deliveries at a time", maxMoves)
	}
	for _, id := range m.IDs {
		err := verb.do(ctx, id, d.Now(), d.entry(verb.action, id))
		switch {
		case errors.Is(err, store.ErrNotFound):
			out.Left = append(out.Left, id)
		case err != nil:
			return out, fmt.Errorf("delivery %s, after %d: %w", id, out.Moved, err)
		default:
			out.Moved++
		}
	}
	return out, nil
}
