// Package courier carries deliveries to mailboxes that a remote MESH serves: it
// is the sender of such lanes (package lane), and collects the MESH's reports.
//
// Sources: NHSDigital/mesh-api-specification (2026-05), "Send message", "Track
// outbox", "Asynchronous error reporting"; NEMS specification, "Event Receiver
// Requirements".
package courier

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"nems/internal/audit"
	"nems/internal/lane"
	"nems/internal/mesh"
	"nems/internal/store"
)

// Outbox hands out deliveries that wait for remote mailboxes.
type Outbox interface {
	lane.Outbox
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

// Courier sends waiting deliveries to a MESH. New starts nothing; Run does the work.
type Courier struct {
	Config
	breaker *gobreaker.CircuitBreaker[string]
	lanes   *lane.Runner
	stats   stats
	reports reports
}

// New returns a Courier.
func New(config Config) *Courier {
	config.setDefaults()
	c := &Courier{Config: config, stats: newStats(), breaker: gobreaker.NewCircuitBreaker[string](gobreaker.Settings{
		Name: "MESH", MaxRequests: 1, Timeout: config.Rest,
		ReadyToTrip:  func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= config.Trip },
		IsSuccessful: func(err error) bool { return !meshDown(err) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			config.Log.Warn("remote MESH", "breaker", to.String(), "was", from.String())
		},
	})}
	c.lanes = lane.New(lane.Config{
		Outbox: c.Outbox, Sender: sender{c}, Owner: c.Owner, Now: c.Now, Log: c.Log, Withheld: c.Withheld, Record: c.Record, Count: c.stats.settled,
		Parallel: c.Parallel, Batch: c.Batch, Lease: c.Lease, Poll: c.Poll, Grace: c.Grace,
	})
	return c
}

// Run sends until ctx ends. Then it claims nothing more, lets calls in progress
// finish within Grace, stores their outcomes and gives its lanes back. It
// returns when everything that it started has ended.
func (c *Courier) Run(ctx context.Context) error {
	var reports sync.WaitGroup
	reports.Go(func() { c.collectReports(ctx) })
	c.lanes.Run(ctx)
	reports.Wait()
	return nil
}
