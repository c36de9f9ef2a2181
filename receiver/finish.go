package receiver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"nems/internal/mesh"
)

// record writes a step into the audit. What ends the way of a message is on disk
// when it returns.
func (r *Receiver) record(m Message, s Step, o Outcome, why error) error {
	e := entryOf(m, s)
	e.Outcome = o
	if why != nil {
		e.Why = why.Error()
	}
	return remembered(r.config.Audit.write(e, m, s != Received))
}

// finish records and remembers a message, and then acknowledges it. If we stop in
// between, the message is listed again, recognised and acknowledged.
func (r *round) finish(ctx context.Context, m Message, o Outcome, failure error) error {
	step, why := Discarded, failure
	switch o {
	case Handled:
		step = Processed
	case Superseded:
		why = errSuperseded
	}
	if err := r.record(m, step, o, why); err != nil {
		return err
	}
	sequence, _ := m.sequence()
	if o == Aside { // nobody has used it: it takes the place of nothing
		sequence = ""
	}
	if err := r.config.Memory.Finish(m.Key, sequence, m.known()); err != nil {
		return remembered(err)
	}
	if o == Handled || o == Ignored {
		r.recovered()
	}
	r.tally.count(o)
	return r.acknowledge(ctx, m, o, failure)
}

// acknowledge takes a finished message out of the mailbox, also when we have
// just been told to stop.
func (r *round) acknowledge(ctx context.Context, m Message, o Outcome, failure error) error {
	r.config.Observe(m, o, failure)
	late, cancel := r.linger(ctx)
	defer cancel()
	err := r.try(late, func(ctx context.Context) error { return r.mesh.Acknowledge(ctx, m.ID) })
	if err == nil || gone(err) {
		return nil
	}
	r.config.Logger.Warn("not acknowledged: the message will come again and be recognised", "message", m, "error", err)
	if r.failures++; r.failures >= inARow {
		return fmt.Errorf("%w: %w", ErrFailing, err)
	}
	return nil
}

// unreadableFor is how long a message is left alone that could not be
// downloaded: less where MESH may be the cause.
func unreadableFor(err error) time.Duration {
	if mesh.Temporary(err) && !errors.Is(err, ErrTooLarge) {
		return longestWait
	}
	return heldFor
}

// leave lets a message stay in the mailbox for a while. It returns ErrFailing
// when it is one of several in a row.
func (r *round) leave(m Message, failure error, d time.Duration) error {
	r.tally.count(Left)
	r.hold(m.ID, d)
	if err := r.record(m, LeftThere, Left, failure); err != nil {
		return err
	}
	r.config.Observe(m, Left, failure)
	r.config.Logger.Warn("message left in the mailbox", "message", m, "error", failure)
	if itsOwn(failure) {
		return nil
	}
	if r.failures++; r.failures >= inARow {
		return fmt.Errorf("%w: %w", ErrFailing, failure)
	}
	return nil
}

// itsOwn tells failures that are a message's own fault, whatever else fails: so that
// somebody who sends many of them stops nothing.
func itsOwn(failure error) bool {
	return errors.Is(failure, ErrTooLarge) || errors.Is(failure, ErrSender)
}

// recovered: what was left while everything failed need not wait any longer.
func (r *round) recovered() {
	if r.failures >= inARow {
		clear(r.held)
	}
	r.failures = 0
}

// gone tells whether MESH no longer has the message for us.
func gone(err error) bool {
	var e *mesh.Error
	return errors.As(err, &e) && (e.Status == http.StatusNotFound || e.Status == http.StatusGone)
}
