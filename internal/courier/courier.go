// Package courier carries deliveries to mailboxes that a remote MESH serves. It
// claims whole mailboxes (lanes), never single deliveries, so that the order
// within a mailbox is kept. Lanes run in parallel.
//
// Sources: NHSDigital/mesh-api-specification (2026-05), "Send message", "Track
// outbox", "Asynchronous error reporting"; NEMS specification, "Event Receiver
// Requirements".
package courier

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"nems/internal/audit"
	"nems/internal/mesh"
	"nems/internal/store"
)

// Outbox hands out deliveries that wait for remote mailboxes. A claim is
// exclusive across nodes until it expires by the store's clock. Safe for
// concurrent use. A change is on disk when its method returns.
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
	// ReportDelivery notes what a MESH reported of a copy that was sent: it becomes
	// undeliverable. The MESH's message id finds the copy, or else the local id,
	// which a repeated send bears too. store.ErrNotFound for what nobody sent.
	ReportDelivery(ctx context.Context, r store.DeliveryReport) error
}

// Config is what a Courier needs. Outbox, Client and Owner are required; other
// fields have defaults.
type Config struct {
	Outbox Outbox
	// Client is the client of the mailbox that copies are sent from.
	Client *mesh.Client
	// Owner names this process among those that share the store. Each start
	// needs a new name.
	Owner string
	// Now is the clock of business time; nil means time.Now.
	Now func() time.Time
	// Settled is the clock by which deliveries are given up. It does not follow
	// a clock that may be wrong. nil means Now.
	Settled func() time.Time
	Log     *slog.Logger
	// Withheld reports whether an event must no longer be delivered, because
	// its patient was flagged after it was accepted; nil means that nothing is
	// withheld.
	Withheld func(ctx context.Context, e store.Event) (bool, error)
	// Record adds entries to the audit; nil discards them.
	Record func(audit.Entry)

	Parallel int // lanes worked on at once; default 64
	Batch    int // deliveries of a lane before other lanes get their turn; default 50
	// Lease is how long a claim lasts; each stored outcome prolongs it. Default
	// 2 min. An attempt is cut off before the lease ends.
	Lease time.Duration
	// Poll is the pause when nothing is due, Reports the pause between looks for
	// reports; defaults 250 ms and 1 min. The pause starts at a sixteenth of Poll
	// and doubles, so that a delivery that follows shortly after others does not
	// wait long.
	Poll, Reports time.Duration
	SendTimeout   time.Duration // for one call of the MESH; default 60 s
	Grace         time.Duration // for calls in progress when stopping; default 8 s
	// GiveUp is the age, counted from the first attempt, at which a delivery
	// that keeps failing is parked; default 240 h. MostRefusals parks it
	// earlier, after so many errors that the MESH itself returned; default 20.
	GiveUp       time.Duration
	MostRefusals int
	// Backoff is the pause after the first failure of a lane. It doubles with
	// each further failure up to MostBackoff; defaults 1 s and 10 min. Each
	// pause is shortened at random by up to half.
	Backoff, MostBackoff time.Duration
	// PartnerID is the longest partner id that the MESH accepts, in bytes; default 500.
	PartnerID int
	// Trip is how many calls in a row must fail before the MESH counts as down.
	// Rest is how long no call is then made before one call tries again.
	// Defaults 10 and 30 s. Rest follows the machine's clock, because gobreaker
	// supports no other.
	Trip uint32
	Rest time.Duration
}

func (c *Config) setDefaults() {
	set(&c.Parallel, 64)
	set(&c.Batch, 50)
	set(&c.Lease, 2*time.Minute)
	set(&c.Poll, 250*time.Millisecond)
	set(&c.Reports, time.Minute)
	set(&c.SendTimeout, time.Minute)
	set(&c.Grace, 8*time.Second)
	set(&c.GiveUp, 240*time.Hour)
	set(&c.MostRefusals, 20)
	set(&c.Backoff, time.Second)
	set(&c.MostBackoff, 10*time.Minute)
	set(&c.PartnerID, 500)
	set(&c.Trip, 10)
	set(&c.Rest, 30*time.Second)
	set(&c.Log, slog.New(slog.DiscardHandler))
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Settled == nil {
		c.Settled = c.Now
	}
	if c.Record == nil {
		c.Record = func(audit.Entry) {}
	}
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Courier sends waiting deliveries. New starts nothing; Run does the work.
type Courier struct {
	Config
	breaker *gobreaker.CircuitBreaker[string]
	stats   stats
	reports reports
}

// New returns a Courier.
func New(c Config) *Courier {
	c.setDefaults()
	return &Courier{Config: c, stats: newStats(), breaker: gobreaker.NewCircuitBreaker[string](gobreaker.Settings{
		Name: "MESH", MaxRequests: 1, Timeout: c.Rest,
		ReadyToTrip:  func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= c.Trip },
		IsSuccessful: func(err error) bool { return !meshDown(err) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			c.Log.Warn("remote MESH", "breaker", to.String(), "was", from.String())
		},
	})}
}

// Run sends until ctx ends. Then it claims nothing more, lets calls in progress
// finish within Grace, stores their outcomes and gives its lanes back. It
// returns when everything that it started has ended.
func (c *Courier) Run(ctx context.Context) error {
	// Calls outlive ctx by Grace. Their outcomes are stored in any case,
	// because the store is stopped after us.
	calls, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var all sync.WaitGroup
	ended := make(chan struct{})
	all.Go(func() { c.carry(ctx, calls) })
	all.Go(func() { c.collectReports(ctx) })
	go func() { all.Wait(); close(ended) }()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	grace := time.NewTimer(c.Grace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
		cut()
		<-ended
	}
	return nil
}

// carry claims lanes and works on them until ctx ends, then waits for them.
func (c *Courier) carry(ctx, calls context.Context) {
	var busy sync.WaitGroup
	defer busy.Wait()
	slots := make(chan struct{}, c.Parallel)
	freed := make(chan struct{}, 1)
	for pause := c.Poll; ctx.Err() == nil; {
		claimed := time.Now()
		lanes, err := c.claim(ctx, c.Parallel-len(slots))
		if err != nil && ctx.Err() == nil {
			c.Log.Warn("claiming deliveries", "error", err)
		}
		if len(lanes) > 0 {
			pause = c.Poll / 16
		}
		for _, lane := range lanes {
			slots <- struct{}{}
			busy.Go(func() {
				c.work(ctx, calls, lane, claimed)
				<-slots
				select {
				case freed <- struct{}{}:
				default: // a wake-up is already pending
				}
			})
		}
		if c.pause(ctx, pause, freed) {
			pause = min(2*pause, c.Poll)
		}
	}
}

// claim claims as many lanes as the state of the MESH allows: none while it is
// down, one to probe it.
func (c *Courier) claim(ctx context.Context, free int) ([]store.Lane, error) {
	switch c.breaker.State() {
	case gobreaker.StateOpen:
		return nil, nil
	case gobreaker.StateHalfOpen:
		free = min(free, 1)
	}
	if free <= 0 {
		return nil, nil
	}
	return c.Outbox.ClaimLanes(ctx, c.Owner, c.Lease, free)
}

// pause waits until a lane is freed or the time has passed; it reports whether the time passed.
func (c *Courier) pause(ctx context.Context, while time.Duration, freed <-chan struct{}) bool {
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

// backoff returns the pause after a number of failures in a row.
func (c *Courier) backoff(failures int) time.Duration {
	d := c.Backoff
	for i := 1; i < failures && d < c.MostBackoff; i++ {
		d *= 2
	}
	d = min(d, c.MostBackoff)
	return d - time.Duration(rand.Int64N(int64(d)/2+1)) //nolint:gosec // only spreads load, is not used for security
}
