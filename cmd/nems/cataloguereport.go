package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"nems/internal/operator"
)

// catalogueReport lists what would have been refused.
type catalogueReport struct {
	operated
	formatted
}

// Run prints what would have been refused, the latest first.
func (c *catalogueReport) Run(ctx context.Context) error {
	return c.with(func(d operator.Face) error {
		report, err := operator.ReportControllers.Do(ctx, d, operator.None{})
		switch {
		case err != nil:
			return err
		case c.Format == "json":
			return printJSON(report.Items)
		case len(report.Items) == 0:
			fmt.Fprintln(stdout(), "nothing would have been refused (catalogue: report records it)")
			return nil
		}
		var lines [][]string
		for _, s := range report.Items {
			lines = append(lines, []string{string(s.Organisation), string(s.Role), s.Event, strconv.FormatInt(s.Count, 10),
				s.First.UTC().Format(time.RFC3339), s.Last.UTC().Format(time.RFC3339), s.Lacks})
		}
		return printTable("ORGANISATION ROLE EVENT TIMES FIRST LAST LACKS", lines)
	})
}
