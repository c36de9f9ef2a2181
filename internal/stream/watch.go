package stream

import (
	"context"
	"sync"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

const (
	// watchPoll is how often the numbering is asked for what is new.
	watchPoll = 250 * time.Millisecond
	// watchOverlap is how much farther back each question reaches: what is counted shows
	// when its transaction commits.
	watchOverlap = 2 * time.Second
	// watchPage is how many advances one question returns, unless there are more.
	watchPage = 1000
	// standingPoll is how often it is asked which subscriptions are still there, and
	// standingPage about how many at a time.
	standingPoll = 5 * time.Second
	standingPage = 500
)

// Advances tells what is counted and which subscriptions there are. Safe for
// concurrent use.
type Advances interface {
	// CountedWithin is broker.Numbers'.
	CountedWithin(ctx context.Context, back time.Duration, max int) ([]store.Advance, error)
	// StandingSubscriptions returns those that exist out of some subscriptions.
	StandingSubscriptions(ctx context.Context, ids []subscription.ID) ([]subscription.ID, error)
}

// watch wakes readers when their subscription has counted, or is gone: one for all
// readers of a node, so that a reader who waits costs the database nothing.
type watch struct {
	log   Advances
	mu    sync.Mutex
	woken map[subscription.ID]*topic
	begun chan struct{} // has an element when readers have come to a watch that rests
	asked time.Time     // up to when advances are known
}

// topic is a subscription that somebody reads.
type topic struct {
	readers map[*alarm]struct{}
	last    uint64
	epoch   uint32
}

// alarm wakes one reader. Its channel holds one element when there is something to
// look at.
type alarm struct {
	id   subscription.ID
	rang chan struct{}
}

func newWatch(log Advances) *watch {
	return &watch{log: log, woken: map[subscription.ID]*topic{}, begun: make(chan struct{}, 1)}
}

// join has a reader woken from now on. leave must follow.
func (w *watch) join(id subscription.ID) *alarm {
	a := &alarm{id: id, rang: make(chan struct{}, 1)}
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.woken[id]
	if t == nil {
		t = &topic{readers: map[*alarm]struct{}{}}
		w.woken[id] = t
	}
	t.readers[a] = struct{}{}
	select {
	case w.begun <- struct{}{}:
	default:
	}
	return a
}

func (w *watch) leave(a *alarm) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.woken[a.id]
	if delete(t.readers, a); len(t.readers) == 0 {
		delete(w.woken, a.id)
	}
}

// ring wakes the readers of a subscription.
func (t *topic) ring() {
	for a := range t.readers {
		select {
		case a.rang <- struct{}{}:
		default: // it will look anyway
		}
	}
}

// run watches until ctx ends. While nobody reads it asks nothing.
func (w *watch) run(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(watchPoll)
	defer tick.Stop()
	for checked := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if w.empty() {
			select {
			case <-ctx.Done():
				return
			case <-w.begun:
			}
		}
		err := w.advance(ctx)
		if err == nil && time.Since(checked) >= standingPoll {
			checked, err = time.Now(), w.standing(ctx)
		}
		if err != nil && ctx.Err() == nil {
			failed(err)
		}
	}
}

func (w *watch) empty() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.woken) == 0
}

// advance wakes the readers of what was counted since the last time.
func (w *watch) advance(ctx context.Context) error {
	now := time.Now()
	back := watchOverlap
	if !w.asked.IsZero() {
		back += now.Sub(w.asked)
	}
	for most := watchPage; ; most *= 4 {
		found, err := w.log.CountedWithin(ctx, back, most)
		if err != nil {
			return err
		}
		w.wake(found)
		if len(found) < most {
			w.asked = now
			return nil
		}
	}
}

// wake wakes the readers of subscriptions that have counted.
func (w *watch) wake(found []store.Advance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range found {
		if t := w.woken[a.Subscription]; t != nil && (t.last != a.Last || t.epoch != a.Epoch) {
			t.last, t.epoch = a.Last, a.Epoch
			t.ring()
		}
	}
}

// standing wakes the readers of subscriptions that are gone.
func (w *watch) standing(ctx context.Context) error {
	w.mu.Lock()
	ids := make([]subscription.ID, 0, len(w.woken))
	for id := range w.woken {
		ids = append(ids, id)
	}
	w.mu.Unlock()
	for len(ids) > 0 {
		some := ids[:min(len(ids), standingPage)]
		ids = ids[len(some):]
		found, err := w.log.StandingSubscriptions(ctx, some)
		if err != nil {
			return err
		}
		stand := make(map[subscription.ID]bool, len(found))
		for _, id := range found {
			stand[id] = true
		}
		w.mu.Lock()
		for _, id := range some {
			if t := w.woken[id]; t != nil && !stand[id] {
				t.ring()
			}
		}
		w.mu.Unlock()
	}
	return nil
}
