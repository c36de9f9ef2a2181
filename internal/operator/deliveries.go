package operator

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
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
	Deliveries(ctx context.Context, q store.DeliveryQuery) ([]store.Delivery, error)
	Delivery(ctx context.Context, id string) (store.Delivery, error)
	// RetryDelivery has a parked delivery wait again; ParkDelivery sets a waiting
	// one aside; ResendDelivery gives a copy again that its mailbox had.
	RetryDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error
	ParkDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error
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
	// First is how many are returned at most; 0: all.
	First int `json:"first,omitempty"`
}

// deliveryPage is how many deliveries are read at a time.
const deliveryPage = 500

func (f DeliveryFilter) query() (store.DeliveryQuery, error) {
	q := store.DeliveryQuery{Mailbox: f.Mailbox, Event: store.EventID(f.Event), Code: f.EventType, State: f.State, From: f.From, To: f.To, Max: deliveryPage}
	switch {
	case f.State != "" && !slices.Contains(store.DeliveryStates, f.State):
		return q, invalid("state: expected one of %v", store.DeliveryStates)
	case f.First < 0 || f.Event < 0:
		return q, invalid("first and event: expected no negative number")
	}
	if f.Subscription != "" {
		id, err := subscription.ParseID(f.Subscription)
		if err != nil {
			return q, invalid("subscription: %s", err)
		}
		q.Subscription = id
	}
	return q, nil
}

// Deliveries yields what a filter selects, by mailbox and, within one, in the
// order of acceptance. An unknown mailbox is store.ErrNotFound.
func (d Desk) Deliveries(ctx context.Context, f DeliveryFilter) iter.Seq2[Delivery, error] {
	return func(yield func(Delivery, error) bool) {
		q, err := f.query()
		for n := 0; err == nil; {
			var page []store.Delivery
			if page, err = d.Store.Deliveries(ctx, q); errors.Is(err, store.ErrNotFound) {
				err = fmt.Errorf("mailbox %s: %w", f.Mailbox, err)
			}
			if err != nil {
				break
			}
			for _, row := range page {
				if !yield(newDelivery(row), nil) {
					return
				}
				if n++; n == f.First {
					return
				}
			}
			if len(page) < q.Max {
				return
			}
			last := page[len(page)-1]
			q.AfterMailbox, q.AfterEvent = last.Mailbox, last.Event
		}
		yield(Delivery{}, err)
	}
}

// Delivery finds one by its id, or store.ErrNotFound.
func (d Desk) Delivery(ctx context.Context, id string) (Delivery, error) {
	row, err := d.Store.Delivery(ctx, id)
	if err != nil {
		return Delivery{}, err
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

// MoveDeliveries moves deliveries, as far as they are in a state for it.
// ErrInvalid for a move that is none.
func (d Desk) MoveDeliveries(ctx context.Context, move Move, ids []string) (Moved, error) {
	verb, ok := map[Move]struct {
		do     func(context.Context, string, time.Time, audit.Entry) error
		action audit.Action
	}{
		Retry:  {d.Store.RetryDelivery, audit.ActionRetryDelivery},
		Park:   {d.Store.ParkDelivery, audit.ActionParkDelivery},
		Resend: {d.Store.ResendDelivery, audit.ActionResendDelivery},
	}[move]
	if !ok {
		return Moved{}, invalid("move: expected %s, %s or %s", Retry, Park, Resend)
	}
	if len(ids) > maxMoves {
		return Moved{}, invalid("at most %d deliveries at a time", maxMoves)
	}
	var out Moved
	for _, id := range ids {
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

func searchDeliveries(d Desk, w http.ResponseWriter, r *http.Request) error {
	var f DeliveryFilter
	if err := read(w, r, &f); err != nil {
		return err
	}
	return stream(w, d.Deliveries(r.Context(), f))
}

func showDelivery(d Desk, w http.ResponseWriter, r *http.Request) error {
	row, err := d.Delivery(r.Context(), r.PathValue("id"))
	if err == nil {
		answer(w, http.StatusOK, row)
	}
	return err
}

func moveDeliveries(d Desk, w http.ResponseWriter, r *http.Request) error {
	var ids []string
	if err := read(w, r, &ids); err != nil {
		return err
	}
	n, err := d.MoveDeliveries(r.Context(), Move(r.PathValue("move")), ids)
	if err == nil {
		answer(w, http.StatusOK, n)
	}
	return err
}

// Deliveries is Desk.Deliveries.
func (c *Client) Deliveries(ctx context.Context, f DeliveryFilter) iter.Seq2[Delivery, error] {
	return lines[Delivery](ctx, c, "deliveries/search", f)
}

// Delivery is Desk.Delivery.
func (c *Client) Delivery(ctx context.Context, id string) (out Delivery, err error) {
	return out, c.call(ctx, http.MethodGet, "deliveries/"+url.PathEscape(id), nil, &out)
}

// MoveDeliveries is Desk.MoveDeliveries.
func (c *Client) MoveDeliveries(ctx context.Context, move Move, ids []string) (out Moved, err error) {
	return out, c.call(ctx, http.MethodPost, "deliveries/move/"+url.PathEscape(string(move)), ids, &out)
}
