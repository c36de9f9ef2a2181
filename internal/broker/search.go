package broker

import (
	"context"

	"nems/internal/access"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// BulkJournal is the part of a Journal that works on many subscriptions at once, with
// the same promises as the Journal.
type BulkJournal interface {
	// SubscribeAll creates many subscriptions in one commit. errs has one entry for
	// each, as Journal.Subscribe would return it; err is set when nothing was
	// changed.
	SubscribeAll(ctx context.Context, all []store.Creation) (errs []error, err error)
	// DeleteAll removes many subscriptions in one commit, with errors as those of
	// SubscribeAll and Journal.Delete.
	DeleteAll(ctx context.Context, all []store.Deletion) (errs []error, err error)
	// Subscriptions returns the first q.Max subscriptions after q.After that q
	// selects, ordered by id.
	Subscriptions(ctx context.Context, q store.SubscriptionQuery) ([]subscription.Subscription, error)
	// CountSubscriptions counts what q selects after q.After. It looks at no more
	// than q.Max subscriptions of the owner, except that it looks at all those
	// for patients that q names.
	CountSubscriptions(ctx context.Context, q store.SubscriptionQuery) (store.Count, error)
}

// Found is one page of a search.
type Found struct {
	Subscriptions []subscription.Subscription
	// More says that another page follows, after the last id of this one.
	More bool
}

// Search returns a page of the subscriptions that the caller may read. It
// ignores the owner in q.
func (b *Broker) Search(ctx context.Context, caller access.Caller, q store.SubscriptionQuery) (Found, error) {
	page := q.Max
	q.Max++ // one more, to know whether another page follows
	var all []subscription.Subscription
	for _, q.ODS = range readable(caller) {
		some, err := b.Journal.Subscriptions(ctx, q)
		if err != nil {
			return Found{}, err
		}
		all = append(all, some...)
	}
	all = store.InOrder(all)
	page = min(page, fitting(all))
	return Found{Subscriptions: all[:min(len(all), page)], More: len(all) > page}, nil
}

// maxPage limits the text of the subscriptions on a page, in bytes, because a
// page is built in memory. A page always has at least one.
const maxPage = 1 << 20

// fitting returns how many subscriptions fit on a page.
func fitting(all []subscription.Subscription) int {
	size := 0
	for i := range all {
		s := &all[i]
		size += len(s.Contacts) + len(s.Reason) + len(s.Criteria.Text)
		if size > maxPage && i > 0 {
			return i
		}
	}
	return len(all)
}

// MaxCounted is how many of an organisation's subscriptions a count looks at.
const MaxCounted = 50_000

// Count returns how many subscriptions a search would find on all its pages,
// unless there are more than MaxCounted to look at.
func (b *Broker) Count(ctx context.Context, caller access.Caller, q store.SubscriptionQuery) (all store.Count, err error) {
	q.After, q.Max = subscription.ID{}, MaxCounted
	for _, q.ODS = range readable(caller) {
		some, err := b.Journal.CountSubscriptions(ctx, q)
		if err != nil {
			return store.Count{}, err
		}
		all.N, all.AtLeast = all.N+some.N, all.AtLeast || some.AtLeast
	}
	return all, nil
}

// readable returns the organisations whose subscriptions the caller may read:
// the one for which it acts, or all of its own if the token names none.
func readable(caller access.Caller) []nhs.ODSCode {
	if !caller.Claimed {
		return caller.System.ODSCodes
	}
	return []nhs.ODSCode{caller.ODS}
}
