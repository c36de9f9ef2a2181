// Package lane carries copies to where they are owed: it claims whole lanes,
// never single deliveries, so that the order within a lane is kept, and lets a
// Sender hand the copies over. Lanes run in parallel. What is true of every
// channel is here: claims, order, pauses, flags, parking, stopping. What one
// channel does is its Sender's.
package lane

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
)

// Outbox hands out deliveries that wait. A claim is exclusive across nodes until
// it expires by the store's clock. Safe for concurrent use. A change is on disk
// when its method returns.
type Outbox interface {
	// ClaimLanes claims up to max lanes that are free, due and not empty, those
	// that have been due longest first. Where an earlier claim has expired, its
	// owner may have sent one of the oldest deliveries without saying so: the
	// first store.MostUncertain of them become Uncertain.
	ClaimLanes(ctx context.Context, owner string, lease time.Duration, max int) ([]store.Lane, error)
	// WaitingDeliveries returns the next deliveries of a lane, oldest first.
	WaitingDeliveries(ctx context.Context, l store.Lane, max int) ([]store.Delivery, error)
	// Event returns an event as it was accepted; errors are those of
	// broker.Backlog's EventMessage.
	Event(ctx context.Context, event store.EventID) (store.Event, error)
	// Settle stores d.State and what was learnt on the way to it, and prolongs the
	// claim. When another node holds the claim, it stores nothing and returns
	// store.ErrClaimLost.
	Settle(ctx context.Context, l store.Lane, d store.Delivery, lease time.Duration) error
	// ReleaseLane gives a lane back. It becomes due again at next, and keeps
	// l.Failures. It returns store.ErrClaimLost as Settle does.
	ReleaseLane(ctx context.Context, l store.Lane, next time.Time) error
}

// Numbers numbers copies. Safe for concurrent use.
type Numbers interface {
	// NumberDeliveries has each subscription of up to store.MostNumbered copies of a lane
	// count them, in their order, and returns them with their numbers. A copy
	// that was numbered before keeps its numbers. They are on disk when it returns.
	// When another node holds the claim, it stores nothing and returns store.ErrClaimLost.
	NumberDeliveries(ctx context.Context, l store.Lane, whose []store.Delivery) ([]store.Delivery, error)
}

// ErrHeld says that a channel, or one receiver, is not called for now, and that the delivery was
// not touched.
var ErrHeld = errors.New("the channel is down and is not called for a while")

// Unselected is the code of copies that are kept here because of Config.Selects.
const Unselected = "unselected"

// Sender hands copies over on one channel. It is called for several lanes at a
// time, but for each lane one call after the other.
type Sender interface {
	// Open returns how many of a number of free slots may be filled: none while
	// the whole channel is down, one to probe it.
	Open(slots int) int
	// Send tries once to hand a copy over. It returns the delivery as it is to be
	// stored: still Waiting, with the reason, or in its new state. The error says
	// why it is not delivered. One that is ErrHeld: nothing was tried, nothing is to be stored.
	Send(ctx context.Context, l store.Lane, d store.Delivery, e store.Event) (store.Delivery, error)
	// Pause returns how long a lane waits that has failed l.Failures times in a
	// row, the last time with an error.
	Pause(l store.Lane, err error) time.Duration
}

// Config is what a Runner needs. Outbox, Sender and Owner are required, and so
// are the numbers; the functions and Log have defaults.
type Config struct {
	Outbox Outbox
	Sender Sender
	// Numbers has the subscriptions of copies count them before they are sent; nil
	// where nobody reads the numbers.
	Numbers Numbers
	// Owner names this process among those that share the store. Each start
	// needs a new name.
	Owner string
	Now   func() time.Time // the clock of business time; nil means time.Now
	Log   *slog.Logger
	// Withheld reports whether an event must no longer be delivered, because
	// its patient was flagged after it was accepted; nil means that nothing is
	// withheld.
	Withheld func(ctx context.Context, e store.Event) (bool, error)
	// Selects reports whether a copy is what its subscription asked for, where the
	// event's route keys alone do not decide that; nil where they do. What is not
	// selected is neither counted nor sent.
	Selects func(ctx context.Context, d store.Delivery, e store.Event) (bool, error)
	// Record adds entries to the audit; nil discards them.
	Record func(audit.Entry)
	// Count is told of each stored outcome, for the metrics; nil means nobody is.
	Count func(store.Delivery)

	Parallel int           // lanes worked on at once
	Batch    int           // deliveries of a lane before other lanes get their turn
	Lease    time.Duration // of a claim; each stored outcome prolongs it. An attempt is cut off before the lease ends
	// Poll is the pause when nothing is due. It starts at a sixteenth of Poll and
	// doubles, so that a delivery that follows shortly after others does not wait
	// long.
	Poll  time.Duration
	Grace time.Duration // for calls in progress when stopping
}

func (c *Config) setDefaults() {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Record == nil {
		c.Record = func(audit.Entry) {}
	}
	if c.Count == nil {
		c.Count = func(store.Delivery) {}
	}
}

// Runner sends waiting deliveries. New starts nothing; Run does the work.
type Runner struct {
	Config
	recent recent
}

// New returns a Runner.
func New(c Config) *Runner {
	c.setDefaults()
	return &Runner{Config: c}
}

// Run sends until ctx ends. Then it claims nothing more, lets calls in progress
// finish within Grace, stores their outcomes and gives its lanes back. It
// returns when everything that it started has ended.
func (r *Runner) Run(ctx context.Context) {
	// Calls outlive ctx by Grace. Their outcomes are stored in any case,
	// because the store is stopped after us.
	calls, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	ended := make(chan struct{})
	go func() { r.carry(ctx, calls); close(ended) }()
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	grace := time.NewTimer(r.Grace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
		cut()
		<-ended
	}
}

// carry claims lanes and works on them until ctx ends, then waits for them.
func (r *Runner) carry(ctx, calls context.Context) {
	var busy sync.WaitGroup
	defer busy.Wait()
	slots := make(chan struct{}, r.Parallel)
	freed := make(chan struct{}, 1)
	for pause := r.Poll; ctx.Err() == nil; {
		claimed := time.Now()
		lanes, err := r.claim(ctx, r.Parallel-len(slots))
		if err != nil && ctx.Err() == nil {
			r.Log.Warn("claiming deliveries", "error", err)
		}
		if len(lanes) > 0 {
			pause = r.Poll / 16
		} else if len(slots) == 0 {
			r.recent.forget()
		}
		for _, lane := range lanes {
			slots <- struct{}{}
			busy.Go(func() {
				r.work(ctx, calls, lane, claimed)
				<-slots
				select {
				case freed <- struct{}{}:
				default: // a wake-up is already pending
				}
			})
		}
		if wait(ctx, pause, freed) {
			pause = min(2*pause, r.Poll)
		}
	}
}

// claim claims as many lanes as the state of the channel allows.
func (r *Runner) claim(ctx context.Context, free int) ([]store.Lane, error) {
	if free = r.Sender.Open(free); free <= 0 {
		return nil, nil
	}
	return r.Outbox.ClaimLanes(ctx, r.Owner, r.Lease, free)
}

// wait waits until a lane is freed or the time has passed; it reports whether the time passed.
func wait(ctx context.Context, while time.Duration, freed <-chan struct{}) bool {
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-freed:
	case <-timer.C:
		return true
	}
	return false
}
