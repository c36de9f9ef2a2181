package simulator

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/store"
	"nems/internal/subscription"
)

var (
	_ broker.Journal   = (*node)(nil)
	_ broker.Mailboxes = (*node)(nil)
)

// NextPosition implements broker.Journal.
func (n *node) NextPosition() store.EventID { return n.sim.disk.position(n.machine.now()) }

// Moment implements broker.Journal.
func (n *node) Moment(id store.EventID) time.Time { return moment(id) }

// moment is when an event was accepted: the disk's clock is never set.
func moment(id store.EventID) time.Time { return new(store.Moments).Of(id) }

// AcceptEvent implements broker.Journal.
func (n *node) AcceptEvent(ctx context.Context, a store.Acceptance) (store.Receipt, error) {
	o := acceptOp{Acceptance: a}
	if n.sim.Bug == MatchesStaleCache {
		o.known = n.remembered(a.Facts.EventCode)
	}
	got, err := n.submit(ctx, o)
	r, _ := got.(store.Receipt)
	return r, err
}

// remembered is the planted stale cache: what was on the disk when this node
// first looked, or wrote a subscription itself.
func (n *node) remembered(code string) []subscription.Candidate {
	n.sim.disk.mu.Lock()
	defer n.sim.disk.mu.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cache == nil {
		n.cache = []subscription.Subscription{}
		for _, s := range n.sim.disk.subs {
			if !s.gone {
				n.cache = append(n.cache, s.Subscription)
			}
		}
	}
	known := disk{}
	for _, s := range n.cache {
		known.subs = append(known.subs, &kept{Subscription: s})
	}
	return known.candidates(code, nil)
}

// Subscribe implements broker.Journal.
func (n *node) Subscribe(ctx context.Context, s subscription.Subscription, entry audit.Entry) error {
	n.mu.Lock()
	n.cache = nil
	n.mu.Unlock()
	_, err := n.submit(ctx, subscribeOp{s, entry})
	return err
}

// Delete implements broker.Journal.
func (n *node) Delete(ctx context.Context, id subscription.ID, entry audit.Entry) error {
	_, err := n.submit(ctx, deleteOp{id, entry})
	return err
}

// Subscription implements broker.Journal.
func (n *node) Subscription(ctx context.Context, id subscription.ID) (subscription.Subscription, error) {
	threadOf(ctx).sleep(10*time.Microsecond, time.Millisecond)
	if n.dead.Load() {
		return subscription.Subscription{}, store.ErrClosed
	}
	n.sim.disk.mu.Lock()
	defer n.sim.disk.mu.Unlock()
	if s := n.sim.disk.find(id); s != nil && !s.Ended(n.machine.now()) {
		return s.Subscription, nil
	}
	return subscription.Subscription{}, store.ErrNotFound
}

// SubscribeAll, DeleteAll and Subscriptions belong to batches and searches,
// which the actors do not use.
func (n *node) SubscribeAll(context.Context, []store.Creation) ([]error, error) {
	return nil, errors.ErrUnsupported
}

// DeleteAll: see SubscribeAll.
func (n *node) DeleteAll(context.Context, []store.Deletion) ([]error, error) {
	return nil, errors.ErrUnsupported
}

// CountSubscriptions: see SubscribeAll.
func (n *node) CountSubscriptions(context.Context, store.SubscriptionQuery) (store.Count, error) {
	return store.Count{}, errors.ErrUnsupported
}

// Subscriptions: see SubscribeAll.
func (n *node) Subscriptions(context.Context, store.SubscriptionQuery) ([]subscription.Subscription, error) {
	return nil, errors.ErrUnsupported
}

// PendingEvents implements broker.Journal.
func (n *node) PendingEvents(_ context.Context, after store.EventID, limit int) ([]store.EventID, error) {
	if n.dead.Load() {
		return nil, store.ErrClosed
	}
	n.sim.disk.mu.Lock()
	defer n.sim.disk.mu.Unlock()
	var all []store.EventID
	for id, e := range n.sim.disk.events {
		if e.pending && id > after {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return all[:min(len(all), limit)], nil
}

// PatientChanges implements broker.Journal: the directory of the actors learns
// nothing.
func (n *node) PatientChanges(context.Context, int64, int) (store.PatientChanges, error) {
	return store.PatientChanges{}, nil
}

// Event implements courier.Outbox.
func (n *node) Event(ctx context.Context, id store.EventID) (store.Event, error) {
	message, err := n.EventMessage(ctx, id)
	return store.Event{Message: message}, err
}

// EventMessage implements broker.Journal.
func (n *node) EventMessage(_ context.Context, id store.EventID) ([]byte, error) {
	if n.dead.Load() {
		return nil, store.ErrClosed
	}
	return n.sim.disk.message(id)
}

// RouteEvent implements broker.Journal.
func (n *node) RouteEvent(ctx context.Context, r store.Routing) (store.Receipt, error) {
	got, err := n.submit(ctx, routeOp{r})
	receipt, _ := got.(store.Receipt)
	return receipt, err
}

// Mailbox implements broker.Mailboxes.
func (n *node) Mailbox(_ context.Context, id string) (store.Mailbox, error) {
	for _, b := range boxes {
		if strings.EqualFold(b.ID, id) {
			return b.Mailbox, nil
		}
	}
	return store.Mailbox{}, store.ErrNotFound
}

// list returns the copies that wait in a mailbox served here.
func (n *node) list(t *thread, mailbox int64) ([]store.EventID, error) {
	t.sleep(10*time.Microsecond, time.Millisecond)
	if n.dead.Load() {
		return nil, store.ErrClosed
	}
	n.sim.disk.mu.Lock()
	defer n.sim.disk.mu.Unlock()
	var all []store.EventID
	for _, c := range n.sim.disk.copies {
		if c.Mailbox == mailbox && c.State == store.Waiting {
			all = append(all, c.Event)
		}
	}
	return all, nil
}

type acknowledgeOp struct {
	id string
	at time.Time
}

func (o acknowledgeOp) apply(t *tx) (any, error) {
	c := t.copyOf(o.id)
	if c == nil {
		return nil, store.ErrNotFound
	}
	if c.State == store.Waiting {
		c.State, c.At = store.Acknowledged, o.at
	}
	return nil, nil
}
