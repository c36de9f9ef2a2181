package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"nems/internal/operator"
)

// retentionCmd shows what is kept for how long.
type retentionCmd struct {
	Show  showRetention  `cmd:"" help:"Show how long events of each type are kept, and what was last removed of each."`
	Prove proveRetention `cmd:"" help:"Look through the oldest events for any that should have been removed; fails when there are some. That you look is recorded."`
}

type showRetention struct {
	operated
	formatted
}

// Run prints the rules.
func (c *showRetention) Run(ctx context.Context) error {
	return c.with(func(d operator.Face) error {
		found, err := operator.ShowRetention.Do(ctx, d, operator.None{})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, t := range found.Items {
			rows = append(rows, append(ruleCells(&t), removalCells(&t.Last)...))
		}
		return c.print(found.Items, "EVENT-TYPE KEPT RULE LAST-REMOVED UP-TO EVENTS COPIES BYTES", rows)
	})
}

func ruleCells(t *operator.TypeRetention) []string {
	rule := "general"
	if t.Own {
		rule = "own"
	}
	return []string{t.EventType, t.Kept, rule}
}

func removalCells(r *operator.Removal) []string {
	if r.At.IsZero() {
		return []string{"-", "-", "-", "-", "-"}
	}
	return []string{r.At.UTC().Format("2006-01-02 15:04:05"), r.Moment.UTC().Format("2006-01-02 15:04:05"), strconv.FormatInt(r.Events, 10), strconv.FormatInt(r.Copies, 10), strconv.FormatInt(r.Bytes, 10)}
}

type proveRetention struct {
	Type string `env:"-" help:"Of this event type only."`
	operated
	formatted
}

// Run looks through all that may be overdue, and prints what it found.
func (c *proveRetention) Run(ctx context.Context) error {
	return c.with(func(d operator.Face) error {
		whole, err := operator.ProveRetention.Do(ctx, d, operator.RetentionQuestion{EventType: c.Type})
		for next := whole.Next; err == nil && next != 0; {
			var some operator.RetentionProof
			some, err = operator.ProveRetention.Do(ctx, d, operator.RetentionQuestion{EventType: c.Type, After: next})
			whole.Add(some)
			next = some.Next
		}
		if err != nil {
			return err
		}
		var rows [][]string
		for _, t := range whole.Types {
			oldest, place := "-", "-"
			if t.Oldest != 0 {
				oldest = t.OldestAt.UTC().Format("2006-01-02 15:04:05")
			}
			if t.Retention.Last.Link != 0 {
				place = fmt.Sprintf("%d/%d", t.Retention.Last.Chain, t.Retention.Last.Link)
			}
			rows = append(rows, slices.Concat(ruleCells(&t.Retention), []string{oldest, strconv.Itoa(t.Waiting), strconv.Itoa(t.TooLong)}, removalCells(&t.Retention.Last)[:3], []string{place}))
		}
		if err := c.print(whole, "EVENT-TYPE KEPT RULE OLDEST-KEPT WAITING TOO-LONG LAST-REMOVED UP-TO EVENTS AUDIT-ENTRY", rows); err != nil {
			return err
		}
		if whole.TooLong > 0 {
			return errFailed
		}
		return nil
	})
}
