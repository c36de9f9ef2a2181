package main

import (
	"context"
	"errors"
	"time"

	"nems/internal/operator"
)

// attentionCmd shows what a person should look at.
type attentionCmd struct {
	operated
	formatted
}

// errAttention makes the command fail, so that a night shift's script notices.
var errAttention = errors.New("something needs a person")

// Run prints it, and fails when there is something.
func (c *attentionCmd) Run(ctx context.Context) error {
	return c.with(func(f operator.Face) error {
		found, err := operator.ShowAttention.Do(ctx, f, operator.None{})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, one := range found.Concerns {
			since := ""
			if !one.Since.IsZero() {
				since = one.Since.Local().Format(time.DateTime)
			}
			rows = append(rows, []string{string(one.Kind), since, one.Text})
		}
		if err := c.print(found, "KIND SINCE WHAT", rows); err != nil {
			return err
		}
		if len(found.Concerns) > 0 {
			return errAttention
		}
		return nil
	})
}
