package broker

import (
	"bytes"
	"context"
	"slices"

	"nems/internal/nhs"
	"nems/internal/spine"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Shelf is the part of a Journal that works on many subscriptions at once.
// Its promises are those of the Journal.
type Shelf interface {
	// SubscribeAll and DeleteAll change many subscriptions in one commit. errs
	// has one entry for each, as Journal.Subscribe and Journal.Delete would
	// return it; err is set when nothing was changed.
	SubscribeAll(ctx context.Context, all []store.Creation) (errs []error, err error)
	DeleteAll(ctx context.Context, all []store.Deletion) (errs []error, err error)
	// Subscriptions returns the first q.Max subscriptions behind q.After that q
	// selects, in the order of their ids.
	Subscriptions(ctx context.Context, q store.SubscriptionQuery) ([]subscription.Subscription, error)
}

// Found is one page of a search.
type Found struct {
	Subscriptions []subscription.Subscription
	// More says that another page follows, behind the last id of this one.
	More bool
}

// Search returns a page of the subscriptions that the caller may read: those of
// the organisation that it acts for, or of all its organisations where the
// token names none. The owner in q does not count.
func (b *Broker) Search(ctx context.Context, caller spine.Caller, q store.SubscriptionQuery) (Found, error) {
	owners := []nhs.ODSCode{caller.ODS}
	if !caller.Claimed {
		owners = caller.System.ODSCodes
	}
	page := q.Max
	q.Max++ // one more, to know whether another page follows
	var all []subscription.Subscription
	for _, q.ODS = range owners {
		some, err := b.Journal.Subscriptions(ctx, q)
		if err != nil {
			return Found{}, err
		}
		all = append(all, some...)
	}
	if len(owners) > 1 {
		slices.SortFunc(all, func(x, y subscription.Subscription) int { return bytes.Compare(x.ID[:], y.ID[:]) })
	}
	return Found{Subscriptions: all[:min(len(all), page)], More: len(all) > page}, nil
}
