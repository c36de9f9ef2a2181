package assure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Driver asks for what a step needs to be done: of a person, of a command, or of a
// system in the same process.
type Driver interface {
	// Do returns when the system under test has done what the step asks, or an error:
	// ErrSkipped if the step is to be left out, ErrEnded if the run is to end. ctx ends
	// when what was waited for has come, or the time is up: then nobody needs to be asked
	// any more. A command or a system that is still at work ends its work first.
	Do(ctx context.Context, s *Step) error
	// Confirm answers the step's question; nil if nobody can.
	Confirm(ctx context.Context, s *Step) (*bool, error)
}

// What a Driver says.
var (
	ErrSkipped = errors.New("skipped")
	ErrEnded   = errors.New("ended")
)

// Options say how a run is done.
type Options struct {
	Plan     *Plan
	Declared Declared
	Driver   Driver
	// Wait is how long a step waits for its messages at most. Linger is how long the door
	// watches after a step's last message for what should not come; while requests come, it
	// goes on.
	Wait, Linger time.Duration
	// Only are the ids of steps, or of templates, that are done; empty means all.
	Only []string
	// Program is the version of this program, for the report.
	Program string
	// Reports is a file with reports of a subscribing system, in lines; "" for none.
	Reports string
	// Progress is told before and after each step; nil if nobody looks.
	Progress func(n, of int, s *Step, done *StepResult)
}

// Run is one run of a plan.
type Run struct {
	Options
	Service *Service

	started time.Time
	results []*StepResult
	last    map[string]*Exchange // the last message of each step
	sent    map[string][]Sent    // what each step gave to a subscriber
}

// Execute puts the declared system through the plan.
func Execute(ctx context.Context, s *Service, o Options) (*Report, error) {
	steps, err := o.Plan.expand(o.Declared, s.Types, s.URL)
	if err != nil {
		return nil, err
	}
	if steps, err = chosen(steps, o.Only); err != nil {
		return nil, err
	}
	r := &Run{Options: o, Service: s, started: s.Now(), last: map[string]*Exchange{}, sent: map[string][]Sent{}}
	for i, step := range steps {
		if r.Progress != nil {
			r.Progress(i+1, len(steps), step, nil)
		}
		done, err := r.step(ctx, step)
		if done != nil {
			r.results = append(r.results, done)
		}
		if errors.Is(err, ErrEnded) || ctx.Err() != nil {
			r.rest(steps[i+1:])
			break
		}
		if err != nil {
			return nil, fmt.Errorf("step %s: %w", step.ID, err)
		}
		if r.Progress != nil {
			r.Progress(i+1, len(steps), step, done)
		}
	}
	return r.report(), nil
}

// chosen keeps the steps that are to be done.
func chosen(steps []*Step, only []string) (kept []*Step, err error) {
	if len(only) == 0 {
		return steps, nil
	}
	for _, name := range only {
		found := false
		for _, s := range steps {
			if s.ID == name || s.Plan.ID == name {
				kept, found = append(kept, s), true
			}
		}
		if !found {
			return nil, fmt.Errorf("the plan has no step %q for what was declared", name)
		}
	}
	return kept, nil
}

// rest records the steps that were not begun.
func (r *Run) rest(steps []*Step) {
	for _, s := range steps {
		r.results = append(r.results, newStepResult(s, r.Service.Now(), "the run ended before this step"))
	}
}

// step does one step.
func (r *Run) step(ctx context.Context, s *Step) (*StepResult, error) {
	earlier := r.Service.Record.Of("")
	r.Service.Record.Begin(s.ID, s.Answer) // a subscriber may collect while the deeds are done
	back, err := r.deeds(ctx, s)
	defer func() {
		for _, undo := range back {
			_ = undo(context.WithoutCancel(ctx))
		}
	}()
	if err != nil {
		return nil, err
	}
	done := newStepResult(s, r.Service.Now(), "")
	ended := r.drive(ctx, s)
	o := &Outcome{Step: s, Exchanges: r.Service.Record.Of(s.ID), Earlier: earlier, Before: r.before(s)}
	if err := r.tell(o); err != nil {
		return nil, err
	}
	switch {
	case errors.Is(ended, ErrSkipped), errors.Is(ended, ErrEnded), errors.Is(ended, errTime) && len(o.Exchanges) == 0 && s.Wants > 0 && len(o.Sent) == 0:
		done.leftOut(ended.Error())
	case ended != nil && !errors.Is(ended, errTime):
		return nil, ended
	default:
		if s.Confirm != "" {
			if o.Confirmed, err = r.Driver.Confirm(ctx, s); err != nil {
				return nil, err
			}
		}
		done.judge(o)
	}
	r.Service.Record.Begin("", nil)
	for _, x := range o.Messages() {
		r.last[s.ID] = x
	}
	done.end(o, r.Service.Now())
	if errors.Is(ended, ErrEnded) {
		return done, ended
	}
	return done, nil
}

// tell adds what a step gave to a subscriber, and what that reports.
func (r *Run) tell(o *Outcome) error {
	told, err := readReports(r.Reports)
	o.Told = append(told, r.Service.Record.Told()...)
	o.Sent = named(r.sent[o.Step.ID], o.Exchanges)
	return err
}

// before is the message that a step corrects: the last one of the steps about the same
// thing, which all follow from the same first step.
func (r *Run) before(s *Step) (latest *Exchange) {
	if s.After == "" {
		return nil
	}
	_, event, _ := strings.Cut(s.After, "/")
	for id, x := range r.last {
		template, about, _ := strings.Cut(id, "/")
		if about == event && r.Plan.first(template) == r.Plan.first(s.Plan.ID) && (latest == nil || x.Number > latest.Number) {
			latest = x
		}
	}
	return latest
}

// deeds does what the step needs done to the service.
func (r *Run) deeds(ctx context.Context, s *Step) (back []func(context.Context) error, err error) {
	for _, name := range s.Plan.Deeds {
		undo, err := deeds[name].Do(ctx, r, s)
		if undo != nil {
			back = append([]func(context.Context) error{undo}, back...)
		}
		if err != nil {
			return back, fmt.Errorf("%s: %w", name, err)
		}
	}
	return back, nil
}

// errTime says that a step waited as long as it may.
var errTime = errors.New("nothing came within the time that was waited")

// drive has the step done, and waits until it has.
func (r *Run) drive(ctx context.Context, s *Step) error {
	asking, stop := context.WithCancel(ctx)
	defer stop()
	said := make(chan error, 1)
	go func() { said <- r.Driver.Do(asking, s) }()
	late := time.NewTimer(r.Wait)
	defer late.Stop()
	for {
		changed, open := r.Service.Record.Changed()
		came := open == 0 && r.settled(s)
		if came {
			stop()
		}
		select {
		case err := <-said:
			if err != nil && !came {
				return err
			}
			return r.settle(ctx)
		case <-changed:
		case <-late.C:
			if came {
				return r.settle(ctx)
			}
			return errTime
		case <-ctx.Done():
			return ErrEnded
		}
	}
}

// settled reports whether what the step wants has come. A step that wants nothing is only
// over when the driver says so.
func (r *Run) settled(s *Step) bool {
	if s.Wants == 0 {
		return false
	}
	o := Outcome{Step: s, Exchanges: r.Service.Record.Of(s.ID)}
	if s.Plan.Any {
		return false
	}
	if r.Plan.Side == Subscriber {
		return r.collected(s)
	}
	settled := map[string]bool{}
	for _, x := range o.Publishes() {
		if x.taken() || s.Answer != nil && s.Answer.Times == 0 {
			settled[x.Hash] = true
		}
	}
	return len(settled) >= s.Wants
}

// settle watches for what comes after a step, until nothing has come for a while and
// nothing is under way.
func (r *Run) settle(ctx context.Context) error {
	end := time.NewTimer(r.Linger + r.Wait)
	defer end.Stop()
	for {
		changed, open := r.Service.Record.Changed()
		var quiet <-chan time.Time
		if open == 0 {
			quiet = time.After(r.Linger)
		}
		select {
		case <-changed:
		case <-quiet:
			return nil
		case <-end.C:
			return nil
		case <-ctx.Done():
			return ErrEnded
		}
	}
}
