package lane

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nems/internal/audit"
	"nems/internal/crashpoint"
	"nems/internal/nhs"
	"nems/internal/store"
)

// errUnsettled says that the outcome of a delivery could not be stored.
var errUnsettled = errors.New("the outcome of a delivery is not on disk")

// work sends a batch of a lane and gives the lane back. If we stop before that,
// the claim expires, and the next claim treats the lane's oldest deliveries as
// uncertain.
func (r *Runner) work(ctx, calls context.Context, lane store.Lane, claimed time.Time) {
	lane, err := r.batch(ctx, calls, lane, claimed)
	next := r.Now()
	switch {
	case errors.Is(err, store.ErrClaimLost):
		r.Log.Warn("another node has taken over", "mailbox", lane.MailboxID)
		return
	case errors.Is(err, errUnsettled):
		// The receiver may have the copy. The claim is left to expire, and whoever claims the lane next
		// treats it as uncertain.
		r.Log.Warn("delivery waits for its claim to expire", "mailbox", lane.MailboxID, "error", err)
		return
	case errors.Is(err, ErrHeld):
		next = next.Add(r.Sender.Pause(store.Lane{Failures: 1}, err))
	case err != nil:
		lane.Failures++
		next = next.Add(r.Sender.Pause(lane, err))
		r.Log.Warn("delivery waits", "mailbox", lane.MailboxID, "failures", lane.Failures, "error", err)
	}
	crashpoint.Hit(crashpoint.BeforeRelease)
	// The outcome is stored even if we are stopping, because the store is stopped after us.
	if err := r.Outbox.ReleaseLane(context.WithoutCancel(ctx), lane, next); err != nil && !errors.Is(err, store.ErrClaimLost) {
		r.Log.Warn("releasing a mailbox", "mailbox", lane.MailboxID, "error", err)
	}
}

// batch sends up to Batch deliveries. Each is settled before the next is sent.
// An error says why the lane must wait. claimed is when the lease began, by the
// machine's clock.
func (r *Runner) batch(ctx, calls context.Context, lane store.Lane, claimed time.Time) (store.Lane, error) {
	waiting, err := r.next(calls, lane)
	if err != nil {
		return lane, err
	}
	for _, d := range waiting.copies {
		if ctx.Err() != nil {
			return lane, nil
		}
		d, failed := r.attemptWithin(calls, lane, waiting, d, claimed)
		if errors.Is(failed, ErrHeld) {
			return lane, failed
		}
		crashpoint.Hit(crashpoint.BeforeSettle)
		claimed = time.Now() // the lease that Settle grants begins later than this
		if err := r.Outbox.Settle(context.WithoutCancel(calls), lane, d, r.Lease); err != nil {
			return lane, fmt.Errorf("%w: %w", errUnsettled, err)
		}
		crashpoint.Hit(crashpoint.AfterSettle)
		r.Count(d)
		switch d.State {
		case store.Waiting:
			return lane, failed
		case store.Undeliverable: // the receiver has not answered, so nothing is known to work again
		default:
			lane.Failures = 0
		}
	}
	return lane, nil
}

// attemptWithin cuts an attempt off while an eighth of the lease is left for
// storing its outcome: an attempt must not go on once another node may have the
// lane.
func (r *Runner) attemptWithin(ctx context.Context, lane store.Lane, b batch, d store.Delivery, claimed time.Time) (store.Delivery, error) {
	ctx, cancel := context.WithDeadline(ctx, claimed.Add(r.Lease-r.Lease/8))
	defer cancel()
	return r.attempt(ctx, lane, b, d)
}

// attempt tries to deliver once. It returns what Sender.Send does.
func (r *Runner) attempt(ctx context.Context, lane store.Lane, b batch, d store.Delivery) (store.Delivery, error) {
	event, err := r.event(ctx, b, d)
	if errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrNotFound) {
		d.State, d.ErrorCode, d.ErrorEvent, d.ErrorText = store.Parked, "", "", err.Error()
		return r.parked(d, err), nil
	}
	if err != nil {
		return d, err
	}
	d.Patient = patientOf(event)
	switch kept, err := r.keeps(ctx, d, event); {
	case err != nil:
		return d, err
	case kept == withheld:
		return r.withhold(d), nil
	case kept == unselected:
		d.State, d.At, d.ErrorCode, d.ErrorText = store.Withheld, r.Now().UTC(), Unselected, "it is not what the filters of its subscription ask for"
		return d, nil
	}
	crashpoint.Hit(crashpoint.BeforeSend)
	d, err = r.Sender.Send(ctx, lane, d, event)
	switch d.State {
	case store.Sent:
		crashpoint.Hit(crashpoint.AfterSend)
		d.At, d.Uncertain = r.Now().UTC(), false
		d.ErrorCode, d.ErrorEvent, d.ErrorText = "", "", ""
	case store.Parked:
		return r.parked(d, err), nil
	case store.Undeliverable:
		d.At = r.Now().UTC()
	}
	return d, err
}

// patientOf returns whom an event is about, as far as that is known.
func patientOf(e store.Event) nhs.NHSNumber {
	if e.Patient == nil {
		return nhs.NHSNumber{}
	}
	return *e.Patient
}

// withhold makes a delivery withheld and records that in the audit.
func (r *Runner) withhold(d store.Delivery) store.Delivery {
	d.State, d.At, d.ErrorText = store.Withheld, r.Now().UTC(), "the patient's record was flagged after acceptance"
	r.Record(audit.Entry{At: d.At, Action: audit.ActionWithhold, Object: d.ID, EventType: d.Code, Patient: d.Patient, Mailbox: d.MailboxID})
	return d
}

// parked records that a delivery is set aside for an operator.
func (r *Runner) parked(d store.Delivery, why error) store.Delivery {
	crashpoint.Hit(crashpoint.DeadLetter)
	d.At = r.Now().UTC()
	r.Record(audit.Entry{At: d.At, Action: audit.ActionPark, Object: d.ID, EventType: d.Code, Patient: d.Patient, Mailbox: d.MailboxID, Outcome: d.ErrorCode})
	r.Log.Error("delivery is parked", "delivery", d.ID, "mailbox", d.MailboxID, "error", why)
	return d
}
