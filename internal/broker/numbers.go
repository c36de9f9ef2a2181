package broker

import (
	"context"
	"errors"
	"time"

	"nems/internal/access"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Numbers tells what subscriptions have counted. Safe for concurrent use.
type Numbers interface {
	// Event returns an event as it was accepted; errors are those of Backlog's
	// EventMessage.
	Event(ctx context.Context, event store.EventID) (store.Event, error)
	// Counting returns how far a subscription has counted; the zero value if it
	// has counted nothing.
	Counting(ctx context.Context, id subscription.ID) (store.Counting, error)
	// NumberedEvents lists up to max events that a subscription has counted, with
	// numbers from one to another, both included, in their order. What retention
	// removed is missing.
	NumberedEvents(ctx context.Context, id subscription.ID, from, to uint64, max int) ([]store.Numbered, error)
	// NumberKept has subscriptions count copies for one mailbox, in their order, up to
	// store.MostNumbered, as lane.Numbers does; the claim of a lane is not needed.
	NumberKept(ctx context.Context, whose []store.Delivery) error
	// Endpoint is webhook.Endpoints'.
	Endpoint(ctx context.Context, row int64) (store.Endpoint, error)
	// CountedWithin lists up to max subscriptions that have counted within a time
	// until now, by the store's clock, the latest first. What is counted in a
	// transaction shows when it commits: who polls asks for two seconds more than
	// have passed.
	CountedWithin(ctx context.Context, back time.Duration, max int) ([]store.Advance, error)
}

// mostNumbered is how many events Numbered returns at most.
const mostNumbered = 100

// Counted is a subscription and how far it has counted.
type Counted struct {
	subscription.Subscription
	store.Counting
}

// NumberedEvent is an event that a subscription has counted, as it may be shown today.
type NumberedEvent struct {
	store.Numbered
	// Kept says that Message is the event's message. It is not where retention has
	// removed it, or where its patient's record has been flagged since: which of
	// them it is, nobody is told.
	Kept     bool
	Delivery store.Delivery // with its one number and subscription
	Event    store.Event
}

// Status tells how far a subscription of the caller's organisation has counted.
func (b *Broker) Status(ctx context.Context, caller access.Caller, id string) (out Counted, err error) {
	if out.Subscription, err = b.Read(ctx, caller, id); err != nil {
		return out, err
	}
	if err = b.catchUp(ctx, out.Subscription); err != nil {
		return out, err
	}
	out.Counting, err = b.Numbers.Counting(ctx, out.ID)
	return out, err
}

// NumberedEvents lists events that a subscription of the caller's organisation has counted,
// with numbers from one to another, both included, up to a hundred or max.
func (b *Broker) NumberedEvents(ctx context.Context, caller access.Caller, id string, from, to uint64, max int) ([]NumberedEvent, error) {
	s, err := b.Read(ctx, caller, id)
	if err != nil {
		return nil, err
	}
	if err := b.MayRead(s); err != nil {
		return nil, err
	}
	if err := b.catchUp(ctx, s); err != nil {
		return nil, err
	}
	return b.Released(ctx, s.ID, from, to, max)
}

// Released is NumberedEvents for who was found to own the subscription.
func (b *Broker) Released(ctx context.Context, id subscription.ID, from, to uint64, max int) ([]NumberedEvent, error) {
	found, err := b.Numbers.NumberedEvents(ctx, id, from, to, min(max, mostNumbered))
	if err != nil {
		return nil, err
	}
	out := make([]NumberedEvent, len(found))
	for i, n := range found {
		if out[i], err = b.release(ctx, id, n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// release reads an event that was counted, and judges whether it may be shown.
func (b *Broker) release(ctx context.Context, id subscription.ID, n store.Numbered) (NumberedEvent, error) {
	out := NumberedEvent{Numbered: n}
	accepted, err := b.Events.AcceptedEvent(ctx, n.Event)
	if err == nil {
		out.Event, err = b.Numbers.Event(ctx, n.Event)
	}
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrDamaged):
		return out, nil
	case err != nil:
		return out, err
	}
	flagged, err := b.Flagged(ctx, out.Event)
	if err != nil {
		return out, err
	}
	if flagged {
		return NumberedEvent{Numbered: n}, nil
	}
	out.Kept = true
	out.Delivery = store.Delivery{
		ID: store.DeliveryID(n.Event, n.Mailbox), Event: n.Event, Accepted: accepted.At, Mailbox: n.Mailbox, Code: accepted.Code, Workflow: accepted.Workflow,
		Size: accepted.Size, Subscriptions: []subscription.ID{id}, Numbers: []uint64{n.Number}, State: store.Sent, At: n.At,
	}
	return out, nil
}
