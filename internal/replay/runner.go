package replay

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"nems/internal/audit"
	"nems/internal/crashpoint"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Queue hands out replays to work on. A claim is exclusive across nodes until it
// lapses by the store's clock. Safe for concurrent use.
type Queue interface {
	Pages
	// ClaimReplays claims up to max replays that are not over, not paused and
	// nobody's.
	ClaimReplays(ctx context.Context, owner string, lease time.Duration, max int) ([]store.Replay, error)
	// Replayed does a step in one transaction: copies and cursor move together. It
	// prolongs the claim, with a lease of 0 it gives it back. Only what the target had
	// and does not have now is given to it; the rest counts as passed. It returns the
	// replay as it is then, and store.ErrClaimLost, having done nothing, when
	// somebody else has it or has changed it.
	Replayed(ctx context.Context, r store.Replay, s store.ReplayStep, lease time.Duration) (store.Replay, error)
	// MostReplayed is how many copies a step moves at most, so that publishes do not
	// wait for it.
	MostReplayed() int
	// Subscription is broker.Journal's, EventMessage broker.Backlog's.
	Subscription(ctx context.Context, id subscription.ID) (subscription.Subscription, error)
	EventMessage(ctx context.Context, event store.EventID) ([]byte, error)
}

// Config is what a Runner needs; all of it but Log is required.
type Config struct {
	Queue Queue
	// Flagged reports whether the patient of an event is flagged today.
	Flagged func(ctx context.Context, e store.Event) (bool, error)
	// Owner names this process among those that share the store.
	Owner string
	Now   func() time.Time // the clock of business time
	Log   *slog.Logger

	Parallel int           // replays at a time
	Lease    time.Duration // of a claim
	Poll     time.Duration // between looks for work
}

// Runner does replays. New starts nothing; Run does the work.
type Runner struct {
	Config
	mu     sync.Mutex
	latest map[string]*latest // of replays that this node is or was busy with
}

// New returns a Runner.
func New(c Config) *Runner {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Runner{Config: c, latest: map[string]*latest{}}
}

// Run works until ctx ends and returns when everything that it started has ended.
func (r *Runner) Run(ctx context.Context) {
	var busy sync.WaitGroup
	defer busy.Wait()
	slots := make(chan struct{}, r.Parallel)
	tick := time.NewTicker(r.Poll)
	defer tick.Stop()
	for {
		all, err := r.Queue.ClaimReplays(ctx, r.Owner, r.Lease, r.Parallel-len(slots))
		if err != nil && ctx.Err() == nil {
			r.Log.Warn("claiming replays", "error", err)
		}
		for _, rep := range all {
			slots <- struct{}{}
			busy.Go(func() {
				r.work(ctx, rep)
				<-slots
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// work does a replay until it is over, taken away, or ctx ends.
func (r *Runner) work(ctx context.Context, rep store.Replay) {
	due := time.Now()
	for {
		next, err := r.step(ctx, rep)
		switch {
		case errors.Is(err, store.ErrClaimLost):
			return
		case ctx.Err() != nil:
			r.release(ctx, rep, 0)
			return
		case err != nil:
			r.Log.Warn("a replay waits", "replay", rep.ID, "error", err)
			r.release(ctx, rep, r.Poll)
			return
		case next.State.Over():
			r.forget(rep.ID)
			r.Log.Info("a replay is over", "replay", next.ID, "state", next.State, "sent", next.Counts.Sent, "of", next.Counts.Of)
			return
		}
		due = later(due, next.Counts.Sent-rep.Counts.Sent, next.Rate)
		rep = next
		if !wait(ctx, time.Until(due)) {
			r.release(ctx, rep, 0)
			return
		}
	}
}

// later is when so many copies may be followed by more. Time that was lost is not
// made up for by a flood.
func later(due time.Time, sent int64, rate int) time.Time {
	if earliest := time.Now().Add(-time.Second); due.Before(earliest) {
		due = earliest
	}
	return due.Add(time.Duration(sent) * time.Second / time.Duration(rate))
}

// wait waits, or reports that ctx has ended.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// release gives a claim back after a while.
func (r *Runner) release(ctx context.Context, rep store.Replay, after time.Duration) {
	_, err := r.Queue.Replayed(context.WithoutCancel(ctx), rep, store.ReplayStep{Cursor: rep.Cursor}, after)
	if err != nil && !errors.Is(err, store.ErrClaimLost) {
		r.Log.Warn("releasing a replay", "replay", rep.ID, "error", err)
	}
}

func (r *Runner) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.latest, id)
}

// step does the next thing that a replay needs.
func (r *Runner) step(ctx context.Context, rep store.Replay) (store.Replay, error) {
	if rep.State == store.ReplayCancelling {
		return r.end(ctx, rep, store.ReplayStep{Cursor: rep.Cursor, State: store.ReplayCancelled})
	}
	s, err := r.Queue.Subscription(ctx, rep.Subscription)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return r.fail(ctx, rep, "the subscription was deleted")
	case err != nil:
		return rep, err
	case s.Suspended:
		return r.fail(ctx, rep, s.Error)
	case s.Status != subscription.Active:
		return r.fail(ctx, rep, "the subscription has ended")
	}
	if rep.State == store.ReplayStarting {
		return r.begin(ctx, rep)
	}
	var only *latest
	if rep.Mode == store.ReplayLatest {
		if only, rep, err = r.latestOf(ctx, rep); errors.Is(err, errTooMany) {
			return r.fail(ctx, rep, err.Error())
		}
		if err != nil {
			return rep, err
		}
	}
	return r.advance(ctx, rep, only)
}

// begin counts what there is to be looked at.
func (r *Runner) begin(ctx context.Context, rep store.Replay) (store.Replay, error) {
	counts, alive := store.ReplayCounts{}, r.pulse(ctx, &rep)
	err := walk(ctx, r.Queue, rep, func(store.ReplayCopy) error { counts.Of++; return alive() })
	if err != nil {
		return rep, err
	}
	return r.Queue.Replayed(ctx, rep, store.ReplayStep{Cursor: rep.Cursor, Counts: counts, State: store.ReplayRunning}, r.Lease)
}

// pulse returns a function that keeps a claim while something long is done.
func (r *Runner) pulse(ctx context.Context, rep *store.Replay) func() error {
	last := time.Now()
	return func() error {
		if time.Since(last) < r.Lease/4 {
			return nil
		}
		last = time.Now()
		next, err := r.Queue.Replayed(ctx, *rep, store.ReplayStep{Cursor: rep.Cursor}, r.Lease)
		if err == nil {
			*rep = next
		}
		return err
	}
}

// latestOf is what a replay of the latest keeps, found once for each node.
func (r *Runner) latestOf(ctx context.Context, rep store.Replay) (*latest, store.Replay, error) {
	r.mu.Lock()
	found := r.latest[rep.ID]
	r.mu.Unlock()
	if found != nil {
		return found, rep, nil
	}
	found, err := r.findLatest(ctx, rep, r.pulse(ctx, &rep))
	if err != nil {
		return nil, rep, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.latest) >= 2*r.Parallel { // of replays that were paused or taken over
		for id := range r.latest {
			delete(r.latest, id)
			break
		}
	}
	r.latest[rep.ID] = found
	return found, rep, nil
}

// stepsASecond is how many steps there are in a second at least, so that a replay is
// even, where Queue.MostReplayed does not ask for more.
const stepsASecond = 20

// advance judges the next copies and gives them again.
func (r *Runner) advance(ctx context.Context, rep store.Replay, only *latest) (store.Replay, error) {
	page, err := r.Queue.ReplayPage(ctx, rep, min(max(1, rep.Rate/stepsASecond), r.Queue.MostReplayed()))
	if err != nil {
		return rep, err
	}
	flagged := map[nhs.NHSNumber]bool{}                                      // whom this step has asked for
	step, alive := store.ReplayStep{Cursor: page.Cursor}, r.pulse(ctx, &rep) // a directory elsewhere may take long
	for _, c := range page.Copies {
		passed := passes(&rep, &c)
		if passed == nil && only != nil && !only.keep[c.Event] {
			passed = &store.ReplayCounts{Passed: 1}
		}
		if passed == nil {
			if passed, err = r.judge(ctx, c, flagged); err == nil {
				err = alive()
			}
			if err != nil {
				return rep, err
			}
		}
		if passed != nil {
			step.Counts.Add(*passed)
			continue
		}
		c.Anew = c.Anew || rep.Target != rep.Source
		step.Move = append(step.Move, c)
	}
	crashpoint.Hit(crashpoint.ReplayStep)
	if page.End {
		step.State = store.ReplayCompleted
		return r.end(ctx, rep, step)
	}
	return r.Queue.Replayed(ctx, rep, step, r.Lease)
}

// judge withholds a copy whose patient is flagged today.
func (r *Runner) judge(ctx context.Context, c store.ReplayCopy, known map[nhs.NHSNumber]bool) (*store.ReplayCounts, error) {
	e := store.Event{Patient: c.Patient}
	if e.Patient == nil {
		var err error
		if e.Message, err = r.Queue.EventMessage(ctx, c.Event); errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDamaged) {
			return &store.ReplayCounts{Expired: 1}, nil
		} else if err != nil {
			return nil, err
		}
	} else if withheld, asked := known[*e.Patient]; asked {
		return withholding(withheld), nil
	}
	withheld, err := r.Flagged(ctx, e)
	if err == nil && e.Patient != nil {
		known[*e.Patient] = withheld
	}
	return withholding(withheld), err
}

func withholding(withheld bool) *store.ReplayCounts {
	if withheld {
		return &store.ReplayCounts{Withheld: 1}
	}
	return nil
}

func (r *Runner) fail(ctx context.Context, rep store.Replay, why string) (store.Replay, error) {
	return r.end(ctx, rep, store.ReplayStep{Cursor: rep.Cursor, State: store.ReplayFailed, Reason: why})
}

// end is the last step, with its audit entry.
func (r *Runner) end(ctx context.Context, rep store.Replay, step store.ReplayStep) (store.Replay, error) {
	step.At = r.Now().UTC()
	step.Entry = &audit.Entry{At: step.At, Action: audit.ActionEndReplay, Object: rep.ID, ODS: rep.ODS}
	return r.Queue.Replayed(ctx, rep, step, r.Lease)
}
