package pds

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/sony/gobreaker/v2"

	"nems/internal/directory"
	"nems/internal/nhs"
)

// lookUp asks PDS and caches the answer. The answer's age counts from the
// moment before the request, because the answer may have been true no longer
// than that.
func (c *Client) lookUp(n nhs.NHSNumber) (answer, error) {
	if !c.begin() {
		return answer{}, &failure{outcome: Closed, text: "the client is closed"}
	}
	defer c.wg.Done()
	ctx, cancel := context.WithTimeout(c.ctx, c.Wait)
	defer cancel()
	asked, began, state := c.Now(), time.Now(), c.cache.state()
	q := query{number: n, correlation: uuid.NewString()}
	a, err := c.settle(ctx, q)
	switch {
	case err != nil:
		c.complain(q, err)
	case a.absent:
		c.cache.put(n, a, asked, c.NegativeTTL, state)
	default:
		c.cache.put(n, a, asked, c.TTL, state)
	}
	c.Observe(outcomeOf(a, err), time.Since(began))
	return a, err
}

// complain logs failures that an operator may have to act on. An open breaker
// was already logged when it opened.
func (c *Client) complain(q query, err error) {
	var f *failure
	if errors.As(err, &f) && f.outcome != Resting && f.outcome != Closed && f.outcome != Busy {
		c.Log.Warn("patient directory", "outcome", string(f.outcome), "error", f.Error(), "correlation", q.correlation)
	}
}

// settle converts the record to a patient. PDS answers a superseded number with
// the record that supersedes it, and only the record's id shows that. An answer
// meant for somebody else looks the same. So another id is believed only if a
// second request returns the same one.
func (c *Client) settle(ctx context.Context, q query) (answer, error) {
	r, err := c.twice(ctx, q)
	if err == nil && !r.invalidated && r.id != q.number {
		first := r.id
		r, err = c.twice(ctx, q)
		if err == nil && (r.invalidated || r.id != first) {
			err = &failure{outcome: Unreadable, text: "it answered with another patient"}
		}
	}
	if errors.Is(err, directory.ErrNotFound) {
		return answer{absent: true}, nil
	}
	if err != nil {
		return answer{}, err
	}
	return answer{patient: r.patient(q.number, c.Now())}, nil
}

// twice makes the request again, a random moment later, if the first attempt
// failed in a way that may have passed already.
func (c *Client) twice(ctx context.Context, q query) (record, error) {
	r, err := c.once(ctx, q)
	var f *failure
	if !errors.As(err, &f) || !f.again {
		return r, err
	}
	pause := time.NewTimer(50*time.Millisecond + rand.N(200*time.Millisecond))
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return r, err
	case <-pause.C:
	}
	again, errAgain := c.once(ctx, q)
	if errors.As(errAgain, &f) && f.outcome == Resting {
		return r, err // the first error says more than why there was no second attempt
	}
	return again, errAgain
}

// once makes a request when it gets its turn, unless PDS is known to be away.
func (c *Client) once(ctx context.Context, q query) (record, error) {
	if err := c.away(); err != nil {
		return record{}, err
	}
	if err := c.turn(ctx); err != nil {
		return record{}, err
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return record{}, c.noTurn(ctx)
	}
	if err := c.away(); err != nil {
		return record{}, err
	}
	r, err := c.breaker.Execute(func() (record, error) { return c.authorised(ctx, q) })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		err = errResting
	}
	return r, err
}

// errResting is the answer while PDS is not asked.
var errResting error = &failure{outcome: Resting, text: "it is unavailable and is not asked for a while"}

// away returns an error if PDS is known not to answer now.
func (c *Client) away() error {
	// A rest longer than the maximum was recorded by a clock that has since been set back.
	rest := time.Duration(c.rest.Load() - c.Now().UnixNano())
	if c.breaker.State() == gobreaker.StateOpen || rest > 0 && rest <= maxRetryAfter {
		return errResting
	}
	return nil
}

// turn waits for the next request that the rate allows. If that would come too
// late, it fails at once instead of waiting.
func (c *Client) turn(ctx context.Context) error {
	if err := c.limiter.Wait(ctx); err != nil {
		return c.noTurn(ctx)
	}
	return nil
}

func (c *Client) noTurn(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &failure{outcome: Closed, text: "the look-up was ended"}
	}
	return &failure{outcome: Busy, text: "more patients are asked for than its rate allows"}
}

// leaveAlone stops requests for the time of a Retry-After.
func (c *Client) leaveAlone(d time.Duration) {
	until := c.Now().Add(d).UnixNano()
	for {
		rest := c.rest.Load()
		longer := rest >= until && time.Duration(rest-until) < maxRetryAfter
		if longer || c.rest.CompareAndSwap(rest, until) {
			return
		}
	}
}
