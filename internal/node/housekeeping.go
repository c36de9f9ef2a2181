package node

import (
	"context"
	"errors"
	"time"

	"nems/internal/directory"
)

// task is a task of housekeeping. Any one of the nodes does it at a time.
type task struct {
	name  string
	every time.Duration
	do    func(ctx context.Context) error
}

// leastLease is the shortest time for which a node stays in charge of a task,
// so that a slow round is not begun again on another node.
const leastLease = 10 * time.Second

// housekeeping lists the node's tasks, in addition to what its store does by itself.
func (n *node) housekeeping() []task {
	all := []task{
		// The life of messages is counted in days.
		{"mailboxes", time.Minute, n.retireMessages},
		{"deferred", time.Second, n.routeDeferred},
		{"suspensions", time.Minute, n.sweepSubscriptions},
		{"quotas", recountLook, n.recountQuotas},
		{"queues", time.Minute, n.sweepQueues},
		// The rest is counted anew for every page that shows counts.
		{"counts", 20 * time.Second, n.db.CountMinutes},
	}
	if n.checkpoints != nil {
		all = append(all, task{"checkpoints", checkpointEvery, n.signEnds})
	}
	return all
}

// repeat does a task regularly until the context ends. What one round could not
// do is left to the next.
func (n *node) repeat(ctx context.Context, t task) error {
	due := time.Now().Add(n.dev.pause(t.every)) // by the machine's clock, as timers are
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	for changed := n.dev.changed(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-changed: // what is due by the time that has passed is due now
			changed = n.dev.changed()
			if soon := time.Now().Add(min(shortest, t.every)); soon.Before(due) {
				due = soon
			}
		case <-timer.C:
			n.once(ctx, t)
			due = time.Now().Add(n.dev.pause(t.every))
		}
		timer.Reset(time.Until(due))
	}
}

// once does a task, if this node is in charge of it.
func (n *node) once(ctx context.Context, t task) {
	leads, err := n.db.Lead(ctx, t.name, max(2*t.every, leastLease))
	if err == nil && leads {
		err = t.do(ctx)
	}
	if err != nil && ctx.Err() == nil {
		n.Log.Warn("housekeeping failed", "task", t.name, "error", err)
	}
}

// retireMessages expires and deletes messages.
func (n *node) retireMessages(ctx context.Context) error {
	did, err := n.mesh.Housekeep(ctx, n.clock.Settled())
	n.metrics.copies[copyExpired].Add(float64(did.Expired))
	if did.Expired > 0 || did.Purged > 0 {
		n.Log.Info("mailbox housekeeping", "expired", did.Expired, "deleted", did.Purged)
	}
	return err
}

// routeDeferred routes what was accepted while the patient directory could not be reached.
func (n *node) routeDeferred(ctx context.Context) error {
	routed, err := n.broker.RouteDeferred(ctx)
	if routed > 0 {
		n.Log.Info("events that had waited for the patient directory were routed", "events", routed)
	}
	if errors.Is(err, directory.ErrAway) {
		return nil // the metrics show what is waiting
	}
	return err
}
