package simulator

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// NextPosition implements broker.Journal.
func (r *replica) NextPosition() store.EventID { return r.position(r.node.machine.now()) }

// Moment implements broker.Journal.
func (r *replica) Moment(id store.EventID) time.Time { return moment(id) }

// moment returns when a disk accepted an event; its clock is never set.
func moment(id store.EventID) time.Time { return new(store.Moments).Of(id) }

// AcceptEvent implements broker.Journal.
func (r *replica) AcceptEvent(ctx context.Context, a store.Acceptance) (store.Receipt, error) {
	return submit[store.Receipt](ctx, r, acceptOp{a})
}

// Subscribe implements broker.Journal.
func (r *replica) Subscribe(ctx context.Context, s subscription.Subscription, entry audit.Entry) error {
	_, err := submit[any](ctx, r, &subscribeOp{s, entry, r.node.machine.now()})
	return err
}

// Delete implements broker.Journal.
func (r *replica) Delete(ctx context.Context, id subscription.ID, entry audit.Entry) error {
	_, err := submit[any](ctx, r, deleteOp{id, entry})
	return err
}

// Subscription implements broker.Journal.
func (r *replica) Subscription(_ context.Context, id subscription.ID) (subscription.Subscription, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.find(id); s != nil && !s.Ended(r.node.machine.now()) {
		return s.Subscription, nil
	}
	return subscription.Subscription{}, store.ErrNotFound
}

// SubscribeAll, DeleteAll and Subscriptions belong to batches and searches, SubscribeWith and
// ReplaceWith to the MNS and R4, which the actors do not use.
func (r *replica) SubscribeAll(context.Context, []store.Creation) ([]error, error) {
	return nil, errors.ErrUnsupported
}

// SubscribeWith: see SubscribeAll.
func (r *replica) SubscribeWith(context.Context, subscription.Subscription, store.Brought, audit.Entry) (int64, error) {
	return 0, errors.ErrUnsupported
}

// ReplaceWith: see SubscribeAll.
func (r *replica) ReplaceWith(context.Context, subscription.Subscription, store.Brought, audit.Entry) error {
	return errors.ErrUnsupported
}

// DeleteAll: see SubscribeAll.
func (r *replica) DeleteAll(context.Context, []store.Deletion) ([]error, error) {
	return nil, errors.ErrUnsupported
}

// CountSubscriptions: see SubscribeAll.
func (r *replica) CountSubscriptions(context.Context, store.SubscriptionQuery) (store.Count, error) {
	return store.Count{}, errors.ErrUnsupported
}

// Subscriptions: see SubscribeAll.
func (r *replica) Subscriptions(context.Context, store.SubscriptionQuery) ([]subscription.Subscription, error) {
	return nil, errors.ErrUnsupported
}

// PendingEvents implements broker.Journal.
func (r *replica) PendingEvents(_ context.Context, after store.EventID, limit int) ([]store.EventID, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []store.EventID
	for id, e := range r.events {
		if e.pending && id > after {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return all[:min(len(all), limit)], nil
}

// PatientChanges implements broker.Journal. The directory of the actors learns
// nothing.
func (r *replica) PatientChanges(context.Context, int64, int) (store.PatientChanges, error) {
	return store.PatientChanges{}, nil
}

// EventMessage implements broker.Journal.
func (r *replica) EventMessage(_ context.Context, id store.EventID) ([]byte, error) {
	return r.message(id)
}

// RouteEvent implements broker.Journal.
func (r *replica) RouteEvent(ctx context.Context, routing store.Routing) (store.Receipt, error) {
	return submit[store.Receipt](ctx, r, routeOp{routing})
}

// Mailbox implements broker.Mailboxes.
func (r *replica) Mailbox(_ context.Context, id string) (store.Mailbox, error) {
	for _, b := range boxes {
		if strings.EqualFold(b.ID, id) {
			return b.Mailbox, nil
		}
	}
	return store.Mailbox{}, store.ErrNotFound
}

// List implements database.
func (r *replica) List(_ context.Context, q store.InboxQuery) ([]store.Listed, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inbox(q.Mailbox), nil
}

// inbox returns what waits in a mailbox, in the order of acceptance.
func (d *disk) inbox(mailbox int64) []store.Listed {
	var all []store.Listed
	for _, c := range d.copies {
		if c.Mailbox == mailbox && c.State == store.Waiting {
			all = append(all, store.Listed{Position: c.Event, Workflow: c.Workflow})
		}
	}
	return all
}

// Acknowledge implements database.
func (r *replica) Acknowledge(ctx context.Context, mailbox int64, position store.EventID, at time.Time, e *audit.Entry) error {
	_, err := submit[any](ctx, r, acknowledgeOp{store.DeliveryID(position, mailbox), at, *e})
	return err
}
