package publisher

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"nems/client"
)

// Config says where the messages are, and how they are sent.
type Config struct {
	// DB holds the tables of Schema. Of SQLite it is in WAL mode, with a busy timeout and
	// _txlock=immediate; package publisher/embedded opens one so.
	DB      *sql.DB
	Dialect Dialect
	// Client sends. The Outbox takes a copy of it.
	Client *client.Client
	// Level is how strictly messages are checked when they are added.
	Level Level
	// Demographics, with a Tracer, are asked again before each message is sent, because
	// flags may have been set since it was made; nil means not.
	Demographics *Demographics
	// Refused and HeldBack are told of each message that the service refuses, and that is
	// set aside before it is sent; nil means that nobody is. They are told after it is
	// stored; after a crash in between, Outbox.Refusals and Count still say it.
	Refused  func(ctx context.Context, r Refusal)
	HeldBack func(ctx context.Context, r Refusal)
	// Retention is how long the record of a message is kept after it was sent, discarded or
	// held; 0 means forever. Run removes what is older, once an hour.
	Retention time.Duration

	Senders    int           // messages on their way at the same time (4)
	Timeout    time.Duration // of one attempt, with tracing (30 s)
	Lease      time.Duration // after which another sender takes over from one that has died (2 minutes)
	FirstPause time.Duration // between the first two attempts (1 s), then twice as long each time
	MostPause  time.Duration // between two attempts (5 minutes)
	Poll       time.Duration // how often Run looks for what others have added (1 s)

	// Now is the clock; nil means time.Now. The clocks of several senders may differ by
	// less than Lease - Timeout.
	Now func() time.Time
	Log *slog.Logger // gets ids and event types, no patients; nil means no log
}

// Refusal is a message that will not be sent as it is.
type Refusal struct {
	ID     string // MessageHeader.id
	Event  string
	Status int    // HTTP status; 0 where it was held back
	Reason string // the service's words, or a Reason
}

// Outbox sends messages that were stored with the transactions which decided them. Any
// number of processes may add to one outbox and send from it, over PostgreSQL on any number of
// machines. It is safe for concurrent use.
type Outbox struct {
	Config
	wake chan struct{}
}

// New returns an Outbox. The tables are there already: see Schema and Outbox.Migrate.
func New(c Config) (*Outbox, error) {
	switch {
	case c.DB == nil:
		return nil, errors.New("publisher: Config.DB is missing")
	case c.Client == nil:
		return nil, errors.New("publisher: Config.Client is missing")
	case c.Dialect != SQLite && c.Dialect != PostgreSQL:
		return nil, fmt.Errorf("publisher: Config.Dialect is SQLite or PostgreSQL; received %q", c.Dialect)
	case c.Demographics != nil && c.Demographics.Tracer == nil:
		return nil, errors.New("publisher: Config.Demographics has no Tracer")
	}
	c.setDefaults()
	if c.Lease <= c.Timeout {
		return nil, errors.New("publisher: Config.Lease is longer than Timeout, so that no two senders have one message")
	}
	return &Outbox{Config: c, wake: make(chan struct{}, 1)}, nil
}

func (c *Config) setDefaults() {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.Timeout, 30 * time.Second}, {&c.Lease, 2 * time.Minute}, {&c.FirstPause, time.Second}, {&c.MostPause, 5 * time.Minute}, {&c.Poll, time.Second}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if c.Senders <= 0 {
		c.Senders = 4
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Refused == nil {
		c.Refused = func(context.Context, Refusal) {}
	}
	if c.HeldBack == nil {
		c.HeldBack = func(context.Context, Refusal) {}
	}
}

// Migrate makes the tables, where they are not there yet.
func (o *Outbox) Migrate(ctx context.Context) error {
	if _, err := o.DB.ExecContext(ctx, Schema(o.Dialect)); err != nil {
		return fmt.Errorf("publisher: making the tables: %w", err)
	}
	return nil
}

// Wake tells Run that something may have been added: call it after the commit. Without it
// Run finds the message within Config.Poll.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// now is the time in milliseconds since 1970, as the tables have it.
func (o *Outbox) now() int64 { return o.Now().UnixMilli() }

// newClaim names a claim.
func newClaim() string { return rand.Text() }
