package lane

import (
	"context"
	"errors"

	"nems/internal/store"
)

// heldBytes is up to how many bytes of messages a batch holds that was numbered
// and is about to be sent. Longer ones are read again.
const heldBytes = 4 << 20

// batch is some copies of a lane, and those of their events that were read already.
type batch struct {
	copies []store.Delivery
	events map[store.EventID]store.Event
}

// next returns the next copies of a lane. Where copies are numbered, those that may
// be sent have been counted. It ends with the first one of which that cannot be
// said now, so that none behind it is counted before it.
func (r *Runner) next(ctx context.Context, lane store.Lane) (b batch, err error) {
	b.copies, err = r.Outbox.WaitingDeliveries(ctx, lane, r.Batch)
	if err != nil || r.Numbers == nil || len(b.copies) == 0 {
		return b, err
	}
	releasable := b.judge(ctx, r)
	if len(releasable) == 0 {
		return b, nil
	}
	counted, err := r.Numbers.NumberDeliveries(ctx, lane, releasable)
	if err != nil {
		return b, err
	}
	numbers := map[store.EventID][]uint64{}
	for _, d := range counted {
		numbers[d.Event] = d.Numbers
	}
	for i := range b.copies {
		b.copies[i].Numbers = numbers[b.copies[i].Event]
	}
	return b, nil
}

// judge returns the copies that may be sent, and leaves out of the batch what
// stands behind one that cannot be judged.
func (b *batch) judge(ctx context.Context, r *Runner) (releasable []store.Delivery) {
	b.events = map[store.EventID]store.Event{}
	held := 0
	for i, d := range b.copies {
		event, err := r.recent.read(ctx, r.Outbox, d.Event)
		if errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrNotFound) {
			continue // it is parked when its turn comes
		}
		kept := released
		if err == nil {
			kept, err = r.keeps(ctx, d, event)
		}
		if err != nil {
			b.copies = b.copies[:i+1]
			return releasable
		}
		if held += len(event.Message); held <= heldBytes {
			b.events[d.Event] = event
		}
		if kept == released {
			releasable = append(releasable, d)
		}
	}
	return releasable
}

// event returns the event of a copy.
func (r *Runner) event(ctx context.Context, b batch, d store.Delivery) (store.Event, error) {
	if e, held := b.events[d.Event]; held {
		return e, nil
	}
	return r.recent.read(ctx, r.Outbox, d.Event)
}

// verdict is what keeps a copy here.
type verdict int

const (
	released verdict = iota
	withheld
	unselected
)

// keeps judges whether a copy may be sent, by what is known now.
func (r *Runner) keeps(ctx context.Context, d store.Delivery, e store.Event) (verdict, error) {
	if r.Withheld != nil {
		if flagged, err := r.Withheld(ctx, e); err != nil || flagged {
			return withheld, err
		}
	}
	if r.Selects != nil {
		if selected, err := r.Selects(ctx, d, e); err != nil || !selected {
			return unselected, err
		}
	}
	return released, nil
}
