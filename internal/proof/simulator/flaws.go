package simulator

import (
	"context"
	"fmt"
	"sync"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Bug is a fault that is planted on purpose. The invariants must find it.
type Bug int

// The planted bugs.
const (
	NoBug             Bug = iota
	AcknowledgesEarly     // answers a publish before its commit
	LosesCursor           // keeps the progress of a large fan-out only in memory; for the model
	MatchesDeleted        // continues to match a subscription for a while after its deletion was answered
	RepeatsAfterCrash     // keeps idempotency keys in memory
	ForgetsAmbiguous      // does not remember that a send had no answer
	OldestUncertain       // assumes that a lane's oldest copy was the one on its way when the claim lapsed
	ReordersMailbox       // lists what waits in an order other than that of acceptance
	DoublesSent           // sends a copy that was sent again, with another local id
	LosesInbox            // removes a copy from its mailbox when it starts after a crash
	ForgetsSync           // answers before the disk has what was written; for SQLite
	LeasesByClock         // lets a claim lapse when the clock is set forward; for SQLite
)

// flawed is a database with a planted bug.
type flawed struct {
	database
	node *simNode

	mu     sync.Mutex
	keys   map[string]store.Receipt
	gone   map[subscription.ID]bool
	resent map[string]bool
}

// Run implements database.
func (f *flawed) Run(ctx context.Context) error {
	var all sync.WaitGroup
	if f.node.sim.Bug == LosesInbox && f.node.machine.starts > 1 {
		all.Go(func() { f.loseInbox(ctx) })
	}
	err := f.database.Run(ctx)
	all.Wait()
	return err
}

func (f *flawed) loseInbox(ctx context.Context) {
	for _, b := range boxes[:3] {
		page, err := f.database.List(ctx, store.InboxQuery{Mailbox: b.Row, Max: 1})
		if err == nil && len(page) > 0 {
			_ = f.database.Acknowledge(ctx, b.Row, page[0].Position, time.Now(), &audit.Entry{At: time.Now(), Action: audit.ActionAcknowledge})
		}
	}
}

// AcceptEvent implements broker.Journal.
func (f *flawed) AcceptEvent(ctx context.Context, a store.Acceptance) (store.Receipt, error) {
	switch f.node.sim.Bug {
	case AcknowledgesEarly:
		f.node.ended.Go(func() { _, _ = f.database.AcceptEvent(context.WithoutCancel(ctx), a) })
		return store.Receipt{Event: a.Event}, nil
	case RepeatsAfterCrash:
		return f.acceptOnce(ctx, a)
	}
	return f.database.AcceptEvent(ctx, a)
}

func (f *flawed) acceptOnce(ctx context.Context, a store.Acceptance) (store.Receipt, error) {
	if a.Idempotency == nil {
		return f.database.AcceptEvent(ctx, a)
	}
	key := fmt.Sprint(*a.Idempotency)
	f.mu.Lock()
	known, repeated := f.keys[key]
	f.mu.Unlock()
	if repeated {
		known.Repeated = true
		return known, nil
	}
	a.Idempotency = nil
	r, err := f.database.AcceptEvent(ctx, a)
	if err == nil {
		f.mu.Lock()
		f.keys[key] = r
		f.mu.Unlock()
	}
	return r, err
}

// Delete implements broker.Journal.
func (f *flawed) Delete(ctx context.Context, id subscription.ID, e audit.Entry) error {
	if f.node.sim.Bug != MatchesDeleted {
		return f.database.Delete(ctx, id, e)
	}
	if _, err := f.Subscription(ctx, id); err != nil {
		return err
	}
	f.mu.Lock()
	f.gone[id] = true
	f.mu.Unlock()
	f.node.ended.Go(func() {
		time.Sleep(5 * time.Second)
		_ = f.database.Delete(context.WithoutCancel(ctx), id, e)
	})
	return nil
}

// Subscription implements broker.Journal.
func (f *flawed) Subscription(ctx context.Context, id subscription.ID) (subscription.Subscription, error) {
	f.mu.Lock()
	gone := f.gone[id]
	f.mu.Unlock()
	if gone {
		return subscription.Subscription{}, store.ErrNotFound
	}
	return f.database.Subscription(ctx, id)
}

// List implements database.
func (f *flawed) List(ctx context.Context, q store.InboxQuery) ([]store.Listed, error) {
	page, err := f.database.List(ctx, q)
	if f.node.sim.Bug == ReordersMailbox && len(page) > 1 {
		return append([]store.Listed{page[1], page[0]}, page[2:]...), err
	}
	return page, err
}

// WaitingDeliveries implements courier.Outbox.
func (f *flawed) WaitingDeliveries(ctx context.Context, l store.Lane, most int) ([]store.Delivery, error) {
	all, err := f.database.WaitingDeliveries(ctx, l, most)
	for i := range all {
		switch f.node.sim.Bug {
		case ForgetsAmbiguous:
			all[i].Uncertain = false
		case OldestUncertain:
			all[i].Uncertain = all[i].Uncertain && (i == 0 || all[i].Attempts > 0)
		}
	}
	return all, err
}

// Settle implements courier.Outbox.
func (f *flawed) Settle(ctx context.Context, l store.Lane, d store.Delivery, lease time.Duration) error {
	err := f.database.Settle(ctx, l, d, lease)
	if f.node.sim.Bug != DoublesSent || err != nil || d.State != store.Sent {
		return err
	}
	first := store.DeliveryID(d.Event, d.Mailbox) // whatever id the copy has by now
	f.mu.Lock()
	again := !f.resent[first]
	f.resent[first] = true
	f.mu.Unlock()
	if again {
		_ = f.database.ResendDelivery(ctx, d.ID, time.Now(), audit.Entry{At: time.Now(), Action: audit.ActionResendDelivery})
	}
	return nil
}
