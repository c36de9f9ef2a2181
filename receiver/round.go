package receiver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"nems/internal/mesh"
)

// round is one Collect: it deals with each message once, however often MESH
// lists it.
type round struct {
	*Receiver
	handler Handler
	tally   *Tally
	seen    map[string]bool
}

// pages lists the mailbox page by page and collects what was not seen before;
// it returns how many messages that were.
func (r *round) pages(ctx context.Context) (fresh int, err error) {
	from := ""
	for asked := map[string]bool{}; !asked[from]; {
		asked[from] = true // a MESH that leads in a circle ends the look
		var page mesh.Inbox
		err := r.try(ctx, func(ctx context.Context) (err error) {
			page, err = r.mesh.List(ctx, mesh.ListQuery{Continue: from})
			return err
		})
		if err != nil {
			return fresh, err
		}
		n, err := r.page(ctx, page.Messages)
		fresh += n
		if err != nil || page.Next == "" || len(page.Messages) == 0 {
			return fresh, err
		}
		from = page.Next
	}
	return fresh, nil
}

// page collects the messages of a list that were not seen before, nor are to
// be left alone.
func (r *round) page(ctx context.Context, ids []string) (fresh int, err error) {
	var due []string
	for _, id := range ids {
		if r.seen[id] {
			continue
		}
		r.seen[id] = true
		fresh++
		if r.config.Now().Before(r.held[id]) {
			r.tally.Left++
			continue
		}
		delete(r.held, id)
		due = append(due, id)
	}
	results, stop := r.ahead(ctx, due)
	defer stop()
	for result := range results {
		f := <-result
		if err := ctx.Err(); err != nil {
			return fresh, err
		}
		if err := r.message(ctx, f); err != nil {
			return fresh, err
		}
	}
	return fresh, ctx.Err()
}

// message deals with one message. It returns an error only when the round is to
// end; what fails because of the message is counted and left.
func (r *round) message(ctx context.Context, f fetched) error {
	m := f.m
	switch {
	case gone(f.err): // taken by another, or expired, since the list was made
		return nil
	case f.err != nil:
		return r.leave(Message{ID: f.id, Kind: Other}, f.err, unreadableFor(f.err))
	}
	if err := r.place(&m); err != nil {
		return err
	}
	if err := r.record(m, Received, "", m.Problem); err != nil {
		return err
	}
	if r.config.Keep {
		return r.look(ctx, m)
	}
	finished, err := r.config.Memory.Finished(m.Key)
	if err != nil {
		return remembered(err)
	}
	switch {
	case finished:
		if err := r.record(m, Discarded, Repeat, errRepeat); err != nil {
			return err
		}
		r.tally.Repeats++
		return r.acknowledge(ctx, m, Repeat, nil)
	case m.superseded() && !r.config.EveryVersion:
		return r.finish(ctx, m, Superseded, nil)
	}
	return r.hand(ctx, m)
}

// Why messages are discarded that are not at fault.
var (
	errRepeat     = errors.New("finished before")
	errSuperseded = errors.New("a newer one about the same thing was finished before")
	errKept       = errors.New("looked at, not acknowledged")
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

// look hands a message over that stays where it is. There is one attempt.
func (r *round) look(ctx context.Context, m Message) error {
	m.Attempt = 1
	err := r.call(ctx, m)
	switch {
	case err == nil:
		r.tally.Handled++
	case errors.Is(err, ErrIgnored):
		r.tally.Ignored++
	default:
		return r.leave(m, err, heldFor)
	}
	if err := r.record(m, LeftThere, Left, cmp.Or(err, errKept)); err != nil {
		return err
	}
	r.held[m.ID] = r.config.Now().Add(keptFor)
	r.config.Observe(m, Left, nil)
	return nil
}

// place compares an event with what was finished before.
func (r *round) place(m *Message) error {
	m.Order = Unordered
	sequence, decisive := m.sequence()
	if sequence == "" {
		return nil
	}
	newest, err := r.config.Memory.Newest(sequence)
	if err != nil {
		return remembered(err)
	}
	if decisive {
		m.Earlier = newest
	}
	switch {
	case !newest.IsZero():
		m.Order = m.known().compare(newest)
	case !m.Facts.Point.IsZero():
		m.Order = First
	}
	if m.Order == Gap && !fromSpine(m.Facts.Code) && decisive {
		m.Order = Next
	}
	return nil
}

// hand gives a message to the Handler until it succeeds or is poison.
func (r *round) hand(ctx context.Context, m Message) error {
	begun, err := r.config.Memory.Attempts(m.Key)
	if err != nil {
		return remembered(err)
	}
	failure := ErrNotReturned // of the attempts of processes before this one
	for m.Attempt = begun + 1; m.Attempt <= r.config.Attempts; m.Attempt++ {
		if err := r.config.Memory.Attempt(m.Key, m.Attempt); err != nil {
			return remembered(err)
		}
		failure = r.call(ctx, m)
		if failure == nil {
			return r.finish(ctx, m, Handled, nil)
		}
		if errors.Is(failure, ErrIgnored) {
			return r.finish(ctx, m, Ignored, failure)
		}
		if ctx.Err() != nil { // told to stop: that attempt proves nothing
			return errors.Join(ctx.Err(), remembered(r.config.Memory.Attempt(m.Key, m.Attempt-1)))
		}
		r.config.Logger.Warn("the handler failed", "message", m, "attempt", m.Attempt, "error", failure)
		if errors.Is(failure, ErrPermanent) || m.Attempt == r.config.Attempts {
			break
		}
		if err := r.config.Wait(ctx, r.backoff(m.Attempt)); err != nil {
			return err
		}
	}
	m.Attempt = min(m.Attempt, r.config.Attempts)
	return r.poison(ctx, m, failure)
}

func (r *Receiver) backoff(attempt int) time.Duration {
	d := r.config.Backoff
	for range min(attempt-1, 30) {
		if d *= 2; d >= longestWait {
			return longestWait
		}
	}
	return d
}

// poison sets a message aside, unless the messages before it failed as well:
// then it is not this one's fault. A message that stays gets all its attempts
// anew.
func (r *round) poison(ctx context.Context, m Message, failure error) error {
	if r.config.SetAside != "" && r.failures < inARow-1 {
		err := setAside(r.config.SetAside, m, failure, r.config.Now())
		if err == nil {
			r.failures++
			return r.finish(ctx, m, Aside, failure)
		}
		failure = errors.Join(failure, err)
	}
	again := remembered(r.config.Memory.Attempt(m.Key, 0))
	return errors.Join(again, r.leave(m, failure, heldFor))
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
	switch o {
	case Handled:
		r.recovered()
		r.tally.Handled++
	case Ignored:
		r.recovered()
		r.tally.Ignored++
	case Superseded:
		r.tally.Superseded++
	default:
		r.tally.Aside++
	}
	return r.acknowledge(ctx, m, o, failure)
}

// known is what the Memory is to know of the message.
func (m *Message) known() Known {
	return Known{Point: m.Facts.Point, MessageID: m.Facts.MessageID, Kind: m.Facts.Kind}
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
	r.tally.Left++
	r.held[m.ID] = r.config.Now().Add(d)
	if err := r.record(m, LeftThere, Left, failure); err != nil {
		return err
	}
	r.config.Observe(m, Left, failure)
	r.config.Logger.Warn("message left in the mailbox", "message", m, "error", failure)
	if errors.Is(failure, ErrTooLarge) { // whatever else fails, this is its own fault
		return nil
	}
	if r.failures++; r.failures >= inARow {
		return fmt.Errorf("%w: %w", ErrFailing, failure)
	}
	return nil
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
