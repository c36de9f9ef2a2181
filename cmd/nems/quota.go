package main

import (
	"context"
	"fmt"
	"strconv"

	"nems/internal/operator"
	"nems/internal/store"
)

// quotaSystems shows the uses of systems and organisations.
type quotaSystems struct {
	Owner string `arg:"" optional:"" help:"ASID or ODS code; default: the 1,000 of each with the most."`
	operated
	formatted
}

// Run prints them.
func (q *quotaSystems) Run(ctx context.Context) error {
	return showQuotas(ctx, q.operated, q.formatted, q.Owner, store.SystemQuota, store.OrganisationQuota)
}

// quotaMailboxes shows the uses of mailboxes.
type quotaMailboxes struct {
	Mailbox string `arg:"" optional:"" help:"Id of a mailbox; default: the 1,000 with the most."`
	operated
	formatted
}

// Run prints them.
func (q *quotaMailboxes) Run(ctx context.Context) error {
	return showQuotas(ctx, q.operated, q.formatted, q.Mailbox, store.MessagesQuota, store.BytesQuota)
}

// mostUses is how many owners are shown for each quota: those with the highest use.
const mostUses = 1000

func showQuotas(ctx context.Context, o operated, f formatted, owner string, quotas ...store.Quota) error {
	return o.with(func(d operator.Face) error {
		uses := []operator.QuotaUse{}
		for _, q := range quotas {
			most := operator.Matching(operator.QuotaFilter{Quotas: []string{q.String()}, Owner: owner})
			most.Limit = mostUses
			found, err := operator.FindQuotaUses.Do(ctx, d, most)
			if err != nil {
				return err
			}
			uses = append(uses, found.Items...)
		}
		var rows [][]string
		for _, u := range uses {
			limit, share := "-", "-" // not known, or no limit
			if u.Limit != nil && *u.Limit >= 0 {
				limit = strconv.FormatInt(*u.Limit, 10)
				share = fmt.Sprintf("%.0f%%", 100*float64(u.Used)/max(1, float64(*u.Limit)))
			}
			rows = append(rows, []string{u.Owner, u.Quota, strconv.FormatInt(u.Used, 10), limit, share})
		}
		return f.print(uses, "OWNER QUOTA USED LIMIT SHARE", rows)
	})
}
