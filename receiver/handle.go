package receiver

import (
	"context"
	"errors"
	"time"
)

// hand returns a message to the Handler until it succeeds or counts as poison.
func (r *round) hand(ctx context.Context, m Message) error {
	begun, err := r.config.Memory.Attempts(m.Key)
	if err != nil {
		return remembered(err)
	}
	failure := ErrNotReturned // applies when earlier processes used up all attempts
	for m.Attempt = begun + 1; m.Attempt <= r.config.Attempts; m.Attempt++ {
		if err := r.config.Memory.Attempt(m.Key, m.Attempt); err != nil {
			return remembered(err)
		}
		failure = r.call(ctx, m)
		if failure == nil {
			return r.finish(ctx, m, Handled, nil)
		}
		if errors.Is(failure, ErrIgnored) {
			return r.finish(ctx, m, Ignored, failure)
		}
		if ctx.Err() != nil { // we were told to stop, so that attempt proves nothing
			return errors.Join(ctx.Err(), remembered(r.config.Memory.Attempt(m.Key, m.Attempt-1)))
		}
		r.config.Logger.Warn("the handler failed", "message", m, "attempt", m.Attempt, "error", failure)
		if errors.Is(failure, ErrPermanent) || m.Attempt == r.config.Attempts {
			break
		}
		if err := r.config.Wait(ctx, r.backoff(m.Attempt)); err != nil {
			return err
		}
	}
	m.Attempt = min(m.Attempt, r.config.Attempts)
	return r.poison(ctx, m, failure)
}

func (r *Receiver) backoff(attempt int) time.Duration {
	d := r.config.Backoff
	for range min(attempt-1, 30) {
		if d *= 2; d >= longestWait {
			return longestWait
		}
	}
	return d
}

// poison sets a message aside, unless the messages before it failed as well:
// then the message is not the cause. A message that stays gets all its attempts
// again.
func (r *round) poison(ctx context.Context, m Message, failure error) error {
	if r.config.SetAside != "" && (r.failures < inARow-1 || itsOwn(failure)) {
		err := setAside(r.config.SetAside, m, failure, r.config.Now())
		if err == nil {
			if !itsOwn(failure) {
				r.failures++
			}
			return r.finish(ctx, m, Aside, failure)
		}
		failure = errors.Join(failure, err)
	}
	again := remembered(r.config.Memory.Attempt(m.Key, 0))
	return errors.Join(again, r.leave(m, failure, heldFor))
}

// call gives one message to the Handler. The Handler's context outlives ctx by
// the grace period.
func (r *round) call(ctx context.Context, m Message) error {
	late, cancel := r.linger(ctx)
	defer cancel()
	return r.handler(late, m)
}

// linger returns a context that ends the grace period after ctx ends. Its
// cancel function returns when the goroutine has ended.
func (r *Receiver) linger(ctx context.Context) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-late.Done():
			return
		case <-ctx.Done():
		}
		// An error of Wait would only say that late has ended, so it is not needed.
		_ = r.config.Wait(late, r.config.Grace)
		cancel()
	}()
	return late, func() {
		cancel()
		<-done
	}
}
