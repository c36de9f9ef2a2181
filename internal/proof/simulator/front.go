package simulator

import (
	"context"
	"fmt"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// front is between a node and its database. Each call takes simulated time, in a
// thread of the caller's, so that the seed decides the order of all calls. A node
// that has crashed can no longer call the database or receive its answers. The
// requests and results of calls are recorded in the history.
type front struct {
	database
	node *simNode
}

// enter waits for the call's turn.
func (n *simNode) enter(t *thread) error {
	t.sleep(10*time.Microsecond, time.Millisecond)
	for n.keepingHouse.Load() {
		t.sleep(5*time.Millisecond, 20*time.Millisecond)
	}
	return n.alive()
}

// alive returns store.ErrClosed once the node has ended.
func (n *simNode) alive() error {
	if n.dead.Load() {
		return store.ErrClosed
	}
	return nil
}

// write calls the database for a change. o is the same change for the model; nil
// where the history has no use for it.
func write[R any](n *simNode, t *thread, o op, call func() (R, error)) (R, error) {
	var none R
	if err := n.enter(t); err != nil {
		return none, err
	}
	n.working.Add(1)
	s := n.sim.past.begin(o)
	got, err := call()
	n.sim.past.end(s, got, err)
	n.working.Add(-1)
	t.sleep(10*time.Microsecond, time.Millisecond)
	if n.dead.Load() {
		return none, fmt.Errorf("%w: the node is gone", store.ErrUnknown)
	}
	return got, err
}

// change is write for a call that returns an error alone.
func (n *simNode) change(t *thread, o op, call func() error) error {
	_, err := write(n, t, o, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

// AcceptEvent implements broker.Journal.
func (f front) AcceptEvent(ctx context.Context, a store.Acceptance) (store.Receipt, error) {
	return write(f.node, threadOf(ctx), acceptOp{a}, func() (store.Receipt, error) { return f.database.AcceptEvent(ctx, a) })
}

// RouteEvent implements broker.Journal.
func (f front) RouteEvent(ctx context.Context, r store.Routing) (store.Receipt, error) {
	return write(f.node, threadOf(ctx), routeOp{r}, func() (store.Receipt, error) { return f.database.RouteEvent(ctx, r) })
}

// Subscribe implements broker.Journal.
func (f front) Subscribe(ctx context.Context, s subscription.Subscription, entry audit.Entry) error {
	o := &subscribeOp{Subscription: s, entry: entry}
	return f.node.change(threadOf(ctx), o, func() error {
		o.now = f.node.machine.now()
		return f.database.Subscribe(ctx, s, entry)
	})
}

// Delete implements broker.Journal.
func (f front) Delete(ctx context.Context, id subscription.ID, entry audit.Entry) error {
	return f.node.change(threadOf(ctx), deleteOp{id, entry}, func() error { return f.database.Delete(ctx, id, entry) })
}

// Subscription implements broker.Journal.
func (f front) Subscription(ctx context.Context, id subscription.ID) (subscription.Subscription, error) {
	if err := f.node.enter(threadOf(ctx)); err != nil {
		return subscription.Subscription{}, err
	}
	return f.database.Subscription(ctx, id)
}

// PendingEvents implements broker.Journal.
func (f front) PendingEvents(ctx context.Context, after store.EventID, most int) ([]store.EventID, error) {
	if err := f.node.alive(); err != nil {
		return nil, err
	}
	return f.database.PendingEvents(ctx, after, most)
}

// EventMessage implements broker.Journal.
func (f front) EventMessage(ctx context.Context, id store.EventID) ([]byte, error) {
	if err := f.node.alive(); err != nil {
		return nil, err
	}
	return f.database.EventMessage(ctx, id)
}

// Event implements courier.Outbox.
func (f front) Event(ctx context.Context, id store.EventID) (store.Event, error) {
	if err := f.node.alive(); err != nil {
		return store.Event{}, err
	}
	return f.database.Event(ctx, id)
}

// List lists the copies that wait in a mailbox that is served here.
func (f front) List(ctx context.Context, q store.InboxQuery) ([]store.Listed, error) {
	if err := f.node.enter(threadOf(ctx)); err != nil {
		return nil, err
	}
	got, err := f.database.List(ctx, q)
	if err == nil {
		f.node.sim.past.listed(q.Mailbox, got)
	}
	return got, err
}

// Acknowledge removes a copy from a mailbox that is served here.
func (f front) Acknowledge(ctx context.Context, mailbox int64, position store.EventID, at time.Time, e *audit.Entry) error {
	o := acknowledgeOp{store.DeliveryID(position, mailbox), at, *e}
	return f.node.change(threadOf(ctx), o, func() error { return f.database.Acknowledge(ctx, mailbox, position, at, e) })
}

// RetryDelivery has a parked copy sent again, as an operator does.
func (f front) RetryDelivery(ctx context.Context, id string, at time.Time, e audit.Entry) error {
	return f.node.change(threadOf(ctx), nil, func() error { return f.database.RetryDelivery(ctx, id, at, e) })
}

// ClaimLanes implements courier.Outbox.
func (f front) ClaimLanes(ctx context.Context, owner string, lease time.Duration, most int) ([]store.Lane, error) {
	var asked time.Time
	lanes, err := write(f.node, f.node.claims, nil, func() ([]store.Lane, error) {
		asked = time.Now()
		return f.database.ClaimLanes(ctx, owner, lease, most)
	})
	f.node.sim.claims.claimed(f.node, lanes, asked, lease)
	return lanes, err
}

// WaitingDeliveries implements courier.Outbox. The deliveries must be in the
// order of their acceptance.
func (f front) WaitingDeliveries(ctx context.Context, l store.Lane, most int) ([]store.Delivery, error) {
	if err := f.node.enter(f.node.lanes[l.MailboxID]); err != nil {
		return nil, err
	}
	got, err := f.database.WaitingDeliveries(ctx, l, most)
	for i := 1; i < len(got); i++ {
		if got[i].Event <= got[i-1].Event {
			f.node.sim.book.wrong("%s is sent before %s", f.node.sim.book.name(got[i-1].Event), f.node.sim.book.name(got[i].Event))
		}
	}
	return got, err
}

// Settle implements courier.Outbox.
func (f front) Settle(ctx context.Context, l store.Lane, d store.Delivery, lease time.Duration) error {
	t := f.node.lanes[l.MailboxID]
	t.log("settles %s attempt %d as %s, uncertain %v, error %q", t.sim.book.name(d.Event), d.Attempts, d.State, d.Uncertain, d.ErrorCode)
	return f.node.change(t, nil, func() error {
		asked := time.Now()
		err := f.database.Settle(ctx, l, d, lease)
		if err == nil {
			f.node.sim.claims.settled(f.node, l, asked, lease)
		}
		return err
	})
}

// ReleaseLane implements courier.Outbox. How much the courier shortens a pause
// is the only thing that its own random numbers decide. Here the seed decides
// it.
func (f front) ReleaseLane(ctx context.Context, l store.Lane, next time.Time) error {
	t, pause := f.node.lanes[l.MailboxID], time.Duration(0)
	if next.After(f.node.machine.now()) {
		pause = t.between(time.Second, 30*time.Second)
	}
	return f.node.change(t, nil, func() error {
		// Another node may have it before this call returns.
		f.node.sim.claims.released(f.node, l)
		return f.database.ReleaseLane(ctx, l, f.node.machine.now().Add(pause))
	})
}

// ReportDelivery implements courier.Outbox.
func (f front) ReportDelivery(ctx context.Context, r store.DeliveryReport) error {
	return f.node.change(f.node.reports, nil, func() error { return f.database.ReportDelivery(ctx, r) })
}
