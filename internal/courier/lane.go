package courier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sony/gobreaker/v2"

	"nems/internal/audit"
	"nems/internal/crashpoint"
	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/store"
)

// errUnsettled says that the outcome of a delivery could not be stored.
var errUnsettled = errors.New("the outcome of a delivery is not on disk")

// errHeld says that the MESH is not called for now, and that the delivery was not touched.
var errHeld = errors.New("the remote MESH is down and is not called for a while")

// work sends a batch of a lane and gives the lane back. If we stop before that,
// the claim expires, and the next claim treats the lane's oldest deliveries as
// uncertain.
func (c *Courier) work(ctx, calls context.Context, lane store.Lane, claimed time.Time) {
	lane, err := c.batch(ctx, calls, lane, claimed)
	next := c.Now()
	switch {
	case errors.Is(err, store.ErrClaimLost):
		c.Log.Warn("another node has taken over", "mailbox", lane.MailboxID)
		return
	case errors.Is(err, errUnsettled):
		// The MESH may have the copy. The claim is left to expire, and whoever claims the lane next
		// asks the MESH first.
		c.Log.Warn("delivery waits for its claim to expire", "mailbox", lane.MailboxID, "error", err)
		return
	case errors.Is(err, errHeld):
		next = next.Add(c.backoff(1))
	case err != nil:
		lane.Failures++
		next = next.Add(c.backoff(lane.Failures))
		c.Log.Warn("delivery waits", "mailbox", lane.MailboxID, "failures", lane.Failures, "error", err)
	}
	crashpoint.Hit(crashpoint.BeforeRelease)
	// The outcome is stored even if we are stopping, because the store is stopped after us.
	if err := c.Outbox.ReleaseLane(context.WithoutCancel(ctx), lane, next); err != nil && !errors.Is(err, store.ErrClaimLost) {
		c.Log.Warn("releasing a mailbox", "mailbox", lane.MailboxID, "error", err)
	}
}

// batch sends up to Batch deliveries. Each is settled before the next is sent.
// An error says why the lane must wait. claimed is when the lease began, by the
// machine's clock.
func (c *Courier) batch(ctx, calls context.Context, lane store.Lane, claimed time.Time) (store.Lane, error) {
	waiting, err := c.Outbox.WaitingDeliveries(calls, lane, c.Batch)
	if err != nil {
		return lane, err
	}
	for _, d := range waiting {
		if ctx.Err() != nil {
			return lane, nil
		}
		d, failed := c.attemptWithin(calls, d, claimed)
		if errors.Is(failed, errHeld) {
			return lane, errHeld
		}
		crashpoint.Hit(crashpoint.BeforeSettle)
		claimed = time.Now() // the lease that Settle grants begins later than this
		if err := c.Outbox.Settle(context.WithoutCancel(calls), lane, d, c.Lease); err != nil {
			return lane, fmt.Errorf("%w: %w", errUnsettled, err)
		}
		crashpoint.Hit(crashpoint.AfterSettle)
		c.stats.settled(d)
		if d.State == store.Waiting {
			return lane, failed
		}
		lane.Failures = 0
	}
	return lane, nil
}

// attemptWithin cuts an attempt off while an eighth of the lease is left for
// storing its outcome: an attempt must not go on once another node may have the
// lane.
func (c *Courier) attemptWithin(ctx context.Context, d store.Delivery, claimed time.Time) (store.Delivery, error) {
	ctx, cancel := context.WithDeadline(ctx, claimed.Add(c.Lease-c.Lease/8))
	defer cancel()
	return c.attempt(ctx, d)
}

// attempt tries to deliver once. It returns the delivery as it is to be stored:
// still Waiting, with the reason, or in its new state.
func (c *Courier) attempt(ctx context.Context, d store.Delivery) (store.Delivery, error) {
	event, err := c.Outbox.Event(ctx, d.Event)
	if errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrNotFound) {
		return c.park(d, err), nil
	}
	if err != nil {
		return d, err
	}
	d.Patient = patientOf(event)
	if c.Withheld != nil {
		withheld, err := c.Withheld(ctx, event)
		if err != nil {
			return d, err
		}
		if withheld {
			return c.withhold(d), nil
		}
	}
	crashpoint.Hit(crashpoint.BeforeSend)
	id, err := c.hand(ctx, &d, event.Message)
	switch {
	case errors.Is(err, errHeld):
		return d, err
	case err != nil:
		return c.judge(d, err)
	}
	crashpoint.Hit(crashpoint.AfterSend)
	d.State, d.At, d.MESHID, d.Uncertain = store.Sent, c.Now().UTC(), id, false
	d.ErrorCode, d.ErrorEvent, d.ErrorText = "", "", ""
	return d, nil
}

// patientOf returns whom an event is about, as far as that is known.
func patientOf(e store.Event) nhs.NHSNumber {
	if e.Patient == nil {
		return nhs.NHSNumber{}
	}
	return *e.Patient
}

// withhold makes a delivery withheld and records that in the audit.
func (c *Courier) withhold(d store.Delivery) store.Delivery {
	d.State, d.At, d.ErrorText = store.Withheld, c.Now().UTC(), "the patient's record was flagged after acceptance"
	c.Record(audit.Entry{At: d.At, Action: audit.ActionWithhold, Object: d.ID, EventType: d.Code, Patient: d.Patient, Mailbox: d.MailboxID})
	return d
}

// park sets a delivery aside for an operator.
func (c *Courier) park(d store.Delivery, why error) store.Delivery {
	crashpoint.Hit(crashpoint.DeadLetter)
	d.State, d.At = store.Parked, c.Now().UTC()
	d = because(d, why)
	c.Record(audit.Entry{At: d.At, Action: audit.ActionPark, Object: d.ID, EventType: d.Code, Patient: d.Patient, Mailbox: d.MailboxID, Outcome: d.ErrorCode})
	c.Log.Error("delivery is parked", "delivery", d.ID, "mailbox", d.MailboxID, "error", why)
	return d
}

// because records an error in a delivery.
func because(d store.Delivery, why error) store.Delivery {
	d.ErrorCode, d.ErrorEvent, d.ErrorText = "", "", why.Error()
	var e *mesh.Error
	if errors.As(why, &e) {
		d.ErrorCode, d.ErrorEvent, d.ErrorText = e.Code, e.Event, e.Description
	}
	return d
}

// judge decides what a failed call means for its delivery.
func (c *Courier) judge(d store.Delivery, err error) (store.Delivery, error) {
	d.Uncertain = d.Uncertain || ambiguous(err)
	switch {
	case errors.Is(err, context.Canceled): // we are stopping
	case !meshDown(err) && !mesh.Temporary(err):
		return c.park(d, err), nil
	case ownFault(err):
		d.Refusals++
	}
	if d.Refusals >= c.MostRefusals || c.Settled().Sub(d.First) >= c.GiveUp {
		return c.park(d, err), nil
	}
	return because(d, err), err
}

// call makes one call through the breaker.
func (c *Courier) call(ctx context.Context, f func(context.Context) (string, error)) (string, error) {
	id, err := c.breaker.Execute(func() (string, error) {
		ctx, cancel := context.WithTimeout(ctx, c.SendTimeout)
		defer cancel()
		return f(ctx)
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return "", errHeld
	}
	return id, err
}
