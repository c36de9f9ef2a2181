// Package pds asks the NHS Personal Demographics Service for patients, through
// its FHIR API (R4) with application-restricted access. Its knowledge of PDS
// comes from the specification in NHSDigital/personal-demographics-service-api
// and from the NHS's page "Application-restricted RESTful APIs - signed JWT
// authentication".
//
// Data of a patient leaves this package only in a directory.Patient. Errors and
// log lines are composed of a closed set of words, a request's random id and an
// HTTP status, never of what PDS or the network said.
package pds

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"nems/internal/directory"
	"nems/internal/nhs"
)

var _ directory.Patients = (*Client)(nil)

// Client is a directory.Patients over PDS. Safe for concurrent use.
//
// It accepts only three answers: a patient's record, PDS's own statement that
// there is none, and PDS's own statement that the record was invalidated.
// Everything else is directory.ErrAway.
type Client struct {
	Config
	base    string
	http    *http.Client
	tokens  *tokens
	cache   *cache
	flights singleflight.Group
	limiter *rate.Limiter
	slots   chan struct{}
	breaker *gobreaker.CircuitBreaker[record]
	rest    atomic.Int64 // Unix nanoseconds until which PDS must not be asked (Retry-After)

	mu     sync.Mutex // guards closed, and additions to wg
	closed bool
	wg     sync.WaitGroup // look-ups in progress
	ctx    context.Context
	cancel context.CancelFunc
}

// New returns a Client. It starts nothing and makes no request. It fails only
// when the configuration cannot be used.
func New(config Config) (*Client, error) {
	config.setDefaults()
	base, err := config.check()
	if err != nil {
		return nil, fmt.Errorf("pds: %w", err)
	}
	c := &Client{
		Config: config, base: base, http: config.client(), cache: newCache(config.Size),
		limiter: rate.NewLimiter(rate.Limit(config.Rate), config.Burst),
		slots:   make(chan struct{}, config.Concurrency),
	}
	if c.tokens, err = newTokens(&c.Config, c.http); err != nil {
		return nil, fmt.Errorf("pds: %w", err)
	}
	c.breaker = gobreaker.NewCircuitBreaker[record](gobreaker.Settings{
		Name: "PDS", MaxRequests: 1, Timeout: c.Rest,
		ReadyToTrip:  func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= c.Trip },
		IsSuccessful: func(err error) bool { return err == nil || errors.Is(err, directory.ErrNotFound) },
		IsExcluded:   blameless,
		OnStateChange: func(_ string, from, to gobreaker.State) {
			c.Log.Warn("patient directory", "breaker", to.String(), "was", from.String())
		},
	})
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Close cancels the look-ups in progress, waits for them and closes idle
// connections. Later look-ups are answered with directory.ErrAway.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
	c.http.CloseIdleConnections()
}

// Patient implements directory.Patients. Callers that ask for the same patient
// at the same time share one look-up, which goes on for Config.Wait whether or
// not they wait for it. A caller whose deadline passes gets directory.ErrAway.
// A caller whose context is cancelled gets the context's error.
func (c *Client) Patient(ctx context.Context, n nhs.NHSNumber) (directory.Patient, error) {
	if n.IsZero() {
		return directory.Patient{}, directory.ErrNotFound
	}
	if a, found := c.cache.get(n, c.Now()); found {
		c.Observe(Cached, 0)
		return a.give()
	}
	if err := gaveUp(ctx); err != nil {
		return directory.Patient{}, err
	}
	answers := c.flights.DoChan(n.Digits(), func() (any, error) { return c.lookUp(n) })
	select {
	case <-ctx.Done():
		return directory.Patient{}, gaveUp(ctx)
	case got := <-answers:
		if got.Err != nil {
			return directory.Patient{}, got.Err
		}
		return got.Val.(answer).give()
	}
}

// Forget drops what is cached about a patient, because a change of the record
// was reported. The next look-up asks PDS. Answers that are on their way to the
// cache are not kept either.
func (c *Client) Forget(n nhs.NHSNumber) {
	c.flights.Forget(n.Digits())
	c.cache.forget(n)
}

// gaveUp returns the error for a caller that no longer waits; nil while it
// waits.
func gaveUp(ctx context.Context) error {
	err := ctx.Err()
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", directory.ErrAway, err)
	}
	return err
}

// begin counts a new look-up, unless the client is closed.
func (c *Client) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.wg.Add(1)
	return true
}

// setDefaults sets the fields that were left zero.
func (c *Config) setDefaults() {
	set(&c.Size, 10_000)
	set(&c.TTL, time.Minute)
	set(&c.NegativeTTL, 10*time.Second)
	set(&c.Rate, 5)
	set(&c.Burst, max(1, int(c.Rate)))
	set(&c.Concurrency, 8)
	set(&c.Timeout, 5*time.Second)
	set(&c.Wait, 10*time.Second)
	set(&c.Trip, 5)
	set(&c.Rest, 15*time.Second)
	set(&c.Log, slog.New(slog.DiscardHandler))
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Observe == nil {
		c.Observe = func(Outcome, time.Duration) {}
	}
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
