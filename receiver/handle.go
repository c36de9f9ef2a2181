package receiver

import (
	"context"
	"errors"
	"time"
)

// hand gives a message to the Handler until it succeeds or is poison.
func (r *round) hand(ctx context.Context, m Message) error {
	begun, err := r.config.Memory.Attempts(m.Key)
	if err != nil {
		return remembered(err)
	}
	failure := ErrNotReturned // of the attempts of processes before this one
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
		if ctx.Err() != nil { // told to stop: that attempt proves nothing
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
// then it is not this one's fault. A message that stays gets all its attempts
// anew.
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

// call gives one message to the Handler, whose context outlives ctx by the
// grace period.
func (r *round) call(ctx context.Context, m Message) error {
	late, cancel := r.linger(ctx)
	defer cancel()
	return r.handler(late, m)
}

// linger returns a context that ends the grace period after ctx does. Its
// cancel returns when nothing of it is left running.
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
		// The error would say that late has ended, which is what follows.
		_ = r.config.Wait(late, r.config.Grace)
		cancel()
	}()
	return late, func() {
		cancel()
		<-done
	}
}
