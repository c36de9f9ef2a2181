package simulator

import (
	"context"
	"time"

	"nems/internal/courier"
	"nems/internal/store"
)

var _ courier.Outbox = outbox{}

// outbox is what a node's courier works on. The database's clock, which claims
// go by, is that of the bubble: it does not jump with the node's.
type outbox struct{ *node }

type claimOp struct {
	owner string
	now   time.Time
	lease time.Duration
	max   int
}

func (o claimOp) apply(t *tx) (any, error) {
	var out []store.Lane
	for _, b := range boxes {
		if len(out) < o.max && t.due(b.Row, o.now) {
			out = append(out, t.claim(b.Row, o))
		}
	}
	return out, nil
}

// due tells whether something waits in a lane that can be claimed.
func (d *disk) due(mailbox int64, now time.Time) bool {
	if l := d.lanes[mailbox]; l != nil && (l.next.After(now) || (l.Owner != "" && l.Expires.After(now))) {
		return false
	}
	return boxes[mailbox-1].Remote && d.oldest(mailbox) != nil
}

// oldest is the first copy that waits for a mailbox, or nil.
func (d *disk) oldest(mailbox int64) *store.Delivery {
	for _, c := range d.copies {
		if c.Mailbox == mailbox && c.State == store.Waiting {
			return c
		}
	}
	return nil
}

// claim takes a lane. One whose claim lapsed leaves copies uncertain: the one
// that its owner had in hand need not be the oldest any more, since an operator,
// the router and the spreader file older ones meanwhile.
func (t *tx) claim(mailbox int64, o claimOp) store.Lane {
	l := t.lanes[mailbox]
	if l == nil {
		l = &lane{Lane: store.Lane{Mailbox: mailbox, MailboxID: boxes[mailbox-1].ID}}
		t.lanes[mailbox] = l
	}
	if l.Owner != "" && t.node.sim.Bug != ForgetsAmbiguous {
		for _, c := range t.copies {
			if c.Mailbox == mailbox && c.State == store.Waiting {
				c.Uncertain = true
				if t.node.sim.Bug == OldestUncertain {
					break
				}
			}
		}
	}
	l.Owner, l.Generation, l.Expires = o.owner, l.Generation+1, o.now.Add(o.lease)
	return l.Lane
}

// ClaimLanes implements courier.Outbox.
func (x outbox) ClaimLanes(ctx context.Context, owner string, lease time.Duration, limit int) ([]store.Lane, error) {
	x.claims.sleep(10*time.Microsecond, time.Millisecond)
	x.sim.disk.mu.Lock()
	due := false
	for _, b := range boxes {
		due = due || x.sim.disk.due(b.Row, time.Now())
	}
	x.sim.disk.mu.Unlock()
	if !due {
		return nil, nil
	}
	got, err := x.submit(on(ctx, x.claims), claimOp{owner, time.Now(), lease, limit})
	lanes, _ := got.([]store.Lane)
	return lanes, err
}

// WaitingDeliveries implements courier.Outbox.
func (x outbox) WaitingDeliveries(_ context.Context, l store.Lane, limit int) ([]store.Delivery, error) {
	x.lanes[l.MailboxID].sleep(10*time.Microsecond, time.Millisecond)
	if x.dead.Load() {
		return nil, store.ErrClosed
	}
	x.sim.disk.mu.Lock()
	defer x.sim.disk.mu.Unlock()
	var out []store.Delivery
	for _, c := range x.sim.disk.copies {
		if c.Mailbox == l.Mailbox && c.State == store.Waiting && len(out) < limit {
			out = append(out, *c)
		}
	}
	return out, nil
}

type settleOp struct {
	lane     store.Lane
	delivery store.Delivery
	lease    time.Duration
}

func (o settleOp) apply(t *tx) (any, error) {
	l := t.lanes[o.lane.Mailbox]
	if l == nil || l.Owner != o.lane.Owner || l.Generation != o.lane.Generation {
		return nil, store.ErrClaimLost
	}
	l.Expires = time.Now().Add(o.lease)
	c := t.copyOf(o.delivery.ID)
	if c.State == store.Waiting {
		*c = o.delivery
	}
	return nil, nil
}

// Settle implements courier.Outbox.
func (x outbox) Settle(ctx context.Context, l store.Lane, d store.Delivery, lease time.Duration) error {
	t := x.lanes[l.MailboxID]
	t.log("settles %s attempt %d as %s, uncertain %v, error %q", x.sim.book.name(d.Event), d.Attempts, d.State, d.Uncertain, d.ErrorCode)
	if x.sim.Bug == ForgetsAmbiguous {
		d.Uncertain = false
	}
	_, err := x.submit(on(ctx, t), settleOp{l, d, lease})
	return err
}

type releaseOp struct {
	lane store.Lane
	next time.Time
}

func (o releaseOp) apply(t *tx) (any, error) {
	l := t.lanes[o.lane.Mailbox]
	if l == nil || l.Owner != o.lane.Owner || l.Generation != o.lane.Generation {
		return nil, store.ErrClaimLost
	}
	l.Owner, l.next, l.Failures = "", o.next, o.lane.Failures
	return nil, nil
}

// ReleaseLane implements courier.Outbox. How far the courier shortens a pause
// is the one thing that its own chance decides: here the seed does.
func (x outbox) ReleaseLane(ctx context.Context, l store.Lane, next time.Time) error {
	t := x.lanes[l.MailboxID]
	due := time.Now()
	if next.After(x.machine.now()) {
		due = due.Add(t.between(time.Second, 30*time.Second))
	}
	_, err := x.submit(on(ctx, t), releaseOp{l, due})
	return err
}

type reportOp struct{ store.DeliveryReport }

func (o reportOp) apply(t *tx) (any, error) {
	c := t.copyOf(o.LocalID)
	if c == nil {
		return nil, store.ErrNotFound
	}
	c.State, c.At, c.ErrorCode, c.ErrorEvent, c.ErrorText = store.Undeliverable, o.At, o.ErrorCode, o.ErrorEvent, o.ErrorText
	return nil, nil
}

// ReportDelivery implements courier.Outbox.
func (x outbox) ReportDelivery(ctx context.Context, r store.DeliveryReport) error {
	_, err := x.submit(on(ctx, x.reports), reportOp{r})
	return err
}
