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
// an endpoint that it brings along, and that needs some grants of the controller
// catalogue: both, or none. bring makes the endpoint, after all
// else was checked. A *store.HeldError says that an operator has switched its address off.
func (b *Broker) SubscribeAt(ctx context.Context, caller access.Caller, resource subscription.Resource, grants []string, bring func(context.Context, subscription.Subscription) (store.Brought, error)) (out Subscribed, err error) {
	planning := *b
	planning.Mailboxes, planning.planned = planned{resource.Contact}, grants
	if out.Subscription, out.Notices, err = planning.draft(ctx, caller, resource, b.Now()); err != nil {
		return out, err
	}
	with, err := bring(ctx, out.Subscription)
	if err != nil {
		return out, err
	}
	out.Endpoint, err = b.Journal.SubscribeWith(ctx, out.Subscription, with, subscribeEntry(caller, out.Subscription))
	return out, subscribeRefusal(err)
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
