package broker

import (
	"context"
	"errors"

	"nems/internal/access"
	"nems/internal/nhs"
	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
)

// SubscribeAt creates a subscription from a resource that a door has read itself, with
// an endpoint that is made for it, and that needs some grants of the controller
// catalogue. put makes the endpoint, after all else was checked. If the store then refuses the subscription, the endpoint is one that nothing goes to.
func (b *Broker) SubscribeAt(ctx context.Context, caller access.Caller, resource subscription.Resource, grants []string, put func(context.Context, subscription.Subscription) error) (Subscribed, error) {
	planning := *b
	planning.Mailboxes, planning.planned = planned{resource.Contact}, grants
	s, notices, err := planning.draft(ctx, caller, resource, b.Now())
	if err != nil {
		return Subscribed{}, err
	}
	if err := put(ctx, s); err != nil {
		return Subscribed{}, err
	}
	return b.commit(ctx, caller, s, notices)
}

// shared refuses the endpoint that a subscription has brought along: it carries no
// other's copies.
func (b *Broker) shared(ctx context.Context, box store.Mailbox) error {
	if !box.Remote {
		return nil
	}
	e, err := b.Numbers.Endpoint(ctx, box.Row)
	switch {
	case err == nil && e.Channel == store.RestHookChannel:
		return refuse.AccessDenied("the endpoint is that of a subscription made in R4, and of no other")
	case errors.Is(err, store.ErrNotFound):
		return nil
	}
	return err
}

// planned are mailboxes that an organisation is about to have.
type planned struct{ ods nhs.ODSCode }

// Mailbox is Mailboxes'.
func (p planned) Mailbox(_ context.Context, id string) (store.Mailbox, error) {
	return store.Mailbox{ID: id, ODS: p.ods}, nil
}
