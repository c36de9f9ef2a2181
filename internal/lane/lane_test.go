package lane_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"nems/internal/lane"
	"nems/internal/store"
	"nems/internal/subscription"
)

// book is an outbox with one lane, kept in memory. Its copies are numbered by event.
type book struct {
	mu       sync.Mutex
	waiting  []store.Delivery
	settled  []store.Delivery
	counted  map[store.EventID]uint64
	lost     bool // another node has the claim
	released []store.Lane
	ended    context.CancelFunc // called when the lane is given back
}

func newBook(t *testing.T, events ...store.EventID) (*book, context.Context) {
	ctx, ended := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(ended)
	b := &book{counted: map[store.EventID]uint64{}, ended: ended}
	for _, e := range events {
		b.waiting = append(b.waiting, store.Delivery{Event: e, State: store.Waiting, Subscriptions: []subscription.ID{{1}}})
	}
	return b, ctx
}

func (b *book) ClaimLanes(_ context.Context, owner string, _ time.Duration, _ int) ([]store.Lane, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.released) > 0 {
		return nil, nil
	}
	return []store.Lane{{Mailbox: 1, Owner: owner, Generation: 1}}, nil
}

func (b *book) WaitingDeliveries(_ context.Context, _ store.Lane, max int) ([]store.Delivery, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.waiting[:min(max, len(b.waiting))]), nil
}

func (b *book) Event(_ context.Context, e store.EventID) (store.Event, error) {
	if e == damaged {
		return store.Event{}, store.ErrDamaged
	}
	return store.Event{Message: []byte{byte(e)}}, nil
}

func (b *book) Settle(_ context.Context, _ store.Lane, d store.Delivery, _ time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lost {
		b.ended()
		return store.ErrClaimLost
	}
	b.settled = append(b.settled, d)
	if d.State != store.Waiting {
		b.waiting = slices.DeleteFunc(b.waiting, func(w store.Delivery) bool { return w.Event == d.Event })
	}
	return nil
}

func (b *book) ReleaseLane(_ context.Context, l store.Lane, _ time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.released = append(b.released, l)
	b.ended()
	return nil
}

func (b *book) NumberDeliveries(_ context.Context, _ store.Lane, whose []store.Delivery) ([]store.Delivery, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := slices.Clone(whose)
	for i, d := range out {
		if b.counted[d.Event] == 0 {
			b.counted[d.Event] = uint64(len(b.counted) + 1)
		}
		out[i].Numbers = []uint64{b.counted[d.Event]}
	}
	return out, nil
}

// wire is a channel that takes everything but the events in fails.
type wire struct {
	sent  []uint64
	fails map[store.EventID]bool
}

func (w *wire) Open(slots int) int                    { return slots }
func (w *wire) Pause(store.Lane, error) time.Duration { return time.Minute }
func (w *wire) Send(_ context.Context, _ store.Lane, d store.Delivery, _ store.Event) (store.Delivery, error) {
	if w.fails[d.Event] {
		return d, errors.New("the receiver is away")
	}
	w.sent, d.State = append(w.sent, d.Numbers...), store.Sent
	return d, nil
}

const damaged = 66

// run works on the lane once. Event 13 is one that must not be delivered, 17 one that its subscription filters out, 99 one of
// which that cannot be said.
func run(ctx context.Context, b *book, w *wire) {
	lane.New(lane.Config{
		Outbox: b, Sender: w, Numbers: b, Owner: "one", Parallel: 1, Batch: 20, Lease: time.Minute, Poll: time.Millisecond, Grace: time.Second,
		Withheld: func(_ context.Context, e store.Event) (bool, error) {
			if e.Message[0] == 99 {
				return false, errors.New("the directory is away")
			}
			return e.Message[0] == 13, nil
		},
		Selects: func(_ context.Context, _ store.Delivery, e store.Event) (bool, error) { return e.Message[0] != 17, nil },
	}).Run(ctx)
}

func (b *book) want(t *testing.T, w *wire, numbers []uint64, states ...store.State) {
	t.Helper()
	var got []store.State
	for _, d := range b.settled {
		got = append(got, d.State)
	}
	if !slices.Equal(w.sent, numbers) || !slices.Equal(got, states) || len(b.released) != 1 {
		t.Errorf("sent %v, settled %v, released %d times", w.sent, got, len(b.released))
	}
}

// What may not be sent is not counted, so that its subscriber sees no gap.
func TestOnlyWhatMayBeSentIsCounted(t *testing.T) {
	b, ctx := newBook(t, 1, 13, damaged, 17, 4)
	w := &wire{}
	run(ctx, b, w)
	b.want(t, w, []uint64{1, 2}, store.Sent, store.Withheld, store.Parked, store.Withheld, store.Sent)
	if len(b.counted) != 2 || b.released[0].Failures != 0 {
		t.Errorf("%v, %+v", b.counted, b.released)
	}
}

// Nothing behind a copy that cannot be judged is counted before it, or sent.
func TestCountingStopsAtWhatCannotBeJudged(t *testing.T) {
	b, ctx := newBook(t, 1, 99, 3)
	w := &wire{}
	run(ctx, b, w)
	b.want(t, w, []uint64{1}, store.Sent, store.Waiting)
	if b.counted[3] != 0 || b.released[0].Failures != 1 {
		t.Errorf("%v, %+v", b.counted, b.released)
	}
}

// A failure holds the lane. What is behind it was counted, and keeps its number.
func TestFailureHoldsTheLane(t *testing.T) {
	b, ctx := newBook(t, 1, 2, 3)
	w := &wire{fails: map[store.EventID]bool{2: true}}
	run(ctx, b, w)
	b.want(t, w, []uint64{1}, store.Sent, store.Waiting)
	again, ctx := newBook(t)
	again.waiting, again.counted = b.waiting, b.counted
	w = &wire{}
	run(ctx, again, w)
	again.want(t, w, []uint64{2, 3}, store.Sent, store.Sent)
}

// Who has lost the claim sends nothing more and does not give the lane back.
func TestLostClaim(t *testing.T) {
	b, ctx := newBook(t, 1, 2)
	b.lost = true
	w := &wire{}
	run(ctx, b, w)
	if !slices.Equal(w.sent, []uint64{1}) || len(b.released) != 0 {
		t.Errorf("sent %v, released %v", w.sent, b.released)
	}
}
