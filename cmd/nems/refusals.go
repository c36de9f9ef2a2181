package main

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"nems/internal/nhs"
	"nems/internal/operator"
)

// refusalsCmd shows why requests were refused.
type refusalsCmd struct {
	Since     instant `default:"24h" env:"-" help:"Not before this moment: RFC 3339, a date, or how long ago (36h)."`
	ASID      string  `name:"asid" env:"-" help:"Of one system."`
	Code      string  `env:"-" help:"With a Spine code, such as INVALID_RESOURCE."`
	MessageID string  `name:"message-id" env:"-" help:"Of the message with this MessageHeader id."`
	Max       int     `default:"100" env:"-" help:"Show at most this many, the newest first."`
	operated
	formatted
}

// Run prints them.
func (c *refusalsCmd) Run(ctx context.Context) error {
	return c.with(func(f operator.Face) error {
		refusals := []operator.Refusal{}
		search := operator.Matching(operator.RefusalFilter{Since: c.Since.Time, ASID: nhs.ASID(c.ASID), Code: c.Code, MessageID: c.MessageID})
		for r, err := range operator.Each(ctx, f, operator.FindRefusals, search) {
			if err != nil {
				return err
			}
			if refusals = append(refusals, r); len(refusals) == c.Max {
				break
			}
		}
		var rows [][]string
		for _, r := range refusals {
			// One row for each issue, so that long reasons can be read.
			for i, issue := range strings.Split(r.Reason, "\n") {
				row := []string{"", "", "", "", issue}
				if i == 0 {
					row = []string{r.At.Local().Format("2006-01-02 15:04:05"), string(r.Action), cmp.Or(string(r.ASID), "-"), strconv.Itoa(r.Status) + " " + r.Code, issue}
				}
				rows = append(rows, row)
			}
		}
		return c.print(refusals, "AT ACTION ASID ANSWER REASON", rows)
	})
}
