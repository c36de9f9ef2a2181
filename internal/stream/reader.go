package stream

import (
	"context"

	"nems/internal/access"
	"nems/internal/broker"
	"nems/internal/store"
	"nems/internal/subscription"
)

// reader reads the events of one subscription, in their order.
type reader struct {
	*Service
	caller access.Caller
	id     subscription.ID
	form   Form
	at     Place // behind what was read
}

// gap says that events are missing where a reader wanted to go on.
type gap struct {
	Reason string `json:"reason"`
	From   uint64 `json:"from,omitempty"` // the first that is missing
	Next   uint64 `json:"next"`           // the first that is there, or will be
}

// Why there is a gap.
const (
	gapPurged  = "purged"  // they are not kept any more
	gapUnknown = "unknown" // the reader names a number that was not given yet
	gapEpoch   = "epoch"   // numbers were given again, after a backup was restored
)

// found is what a reader finds behind its place.
type found struct {
	gap    *gap
	events []broker.NumberedEvent
	more   bool // there is more
}

// next reads on. It moves the reader behind a gap, and not behind the events.
func (r *reader) next(ctx context.Context) (out found, err error) {
	now, err := r.Broker.Status(ctx, r.caller, r.id.String())
	if err != nil {
		return out, err
	}
	if err := r.Broker.MayRead(now.Subscription); err != nil {
		return out, err
	}
	out.gap = r.enter(now.Counting)
	if r.at.Number == now.Last {
		return out, nil
	}
	out.events, err = r.Broker.Released(ctx, r.id, r.at.Number+1, now.Last, page)
	if err != nil {
		return out, err
	}
	first := now.Last + 1 // all were removed meanwhile
	if len(out.events) > 0 {
		first = out.events[0].Number
	}
	if first != r.at.Number+1 {
		out.gap = r.skip(gapPurged, first)
	}
	for i := range out.events { // what stands behind a further gap comes next time
		if out.events[i].Number != first+uint64(i) { //nolint:gosec // an index
			out.events = out.events[:i]
			break
		}
	}
	out.more = len(out.events) > 0 && out.events[len(out.events)-1].Number < now.Last
	return out, nil
}

// enter brings the reader to a place from which it can go on, and says what is missing
// before it.
func (r *reader) enter(now store.Counting) *gap {
	first := now.First // the first that is there
	if first == 0 {
		first = now.Last + 1
	}
	switch {
	case r.at == Place{}: // from the beginning
		r.at.Epoch = now.Epoch
		if now.Last == 0 || first == 1 {
			return nil
		}
		return r.skip(gapPurged, first)
	case r.at.Epoch != now.Epoch:
		r.at = Place{Epoch: now.Epoch}
		g := r.skip(gapEpoch, first)
		g.From = 0
		return g
	case r.at.Number > now.Last:
		g := r.skip(gapUnknown, first)
		g.From = 0
		return g
	case r.at.Number+1 < first:
		return r.skip(gapPurged, first)
	}
	return nil
}

// skip moves the reader before an event.
func (r *reader) skip(why string, to uint64) *gap {
	g := &gap{Reason: why, From: r.at.Number + 1, Next: to}
	r.at.Number = to - 1
	return g
}

// take acknowledges all events up to a place. It returns where the cursor stands then.
func (s *Service) take(ctx context.Context, id subscription.ID, to Place) (at store.Cursor, err error) {
	for range takeSteps {
		at, err = s.Store.TakeEvents(ctx, id, store.Cursor{Epoch: to.Epoch, Number: to.Number, At: s.Now().UTC()}, takeStep)
		if err != nil || at.Number >= to.Number {
			break
		}
	}
	return at, err
}
