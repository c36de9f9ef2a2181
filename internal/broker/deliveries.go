package broker

import (
	"context"
	"time"

	"nems/internal/access"
	"nems/internal/store"
)

// Copies tells what became of copies. Safe for concurrent use.
type Copies interface {
	// DeliveryPage is operator.Outgoing's.
	DeliveryPage(ctx context.Context, q store.DeliveryQuery) (store.DeliveryPage, error)
}

const (
	// mostDeliveries is how many deliveries a page has.
	mostDeliveries = 100
	// deliveryEffort is how many rows a page looks at.
	deliveryEffort = 5000
)

// Delivered is a page of what became of the copies that a subscription selected.
type Delivered struct {
	Deliveries []store.Delivery
	Next       store.EventID // where the next page continues; 0 if there is none
}

// Deliveries lists what became of the copies that a subscription of the caller's
// organisation selected, oldest first, from a moment on and behind an event. It has
// those alone that have come to an end, and none that was withheld: one that waits and
// then is gone would tell that a patient's record was flagged (decision 13).
func (b *Broker) Deliveries(ctx context.Context, caller access.Caller, id string, from time.Time, after store.EventID) (out Delivered, err error) {
	s, err := b.Read(ctx, caller, id)
	if err != nil {
		return out, err
	}
	box, err := b.Mailboxes.Mailbox(ctx, s.Mailbox)
	if err != nil {
		return out, err
	}
	page, err := b.Copies.DeliveryPage(ctx, store.DeliveryQuery{
		Mailbox: s.Mailbox, Subscription: s.ID, From: from, After: store.DeliveryPlace{Mailbox: box.Row, Event: after}, Max: mostDeliveries, Effort: deliveryEffort,
	})
	if err != nil {
		return out, err
	}
	for _, d := range page.Found {
		switch d.State {
		case store.Sent, store.Acknowledged, store.Undeliverable:
			out.Deliveries = append(out.Deliveries, d)
		}
	}
	if page.Next != nil {
		out.Next = page.Next.Event
	}
	return out, nil
}
