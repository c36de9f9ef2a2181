package operator

import (
	"context"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

// Events are the events that were accepted and are kept still. Safe for concurrent
// use.
type Events interface {
	// AcceptedEvent returns an event without its message, or store.ErrNotFound.
	AcceptedEvent(ctx context.Context, event store.EventID) (store.AcceptedEvent, error)
	// EventByMESHID finds the event of a copy that a remote MESH has given this
	// message id, or returns store.ErrNotFound.
	EventByMESHID(ctx context.Context, id string) (store.EventID, error)
	// EventByMessageID finds the newest event whose MessageHeader.id this is, among
	// the newest 200,000 that were accepted since a moment, or returns store.ErrNotFound.
	EventByMessageID(ctx context.Context, id string, since time.Time) (store.EventID, error)
	// EventDeliveries lists the first max copies of an event behind a mailbox, in the
	// order of the mailboxes' rows. Of an event with many copies those are missing that
	// are still to be filed.
	EventDeliveries(ctx context.Context, event store.EventID, after int64, max int) ([]store.Delivery, error)
	// SubscriptionsUnder lists the first max behind an id that are found under a route
	// key, in the order of their ids, ended ones too.
	SubscriptionsUnder(ctx context.Context, key subscription.RouteKey, after subscription.ID, max int) ([]subscription.Subscription, error)
}
