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

// lookUp asks PDS and remembers what it says. An answer's age counts from the
// moment before the request: what PDS says may have been true no longer than
// that.
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

// complain logs what an operator may have to see to. That the breaker is open
// was said when it opened.
func (c *Client) complain(q query, err error) {
	var f *failure
	if errors.As(err, &f) && f.outcome != Resting && f.outcome != Closed && f.outcome != Busy {
		c.Log.Warn("patient directory", "outcome", string(f.outcome), "error", f.Error(), "correlation", q.correlation)
	}
}

// settle makes a patient of the record. PDS answers a superseded number with
// the record that supersedes it, and says so only by its id: the same as an
// answer that was meant for somebody else looks. So it is believed when a
// second request is answered alike.
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

// twice makes the request again, a random moment later, if its first attempt
// broke in a way that may have passed already.
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
		return r, err // why there was no second attempt says less
	}
	return again, errAgain
}

// once makes a request when its turn has come, unless PDS is known to be away.
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

// errResting answers while PDS is left alone.
var errResting error = &failure{outcome: Resting, text: "it is away and is left alone for a while"}

// away tells, without asking, that PDS would not answer now.
func (c *Client) away() error {
	// A rest that is longer than any was asked for by a clock that has been put back.
	rest := time.Duration(c.rest.Load() - c.Now().UnixNano())
	if c.breaker.State() == gobreaker.StateOpen || rest > 0 && rest <= maxRetryAfter {
		return errResting
	}
	return nil
}

// turn waits for the next request that the rate allows. It does not wait in
// vain: when that would be too late it fails at once.
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

// leaveAlone obeys a Retry-After.
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
