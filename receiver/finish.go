package receiver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"nems/internal/mesh"
)

// record writes a step into the audit. If the step ends the handling of the
// message, it is on disk when record returns.
func (r *Receiver) record(m Message, s Step, o Outcome, why error) error {
	e := entryOf(m, s)
	e.Outcome = o
	if why != nil {
		e.Why = why.Error()
	}
	return remembered(r.config.Audit.write(e, m, s != Received))
}

// finish records and remembers a message, and then acknowledges it. If we stop in
// between, the message is listed again, recognised as finished and acknowledged.
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
	if o == Aside { // nobody has used it, so it supersedes nothing
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

// acknowledge removes a finished message from the mailbox, even if we have just
// been told to stop.
func (r *round) acknowledge(ctx context.Context, m Message, o Outcome, failure error) error {
	r.config.Observe(m, o, failure)
	late, cancel := r.linger(ctx)
	defer cancel()
	err := r.try(late, func(ctx context.Context) error { return r.mesh.Acknowledge(ctx, m.ID) })
	if err == nil || gone(err) {
		return nil
	}
	r.config.Logger.Warn("the message could not be acknowledged; it will be listed again and recognised as finished", "message", m, "error", err)
	if r.failures++; r.failures >= inARow {
		return fmt.Errorf("%w: %w", ErrFailing, err)
	}
	return nil
}

// unreadableFor is how long to leave a message alone after its download failed.
// The time is shorter where MESH may be the cause.
func unreadableFor(err error) time.Duration {
	if mesh.Temporary(err) && !errors.Is(err, ErrTooLarge) {
		return longestWait
	}
	return heldFor
}

// leave leaves a message in the mailbox for a while. It returns ErrFailing when
// this is one of several failures in a row.
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

// itsOwn reports whether the message itself caused the failure, whatever else fails.
// Such failures do not count as failures in a row, so nobody can stop the collecting
// by sending many bad messages.
func itsOwn(failure error) bool {
	return errors.Is(failure, ErrTooLarge) || errors.Is(failure, ErrSender)
}

// recovered is called when a message went well. Messages that were left while everything failed
// need not wait any longer.
func (r *round) recovered() {
	if r.failures >= inARow {
		clear(r.held)
	}
	r.failures = 0
}

// gone reports whether MESH no longer has the message for us.
func gone(err error) bool {
	var e *mesh.Error
	return errors.As(err, &e) && (e.Status == http.StatusNotFound || e.Status == http.StatusGone)
}
