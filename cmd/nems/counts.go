package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"nems/internal/operator"
)

// countsCmd shows how much happened over time.
type countsCmd struct {
	Per   operator.CountUnit `enum:"minute,hour,day" default:"minute" env:"-" help:"One row for each minute (kept 7 days), hour (90 days) or day (3 years; days of UTC)."`
	Since instant            `env:"-" help:"Not before this moment: RFC 3339, a date, or how long ago (36h); default: the last 60 minutes, 48 hours or 31 days."`
	Until instant            `env:"-" help:"Before this moment, in the same forms; default: now."`
	operated
	formatted
}

// Run prints a table, with a chart of it on a terminal.
func (c *countsCmd) Run(ctx context.Context) error {
	return c.with(func(d operator.Face) error {
		counts, err := operator.CountOverTime.Do(ctx, d, operator.Counting{Per: c.Per, From: c.Since.Time, To: c.Until.Time})
		if err != nil {
			return err
		}
		header := "AT PUBLISHED REFUSED MATCHED COPIES COLLECTED"
		chart := term.IsTerminal(int(os.Stdout.Fd())) //nolint:gosec // a descriptor
		if chart {
			header += " PUBLISHED(#)-AND-REFUSED(x)"
		}
		if err := c.print(counts, header, countRows(counts, chart)); err != nil {
			return err
		}
		if counts.Behind {
			fmt.Fprintln(stderr(), "So much happens that the newest rows do not have it all yet.")
		}
		return nil
	})
}

// chartWidth is how wide the longest bar is.
const chartWidth = 40

// countRows are counts as rows of a table, with a bar each if there is a chart.
func countRows(counts operator.Counts, chart bool) [][]string {
	form, most := "2006-01-02 15:04", int64(1)
	if counts.Per == operator.PerDay {
		form = time.DateOnly
	}
	for _, b := range counts.Bars {
		most = max(most, b.Published+b.Refused)
	}
	var rows [][]string
	for _, b := range counts.Bars {
		at := b.At.Local()
		if counts.Per == operator.PerDay {
			at = b.At // days are UTC's
		}
		row := []string{at.Format(form)}
		for _, n := range []int64{b.Published, b.Refused, b.Matched, b.Copies, b.Collected} {
			row = append(row, strconv.FormatInt(n, 10))
		}
		if chart {
			row = append(row, bar("#", b.Published, most)+bar("x", b.Refused, most))
		}
		rows = append(rows, row)
	}
	return rows
}

// bar is a number as a bar: at least one sign unless it is nothing.
func bar(sign string, n, most int64) string {
	width := n * chartWidth / most
	if n > 0 {
		width = max(1, width)
	}
	return strings.Repeat(sign, int(width))
}
