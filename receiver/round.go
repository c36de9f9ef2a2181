package receiver

import (
	"cmp"
	"context"
	"errors"

	"nems/internal/mesh"
)

// round is one Collect. It deals with each message once, however often MESH
// lists it.
type round struct {
	*Receiver
	handler Handler
	tally   *Tally
	seen    map[string]bool
}

// mostSeen ends a round, because a MESH could list messages without end.
const mostSeen = 1_000_000

// pages lists the mailbox page by page and collects the messages not seen
// before. It returns how many those were.
func (r *round) pages(ctx context.Context) (fresh int, err error) {
	from := ""
	for asked := map[string]bool{}; !asked[from]; {
		asked[from] = true // a MESH whose links form a circle ends the look
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
		if err != nil || page.Next == "" || len(page.Messages) == 0 || len(r.seen) >= mostSeen {
			return fresh, err
		}
		from = page.Next
	}
	return fresh, nil
}

// page collects those messages of a list that were not seen before and are not
// to be left alone.
func (r *round) page(ctx context.Context, ids []string) (fresh int, err error) {
	var due []string
	for _, id := range ids {
		if r.seen[id] {
			continue
		}
		r.seen[id] = true
		fresh++
		if r.held[id].has(r.config.Now()) {
			r.tally.count(Left)
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

// message deals with one message. It returns an error only when the round must
// end. A failure that concerns this message alone is counted, and the message
// is left.
func (r *round) message(ctx context.Context, f fetched) error {
	m := f.m
	switch {
	case gone(f.err): // another collector took it, or it expired, since the list was made
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
		r.tally.count(Repeat)
		return r.acknowledge(ctx, m, Repeat, nil)
	case m.superseded() && !r.config.EveryVersion:
		return r.finish(ctx, m, Superseded, nil)
	}
	return r.hand(ctx, m)
}

// Why a message is discarded or left although nothing is wrong with it.
var (
	errRepeat     = errors.New("finished before")
	errSuperseded = errors.New("a newer one about the same thing was finished before")
	errKept       = errors.New("looked at, not acknowledged")
)

// look hands over a message that stays in the mailbox. There is one attempt.
func (r *round) look(ctx context.Context, m Message) error {
	m.Attempt = 1
	err := r.call(ctx, m)
	switch {
	case err == nil:
		r.tally.count(Handled)
	case errors.Is(err, ErrIgnored):
		r.tally.count(Ignored)
	default:
		return r.leave(m, err, heldFor)
	}
	if err := r.record(m, LeftThere, Left, cmp.Or(err, errKept)); err != nil {
		return err
	}
	r.hold(m.ID, keptFor)
	r.config.Observe(m, Left, nil)
	return nil
}

// place compares an event with those finished before it.
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
