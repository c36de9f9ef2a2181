package play

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nems/internal/operator"
)

// Clock is the clock of the service.
type Clock interface {
	// ShowClock returns what it shows, or an error if it cannot be set.
	ShowClock(ctx context.Context) (operator.ClockState, error)
	SetClock(ctx context.Context, s operator.ClockSetting) (operator.ClockState, error)
}

// Demographics keeps the records of patients. An error that is a *Refusal says that
// repeating the request is of no use; after any other it may have been done or not,
// and is repeated with the same id.
type Demographics interface {
	// LoadRecords keeps the records of patients who have none.
	LoadRecords(ctx context.Context, all []operator.LoadedRecord) error
	ChangeRecord(ctx context.Context, c operator.RecordChange) (operator.RecordChanged, error)
	NotifyBirth(ctx context.Context, b operator.BirthToNotify) (operator.RecordChanged, error)
}

// Publisher publishes messages of an event type. The idempotency key makes repeating
// safe; "" means none. Errors are as for Demographics.
type Publisher interface {
	Publish(ctx context.Context, event string, message []byte, key string) error
}

// Counter counts the copies of events.
type Counter interface {
	// Accepted is how many events the service has.
	Accepted(ctx context.Context) (int64, error)
	// Copies returns by event type how many copies there are of the events with these
	// MessageHeader.ids, each of which the service has accepted so many times.
	Copies(ctx context.Context, ids map[string]int) (map[string]int64, error)
}

// Service is all of it.
type Service struct {
	Clock
	Demographics
	Counter
	Provider Publisher // for the messages of providers
	Spine    Publisher // for those of demographics that were recorded
}

// Refusal is an error that repeating does not help.
type Refusal struct{ Err error }

func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns what was said.
func (r *Refusal) Unwrap() error { return r.Err }

// Options say how to play.
type Options struct {
	Seed   uint64
	Faults Faults
	// Speed is how much faster than the clock on the wall; 0 means as fast as possible.
	Speed float64
	// From is the first step, counted from 1; 0 means the first. Until is the moment
	// before which everything happens; zero means all.
	From  int
	Until time.Time
	// KeepGoing goes on after a refusal.
	KeepGoing bool
	// Back lets the service's clock go back to the beginning although it has events.
	Back bool
	// Progress is told before each step; nil if nobody looks.
	Progress func(step, steps int, at time.Time)
	// Refused is told what was refused, with KeepGoing.
	Refused func(error)
	// Pause waits; nil means real waiting.
	Pause func(ctx context.Context, d time.Duration) error
}

// StopError says at which step the play stopped, and how to go on.
type StopError struct {
	Step, Steps int
	Place       string // in the scenario, "" if nowhere
	Deed        string
	At          time.Time
	Err         error
}

func (e *StopError) Error() string {
	where := ""
	if e.Place != "" {
		where = e.Place + ": "
	}
	what := fmt.Sprintf("%sstep %d of %d (%s, %s): %s", where, e.Step, e.Steps, e.Deed, e.At.UTC().Format(time.RFC3339), e.Err)
	if errors.Is(e.Err, context.Canceled) {
		return fmt.Sprintf("stopped before step %d of %d; the same command with --from %d goes on", e.Step, e.Steps, e.Step)
	}
	return what + fmt.Sprintf("\nThe same command with --from %d tries it again, with --from %d leaves it out; --keep-going would have gone on.", e.Step, e.Step+1)
}

// Unwrap returns what stopped it.
func (e *StopError) Unwrap() error { return e.Err }

// Play lets everything happen. The summary tells of what was done, also beside an
// error. If a step fails, it is a *StopError, and the service's clock stands at that
// moment. At the end the clock runs on from the last one.
func (p *Plan) Play(ctx context.Context, s Service, o Options) (*Summary, error) {
	if o.Pause == nil {
		o.Pause = pause
	}
	all, faults := o.Faults.steps(p.acts, o.Seed)
	r := &run{Service: s, Options: o, plan: p, sum: newSummary(p, o, all, faults)}
	from := max(o.From, 1)
	if from > len(all) {
		return r.sum, fmt.Errorf("--from: there are %d steps; received %d", len(all), o.From)
	}
	if err := r.begin(ctx, from, all); err != nil {
		return r.sum, err
	}
	err := r.steps(ctx, from, all)
	return r.sum, errors.Join(err, r.end(context.WithoutCancel(ctx), err == nil))
}

// run is one play.
type run struct {
	Service
	Options
	plan *Plan
	sum  *Summary
	now  time.Time // what the service's clock shows
	// counted is until when copies were counted.
	counted time.Time
}

// begin sets the clock to the beginning and loads the records.
func (r *run) begin(ctx context.Context, from int, all []step) error {
	state, err := r.ShowClock(ctx)
	if err != nil {
		return fmt.Errorf("a play sets the clock of a service that runs with --dev: %w", err)
	}
	r.now = state.Now
	start := r.plan.Start
	if from > 1 {
		start = all[from-1].at
	}
	back := r.Back
	if start.Before(state.Now) && !back {
		accepted, err := r.Accepted(ctx)
		if err != nil {
			return err
		}
		if back = accepted == 0; !back {
			return fmt.Errorf("the service's clock shows %s, and the play begins at %s: the service has %d events, and a clock that goes back confuses whoever looks at them. "+
				"Begin with an empty data folder, or set it back with --back", state.Now.UTC().Format(time.RFC3339), start.UTC().Format(time.RFC3339), accepted)
		}
	}
	if _, err := r.SetClock(ctx, operator.ClockSetting{To: start, Speed: new(0.0), Back: back}); err != nil {
		return err
	}
	r.now, r.counted = start, start
	return r.LoadRecords(ctx, r.plan.Load)
}

func (r *run) steps(ctx context.Context, from int, all []step) error {
	for i := from - 1; i < len(all); i++ {
		s := &all[i]
		if !r.Until.IsZero() && !s.at.Before(r.Until) {
			r.sum.Next = i + 1
			return r.reach(ctx, r.Until)
		}
		if r.Progress != nil {
			r.Progress(i+1, len(all), s.at)
		}
		err := ctx.Err()
		if err == nil && s.at.Sub(r.counted) > counting {
			err = r.count(ctx)
			r.counted = s.at
		}
		if err == nil {
			err = r.reach(ctx, s.at)
		}
		if err == nil {
			err = r.do(ctx, s)
		}
		if err == nil {
			r.sum.Done, r.sum.Until = r.sum.Done+1, s.at.UTC()
			continue
		}
		stop := &StopError{Step: i + 1, Steps: len(all), Place: s.act.place, Deed: s.act.deed, At: s.at, Err: err}
		var refused *Refusal
		if !r.KeepGoing || !errors.As(err, &refused) {
			r.sum.Next = i + 1
			return stop
		}
		if r.Refused != nil {
			r.Refused(stop)
		}
	}
	return nil
}

// tick is how often the service's clock is set while time passes.
const tick = 100 * time.Millisecond

// reach lets time pass until a moment. The service's clock is stopped in between, and
// is set to each moment exactly, so that what the service dates is the same in every
// run.
func (r *run) reach(ctx context.Context, at time.Time) error {
	for r.Speed > 0 && r.now.Before(at) {
		left := time.Duration(float64(at.Sub(r.now)) / r.Speed)
		if err := r.Pause(ctx, min(left, tick)); err != nil {
			return err
		}
		if left <= tick {
			break
		}
		if err := r.set(ctx, r.now.Add(time.Duration(float64(tick)*r.Speed))); err != nil {
			return err
		}
	}
	return r.set(ctx, at)
}

func (r *run) set(ctx context.Context, at time.Time) error {
	if !at.After(r.now) {
		return nil
	}
	if _, err := r.SetClock(ctx, operator.ClockSetting{To: at}); err != nil {
		return err
	}
	r.now = at
	return nil
}

// counting is how often copies are counted: before the service removes events for
// their age.
const counting = 7 * 24 * time.Hour

// count counts the copies of what was accepted since the last count.
func (r *run) count(ctx context.Context) error {
	copies, err := r.Copies(ctx, r.sum.ids)
	if err == nil {
		r.sum.count(copies)
	}
	return err
}

// end counts the copies, and lets the clock run on.
func (r *run) end(ctx context.Context, whole bool) error {
	if err := r.count(ctx); err != nil || !whole {
		return err
	}
	_, err := r.SetClock(ctx, operator.ClockSetting{Speed: new(1.0)})
	return err
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
