package play

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nems/internal/operator"
)

// attempts is how often something is sent that the service may take later.
const attempts = 6

// The faults of the connection.
var (
	errDown = errors.New("the service answers 503 (a fault of --faults)")
	errLost = errors.New("the answer was lost (a fault of --faults)")
)

// do sends a step until the service has it.
func (r *run) do(ctx context.Context, s *step) error {
	var err error
	for attempt := range attempts {
		if attempt > 0 {
			r.sum.Retries++
			if !errors.Is(err, errDown) && !errors.Is(err, errLost) { // those pass at once
				if err := r.Pause(ctx, 50*time.Millisecond<<attempt); err != nil {
					return err
				}
			}
		}
		err = r.faulty(ctx, s, attempt)
		var refused *Refusal
		switch {
		case err == nil && s.corrupt:
			return &Refusal{errors.New("the service has accepted a message that was broken on purpose")}
		case errors.As(err, &refused) && s.corrupt:
			return nil
		case err == nil, errors.As(err, &refused), ctx.Err() != nil:
			if refused != nil {
				r.sum.refused(s)
			}
			return err
		}
	}
	return fmt.Errorf("after %d attempts: %w", attempts, err)
}

// faulty sends a step over a connection that has the step's faults at the first
// attempts.
func (r *run) faulty(ctx context.Context, s *step, attempt int) error {
	if s.down && attempt == 0 {
		return errDown
	}
	done, err := r.send(ctx, s)
	if err != nil {
		return err
	}
	first := 0
	if s.down {
		first = 1
	}
	if s.lost && attempt == first {
		return errLost
	}
	r.sum.accepted(s, done)
	return nil
}

// send sends a step once. Of a message nothing is known but that it was accepted.
func (r *run) send(ctx context.Context, s *step) (done operator.RecordChanged, err error) {
	switch a := s.act; {
	case a.message != nil && a.spine:
		return done, r.Spine.Publish(ctx, a.event, s.body, s.key)
	case a.message != nil:
		return done, r.Provider.Publish(ctx, a.event, s.body, s.key)
	case a.change.birth != nil:
		return r.NotifyBirth(ctx, *a.change.birth)
	default:
		return r.ChangeRecord(ctx, *a.change.record)
	}
}
