package simulator

import (
	"context"
	"slices"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
)

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

// due reports whether something waits in a lane that can be claimed.
func (d *disk) due(mailbox int64, now time.Time) bool {
	if l := d.lanes[mailbox]; l != nil && (l.next.After(now) || (l.Owner != "" && l.Expires.After(now))) {
		return false
	}
	return boxes[mailbox-1].Remote && d.oldest(mailbox) != nil
}

// oldest returns the first copy that waits for a mailbox, or nil.
func (d *disk) oldest(mailbox int64) *store.Delivery {
	for _, c := range d.copies {
		if c.Mailbox == mailbox && c.State == store.Waiting {
			return c
		}
	}
	return nil
}

// claim takes a lane. A lane whose claim lapsed has uncertain copies: the one
// that its owner was sending need not be the oldest any more, because an
// operator, the router and the distribution of large fan-outs may file older
// ones in the meantime.
func (t *tx) claim(mailbox int64, o claimOp) store.Lane {
	l := t.lanes[mailbox]
	if l == nil {
		l = &lane{Lane: store.Lane{Mailbox: mailbox, MailboxID: boxes[mailbox-1].ID}}
		t.lanes[mailbox] = l
	}
	if l.Owner != "" {
		for _, c := range t.copies {
			c.Uncertain = c.Uncertain || c.Mailbox == mailbox && c.State == store.Waiting
		}
	}
	l.Owner, l.Generation, l.Expires = o.owner, l.Generation+1, o.now.Add(o.lease)
	return l.Lane
}

// ClaimLanes implements courier.Outbox.
func (r *replica) ClaimLanes(ctx context.Context, owner string, lease time.Duration, limit int) ([]store.Lane, error) {
	r.mu.Lock()
	due := slices.ContainsFunc(boxes, func(b box) bool { return r.due(b.Row, time.Now()) })
	r.mu.Unlock()
	if !due {
		return nil, nil
	}
	return submit[[]store.Lane](ctx, r, claimOp{owner, time.Now(), lease, limit})
}

// WaitingDeliveries implements courier.Outbox.
func (r *replica) WaitingDeliveries(_ context.Context, l store.Lane, limit int) ([]store.Delivery, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []store.Delivery
	for _, c := range r.copies {
		if c.Mailbox == l.Mailbox && c.State == store.Waiting && len(out) < limit {
			out = append(out, *c)
		}
	}
	return out, nil
}

// Deliveries implements database. A copy that is still to be filed counts as waiting.
func (r *replica) Deliveries(_ context.Context, q store.DeliveryQuery) ([]store.Delivery, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []store.Delivery
	for _, c := range r.copies {
		if q.State == "" || q.State == c.State {
			out = append(out, *c)
		}
	}
	for _, s := range r.spread {
		copies, _, err := store.UnpackCopies(s.packed, s.offset, len(boxes))
		if err != nil {
			return nil, err
		}
		for _, c := range copies {
			if d := delivery(r.events[s.event], c); q.State == "" || q.State == d.State {
				out = append(out, *d)
			}
		}
	}
	return out, nil
}

// RetryDelivery implements database.
func (r *replica) RetryDelivery(ctx context.Context, id string, _ time.Time, e audit.Entry) error {
	_, err := submit[any](ctx, r, retryOp{id, e})
	return err
}

// Event implements courier.Outbox.
func (r *replica) Event(_ context.Context, id store.EventID) (store.Event, error) {
	message, err := r.message(id)
	return store.Event{Message: message}, err
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
func (r *replica) Settle(ctx context.Context, l store.Lane, d store.Delivery, lease time.Duration) error {
	_, err := submit[any](ctx, r, settleOp{l, d, lease})
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

// ReleaseLane implements courier.Outbox. The disk's clock, by which claims lapse,
// is that of the bubble, which does not jump with the node's.
func (r *replica) ReleaseLane(ctx context.Context, l store.Lane, next time.Time) error {
	_, err := submit[any](ctx, r, releaseOp{l, time.Now().Add(next.Sub(r.node.machine.now()))})
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
func (r *replica) ReportDelivery(ctx context.Context, report store.DeliveryReport) error {
	_, err := submit[any](ctx, r, reportOp{report})
	return err
}
