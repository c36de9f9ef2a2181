package operator

import (
	"context"

	"nems/internal/broker"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Events are the events that were accepted and are kept still. Safe for concurrent
// use.
type Events interface {
	broker.Events
	// EventByMESHID finds the event of a copy that a remote MESH has given this
	// message id, or returns store.ErrNotFound.
	EventByMESHID(ctx context.Context, id string) (store.EventID, error)
	// EventMessage is broker.Backlog's.
	EventMessage(ctx context.Context, event store.EventID) ([]byte, error)
	// EventDeliveries lists the first max copies of an event behind a mailbox, in the
	// order of the mailboxes' rows. Of an event with many copies those are missing that
	// are still to be filed.
	EventDeliveries(ctx context.Context, event store.EventID, after int64, max int) ([]store.Delivery, error)
	// SubscriptionsUnder lists the first max behind an id that are found under a route
	// key, in the order of their ids, ended ones too.
	SubscriptionsUnder(ctx context.Context, key subscription.RouteKey, after subscription.ID, max int) ([]subscription.Subscription, error)
	// FindEvents returns a page of what a query selects, the newest first;
	// store.ErrNotFound for a mailbox that is not there. It looks at q.Effort events at
	// most.
	FindEvents(ctx context.Context, q store.EventQuery) (store.EventPage, error)
}
