package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"nems/internal/operator"
)

// clockCmd sets the clock of a development service.
type clockCmd struct {
	Show  showClock  `cmd:"" default:"withargs" help:"Show the clock (this is what nems clock does)."`
	Set   setClock   `cmd:"" help:"Set the clock to a moment, or forward (--forward 120h)."`
	Run   runClock   `cmd:"" help:"Let the clock run, as fast as the machine's or faster (--speed 1000)."`
	Stop  stopClock  `cmd:"" help:"Stop the clock."`
	Reset resetClock `cmd:"" help:"Make it the machine's clock again."`
}

// Help explains what goes by it.
func (clockCmd) Help() string {
	return "Only nems serve --dev has a clock that can be set. Events, ages, ends of subscriptions, expiry, retention and pages go by it; " +
		"callers' tokens and certificates are still judged by the machine's clock. It stays set over a restart, until nems clock reset."
}

// clocked prints what the clock shows.
type clocked struct {
	operated
	formatted
}

func (c clocked) set(ctx context.Context, s operator.ClockSetting) error {
	return c.with(func(f operator.Face) error {
		state, err := operator.SetClock.Do(ctx, f, s)
		if err != nil {
			return err
		}
		return c.tell(state)
	})
}

func (c clocked) tell(s operator.ClockState) error {
	if c.Format == "json" {
		return printJSON(s)
	}
	what := "It is the machine's clock"
	if s.Moved {
		what = "It is not the machine's clock (" + s.Machine.Format(time.RFC3339) + ")"
	}
	fmt.Fprintf(stdout(), "%s\n%s, and %s.\n", s.Now.Format(time.RFC3339), what, s.Pace())
	return nil
}

type showClock struct{ clocked }

// Run shows the clock.
func (c *showClock) Run(ctx context.Context) error {
	return c.with(func(f operator.Face) error {
		state, err := operator.ShowClock.Do(ctx, f, operator.None{})
		if err != nil {
			return err
		}
		return c.tell(state)
	})
}

type setClock struct {
	To      string `arg:"" optional:"" help:"Moment: 2026-03-31T12:00:00Z, or a date, which means its midnight (UTC)."`
	Forward string `help:"By how much to set it forward instead, such as 36h."`
	Back    bool   `help:"It may go back. What was accepted later then counts as accepted at the moment at which the clock was put back."`
	Stop    bool   `help:"Stop it there."`
	clocked
}

// Run sets the clock.
func (c *setClock) Run(ctx context.Context) error {
	if (c.To == "") == (c.Forward == "") {
		return errors.New("give either a moment, such as 2026-03-31T12:00:00Z, or --forward, such as --forward 36h")
	}
	s := operator.ClockSetting{Forward: c.Forward, Back: c.Back}
	if c.To != "" {
		to, err := moment(c.To)
		if err != nil {
			return err
		}
		s.To = to
	}
	if c.Stop {
		s.Speed = new(0.0)
	}
	return c.set(ctx, s)
}

// moment reads RFC 3339 or a date.
func moment(text string) (time.Time, error) {
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("expected a moment such as 2026-03-31T12:00:00Z, or a date; received %s", strconv.Quote(text))
}

type runClock struct {
	Speed float64 `default:"1" help:"How many times as fast as the machine's clock, up to 1000000."`
	clocked
}

// Run lets the clock run.
func (c *runClock) Run(ctx context.Context) error {
	if c.Speed <= 0 {
		return fmt.Errorf("--speed: expected a number above 0; nems clock stop stops it; received %g", c.Speed)
	}
	return c.set(ctx, operator.ClockSetting{Speed: &c.Speed})
}

type stopClock struct{ clocked }

// Run stops the clock.
func (c *stopClock) Run(ctx context.Context) error {
	return c.set(ctx, operator.ClockSetting{Speed: new(0.0)})
}

type resetClock struct {
	Back bool `help:"The clock may go back."`
	clocked
}

// Run makes it the machine's clock again.
func (c *resetClock) Run(ctx context.Context) error {
	return c.set(ctx, operator.ClockSetting{Reset: true, Back: c.Back})
}
