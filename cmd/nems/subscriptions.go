package main

import (
	"context"
	"fmt"
	"time"

	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/subscription"
)

// subscriptionsCmd is what operators do with subscriptions; callers create and
// delete them.
type subscriptionsCmd struct {
	List    listSubscriptions    `cmd:"" help:"List the subscriptions of all owners; no patient is shown."`
	Approve approveSubscriptions `cmd:"" help:"Make subscriptions active that wait for approval (activation: manual). All are checked before the first is approved."`
	Reject  rejectSubscriptions  `cmd:"" help:"Reject subscriptions that wait for approval. All are checked before the first is rejected."`
	End     endSubscriptions     `cmd:"" help:"End active subscriptions now. All are checked before the first is ended."`
	Delete  deleteSubscriptions  `cmd:"" help:"Delete subscriptions as their owners would. All are checked before the first is deleted."`
}

type listSubscriptions struct {
	Status      string `enum:",requested,active,off" default:"" env:"-" help:"Only those that are requested (they wait for approval), active, or off (ended)."`
	ODS         string `name:"ods" env:"-" help:"Only those of this organisation."`
	Quarantined bool   `env:"-" help:"Only those that cannot be read and therefore no longer match, and why."`
	operated
	formatted
}

// Run prints the subscriptions, oldest first; as JSON one per line.
func (l *listSubscriptions) Run(ctx context.Context) error {
	f := operator.SubscriptionFilter{Status: subscription.Status(l.Status), Quarantined: l.Quarantined}
	if l.ODS != "" {
		ods, err := nhs.ParseODSCode(l.ODS)
		if err != nil {
			return fmt.Errorf("--ods: %w", err)
		}
		f.ODS = ods
	}
	header := "ID STATUS ASID ODS MAILBOX KIND ABOUT EVENTS CREATED END REASON ERROR"
	if l.Quarantined {
		header += " QUARANTINED PROBLEM"
	}
	return l.with(func(d operator.Face) error {
		found := operator.Each(ctx, d, operator.FindSubscriptions, operator.Matching(f))
		if l.Format == "json" {
			return printLines(found)
		}
		var rows [][]string
		for s, err := range found {
			if err != nil {
				return err
			}
			rows = append(rows, subscriptionRow(s, l.Quarantined))
		}
		return printTable(header, rows)
	})
}

// subscriptionRow returns a subscription as a row of the table.
func subscriptionRow(s operator.Subscription, quarantined bool) []string {
	cells := []string{s.ID}
	for _, text := range []string{string(s.Status), string(s.ASID), string(s.ODS), s.Mailbox, string(s.Kind), s.About,
		list(s.Events), minute(s.Created), minute(s.End), s.Reason, s.Error} {
		cells = append(cells, orDash(text))
	}
	if quarantined {
		cells = append(cells, minute(s.Quarantined), orDash(s.Problem))
	}
	return cells
}

// minute returns a moment as the text of a cell; "" when there is none.
func minute(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02T15:04Z")
}

type approveSubscriptions struct {
	IDs []string `arg:"" name:"id" help:"Ids of the subscriptions: 32 letters and digits."`
	operated
}

// Run approves all, or none if one of them does not wait for approval.
func (a *approveSubscriptions) Run(ctx context.Context) error {
	return a.with(func(d operator.Face) error {
		if err := operator.ApproveSubscriptions.Run(ctx, d, a.IDs); err != nil {
			return err
		}
		fmt.Fprintf(stdout(), "%d approved\n", len(a.IDs))
		return nil
	})
}

// endedSubscriptions names subscriptions that are to end, and why.
type endedSubscriptions struct {
	IDs    []string `arg:"" name:"id" help:"Ids of the subscriptions: 32 letters and digits."`
	Reason string   `required:"" env:"-" help:"Why, on one line. The audit keeps it, and the owner of a subscription that is rejected or ended can read it. It must name no patient."`
	operated
}

func (e *endedSubscriptions) do(ctx context.Context, verb *operator.Verb[operator.Ending, operator.None], done string) error {
	return e.with(func(d operator.Face) error {
		if err := verb.Run(ctx, d, operator.Ending{IDs: e.IDs, Reason: e.Reason}); err != nil {
			return err
		}
		fmt.Fprintf(stdout(), "%d %s\n", len(e.IDs), done)
		return nil
	})
}

type rejectSubscriptions struct{ endedSubscriptions }

// Run rejects all, or none if one of them does not wait for approval.
func (r *rejectSubscriptions) Run(ctx context.Context) error {
	return r.do(ctx, operator.RejectSubscriptions, "rejected")
}

type endSubscriptions struct{ endedSubscriptions }

// Run ends all, or none if one of them is not active.
func (e *endSubscriptions) Run(ctx context.Context) error {
	return e.do(ctx, operator.EndSubscriptions, "ended")
}

type deleteSubscriptions struct{ endedSubscriptions }

// Run deletes all, or none if one of them is not there.
func (d *deleteSubscriptions) Run(ctx context.Context) error {
	return d.do(ctx, operator.DeleteSubscriptions, "deleted")
}
