package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"nems/internal/operator"
	"nems/internal/replay"
	"nems/internal/store"
)

// replayCmd gives subscriptions the events again that they had.
type replayCmd struct {
	Start  startReplay  `cmd:"" help:"Give a subscription the events again that it had, as they were matched at the time."`
	List   listReplays  `cmd:"" help:"List replays, the newest first."`
	Show   showReplay   `cmd:"" help:"Print everything known about one replay."`
	Pause  pauseReplay  `cmd:"" help:"Have a replay wait. What was sent stays sent."`
	Resume resumeReplay `cmd:"" help:"Have a paused replay go on where it stopped."`
	Cancel cancelReplay `cmd:"" help:"End a replay early. What was sent stays sent."`
	Pace   paceReplay   `cmd:"" help:"Give a replay another rate."`
}

type startReplay struct {
	Subscription string `arg:"" help:"Id of the subscription."`
	From         string `required:"" env:"-" help:"Where to begin: oldest, the number of an event in the subscription's count, or a moment (RFC 3339)."`
	Until        string `env:"-" help:"Where to end: a number or a moment, which belongs to the range. Default: now."`
	Mode         string `env:"-" enum:"all,latest" default:"all" help:"all, or latest: of each thing the newest event alone, withdrawals too."`
	To           string `env:"-" help:"Another mailbox or endpoint of the same organisation. Default: the subscription's own."`
	Rate         int    `env:"-" default:"500" help:"Copies a second, at most: 1 to 10,000."`
	Earlier      bool   `env:"-" help:"Grant what was before the subscription's start, as it would have matched then. Needs the role governance too."`
	Basis        string `required:"" env:"-" help:"Why it may be done. The audit keeps it, and the owner of the subscription reads it."`
	DryRun       bool   `env:"-" help:"Send nothing: say how many copies there are of each event type on each day."`
	Wait         bool   `env:"-" help:"Show how far it is until it is over; fail unless it is completed."`
	operated
	formatted
}

// Run starts a replay, or counts what it would look at.
func (s *startReplay) Run(ctx context.Context) error {
	wish := operator.ReplayWish{Subscription: s.Subscription, From: s.From, Until: s.Until, Mode: s.Mode, To: s.To, Rate: s.Rate, Earlier: s.Earlier, Basis: s.Basis}
	return s.with(func(d operator.Face) error {
		if s.DryRun {
			tally, err := operator.TryReplay.Do(ctx, d, wish)
			if err != nil {
				return err
			}
			var rows [][]string
			for _, day := range tally.Days {
				rows = append(rows, []string{day.Date, day.EventType, strconv.FormatInt(day.Copies, 10), strconv.FormatInt(day.Waiting, 10)})
			}
			rows = append(rows, []string{"all", "", strconv.FormatInt(tally.Total, 10), strconv.FormatInt(tally.Waiting, 10)})
			return s.print(tally, "DAY EVENT-TYPE COPIES WAITING", rows)
		}
		r, err := operator.StartReplay.Do(ctx, d, wish)
		if err != nil {
			return err
		}
		if s.Wait {
			return waitForReplay(ctx, d, r)
		}
		return s.print(r, replayHeader, [][]string{replayRow(r)})
	})
}

// replayPoll is how often a waiting command asks.
const replayPoll = 250 * time.Millisecond

// waitForReplay shows how far a replay is until it is over.
func waitForReplay(ctx context.Context, d operator.Face, r operator.Replay) error {
	tick := time.NewTicker(replayPoll)
	defer tick.Stop()
	var bar *progress
	for !r.State.Over() {
		if bar == nil && r.Of > 0 {
			bar = newProgress("replay "+r.ID, r.Of)
		}
		bar.set(looked(r))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		var err error
		if r, err = operator.ShowReplay.Do(ctx, d, operator.ReplayRef{ID: r.ID}); err != nil {
			return err
		}
	}
	bar.clear()
	fmt.Fprintf(stdout(), "replay %s is %s: %d of %d sent, %d withheld, %d expired, %d passed over\n", r.ID, r.State, r.Sent, r.Of, r.Withheld, r.Expired, r.Passed)
	if r.State != store.ReplayCompleted {
		return errFailed
	}
	return nil
}

// looked is how many copies a replay has looked at.
func looked(r operator.Replay) int64 { return r.Sent + r.Withheld + r.Expired + r.Passed }

const replayHeader = "REPLAY STATE SUBSCRIPTION TO MODE RATE SENT LOOKED-AT OF BEGAN ENDED BASIS"

func replayRow(r operator.Replay) []string {
	ended := "-"
	if !r.Ended.IsZero() {
		ended = r.Ended.Format(time.RFC3339)
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	return []string{r.ID, string(r.State), r.Subscription, r.To, string(r.Mode), strconv.Itoa(r.Rate), number(r.Sent), number(looked(r)), number(r.Of),
		r.Began.Format(time.RFC3339), ended, r.Basis}
}

type listReplays struct {
	Subscription string `env:"-" help:"Only those of the subscription with this id."`
	First        int    `default:"100" env:"-" help:"List at most this many; 0 lists all."`
	operated
	formatted
}

// Run prints the replays; as JSON one per line.
func (l *listReplays) Run(ctx context.Context) error {
	f := operator.ReplayFilter{Subscription: l.Subscription}
	return l.with(func(d operator.Face) error {
		found := first(l.First, operator.Each(ctx, d, operator.FindReplays, operator.Matching(f)))
		if l.Format == "json" {
			return printLines(found)
		}
		var rows [][]string
		for r, err := range found {
			if err != nil {
				return err
			}
			rows = append(rows, replayRow(r))
		}
		return printTable(replayHeader, rows)
	})
}

// oneReplay names a replay.
type oneReplay struct {
	ID string `arg:"" help:"Id of the replay."`
	operated
}

// change does something to it and prints what it is then.
func (o *oneReplay) change(ctx context.Context, deed replay.Deed, rate int) error {
	return o.with(func(d operator.Face) error {
		r, err := operator.ChangeReplay.Do(ctx, d, operator.ReplayChange{ID: o.ID, Deed: deed, Rate: rate})
		if err != nil {
			return err
		}
		return printTable(replayHeader, [][]string{replayRow(r)})
	})
}

type showReplay struct {
	oneReplay
	Wait bool `env:"-" help:"Show how far it is until it is over; fail unless it is completed."`
}

// Run prints it as JSON.
func (s *showReplay) Run(ctx context.Context) error {
	return s.with(func(d operator.Face) error {
		r, err := operator.ShowReplay.Do(ctx, d, operator.ReplayRef{ID: s.ID})
		if err != nil {
			return err
		}
		if s.Wait {
			return waitForReplay(ctx, d, r)
		}
		return printJSON(r)
	})
}

type pauseReplay struct{ oneReplay }

// Run has it wait.
func (p *pauseReplay) Run(ctx context.Context) error { return p.change(ctx, replay.Pause, 0) }

type resumeReplay struct{ oneReplay }

// Run has it go on.
func (r *resumeReplay) Run(ctx context.Context) error { return r.change(ctx, replay.Resume, 0) }

type cancelReplay struct{ oneReplay }

// Run ends it early.
func (c *cancelReplay) Run(ctx context.Context) error { return c.change(ctx, replay.Cancel, 0) }

type paceReplay struct {
	oneReplay
	Rate int `required:"" env:"-" help:"Copies a second, at most: 1 to 10,000."`
}

// Run gives it another rate.
func (p *paceReplay) Run(ctx context.Context) error { return p.change(ctx, replay.Pace, p.Rate) }
