package broker

import (
	"context"
	"errors"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

const (
	// lateFiling is how far before the last event that was counted others are looked
	// for: a copy can be filed after later ones, when its event had many copies or
	// waited for the directory.
	lateFiling = time.Hour
	// catchUpEffort is how many copies are looked at for one request. The next one
	// goes on.
	catchUpEffort = 20_000
)

// catchUp has a subscription count what is kept of its copies. Lanes count what they
// send; a mailbox of the MESH needs no numbers until somebody asks,
// and most never do.
func (b *Broker) catchUp(ctx context.Context, s subscription.Subscription) error {
	box, err := b.Mailboxes.Mailbox(ctx, s.Mailbox)
	if err != nil {
		return err
	}
	// What waits for an R4 subscription that is in error is counted too, which its lane
	// does as far as it looks ahead.
	switch e, err := b.Numbers.Endpoint(ctx, box.Row); {
	case err == nil && e.Channel != store.RestHookChannel:
		return nil
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	}
	from, err := b.lastCounted(ctx, s.ID)
	if err != nil {
		return err
	}
	q := store.DeliveryQuery{Mailbox: s.Mailbox, Subscription: s.ID, From: from, Max: store.MostNumbered, Effort: catchUpEffort}
	for looked := 0; looked < catchUpEffort; looked += q.Max {
		page, err := b.Copies.DeliveryPage(ctx, q)
		if err != nil {
			return err
		}
		releasable, err := b.releasable(ctx, s.ID, page.Found)
		if err != nil {
			return err
		}
		if err := b.Numbers.NumberKept(ctx, releasable); err != nil || page.Next == nil {
			return err
		}
		q.After = *page.Next
	}
	return nil
}

// lastCounted is the moment from which on copies may not have been counted.
func (b *Broker) lastCounted(ctx context.Context, id subscription.ID) (time.Time, error) {
	c, err := b.Numbers.Counting(ctx, id)
	if err != nil || c.Last == 0 {
		return time.Time{}, err
	}
	last, err := b.Numbers.NumberedEvents(ctx, id, c.Last, c.Last, 1)
	if err != nil || len(last) == 0 {
		return time.Time{}, err
	}
	return b.Journal.Moment(last[0].Event).Add(-lateFiling), nil
}

// releasable returns the copies, each as that of one subscription, that it may count.
func (b *Broker) releasable(ctx context.Context, id subscription.ID, copies []store.Delivery) (out []store.Delivery, err error) {
	for _, d := range copies {
		switch d.State {
		case store.Waiting:
			event, err := b.Numbers.Event(ctx, d.Event)
			if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDamaged) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if flagged, err := b.Flagged(ctx, event); err != nil || flagged {
				if err != nil {
					return nil, err
				}
				continue
			}
		case store.Sent, store.Acknowledged, store.Undeliverable:
		default:
			continue
		}
		d.Subscriptions = []subscription.ID{id}
		out = append(out, d)
	}
	return out, nil
}
