package operator

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"nems/internal/audit"
	"nems/internal/plain"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Ending names subscriptions that are to end, and why.
type Ending struct {
	IDs    []string `json:"ids"`
	Reason string   `json:"reason" jsonschema:"1 to 200 characters on one line; the audit keeps it, and the owner of a subscription that is rejected or ended reads it"`
}

// Limits of an Ending.
const (
	mostEnding = 1000
	mostWhy    = 200
)

// validate checks what can be checked without the subscriptions, and returns the
// reason as it is kept.
func (e Ending) validate() (reason string, err error) {
	reason = strings.TrimSpace(e.Reason)
	switch n := utf8.RuneCountInString(reason); {
	case n == 0 || n > mostWhy:
		return "", expected("reason", fmt.Sprintf("1 to %d characters", mostWhy), fmt.Sprintf("%d characters", n))
	case plain.Line(reason) != reason:
		return "", expected("reason", "a text on one line that can be printed", "other characters")
	case tenDigits.MatchString(reason):
		// The owner of a generic subscription, and every list, would show it.
		return "", expected("reason", "a text that names no patient", "what may be an NHS number")
	case len(e.IDs) == 0 || len(e.IDs) > mostEnding:
		return "", expected("ids", fmt.Sprintf("1 to %d ids", mostEnding), fmt.Sprintf("%d ids", len(e.IDs)))
	}
	return reason, nil
}

// rejectSubscriptions ends subscriptions that wait for an operator: they never become
// active, and read as off, with the reason, until retention removes them. Invalid and
// NotFound as for approvals; Conflict for one that does not wait.
func (d Desk) rejectSubscriptions(ctx context.Context, e Ending) (None, error) {
	return d.endAll(ctx, e, subscription.Requested, audit.ActionRejectSubscription)
}

// endSubscriptions ends active subscriptions: no event that is accepted after it
// returned is matched against them, nor is an earlier one that still waits for the
// patient directory. Copies that were made stay.
func (d Desk) endSubscriptions(ctx context.Context, e Ending) (None, error) {
	return d.endAll(ctx, e, subscription.Active, audit.ActionEndSubscription)
}

func (d Desk) endAll(ctx context.Context, e Ending, from subscription.Status, action audit.Action) (None, error) {
	is := func(_ context.Context, s *subscription.Subscription) error { return inStatus(s, from) }
	return d.eachOf(ctx, e, action, is, func(s *subscription.Subscription, reason string, entry audit.Entry) error {
		return d.Store.EndSubscription(ctx, store.Ending{ID: s.ID, From: from, At: d.Now(), Reason: reason}, entry)
	})
}

// inStatus returns a Conflict for a subscription in another status.
func inStatus(s *subscription.Subscription, want subscription.Status) error {
	switch {
	case s.Status == want, s.Suspended && want == subscription.Active:
		return nil
	case s.Status == subscription.Off:
		return conflict("subscription %s has ended", s.ID)
	case s.Status == subscription.Active:
		return conflict("subscription %s is active already: end it", s.ID)
	}
	return conflict("subscription %s waits for approval: reject it", s.ID)
}

// deleteSubscriptions removes subscriptions, ended and unreadable ones too.
func (d Desk) deleteSubscriptions(ctx context.Context, e Ending) (None, error) {
	any := func(context.Context, *subscription.Subscription) error { return nil }
	return d.eachOf(ctx, e, audit.ActionDeleteSubscription, any, func(s *subscription.Subscription, _ string, entry audit.Entry) error {
		return d.Store.Delete(ctx, s.ID, entry)
	})
}

// eachOf does something to subscriptions after all of them have passed a check.
func (d Desk) eachOf(ctx context.Context, e Ending, action audit.Action, check func(context.Context, *subscription.Subscription) error,
	do func(s *subscription.Subscription, reason string, entry audit.Entry) error) (none None, err error) {
	reason, err := e.validate()
	if err != nil {
		return none, err
	}
	all, err := d.named(ctx, "ids", e.IDs, check)
	if err != nil {
		return none, err
	}
	for i := range all {
		s := &all[i]
		entry := d.entry(action, s.ID.String())
		entry.ASID, entry.ODS, entry.Mailbox, entry.Patient, entry.Reason = s.ASID, s.ODS, s.Mailbox, s.Criteria.Patient, reason
		// Ended or deleted since it was checked: store.ErrNotFound too.
		if err := do(s, reason, entry); err != nil {
			return none, fmt.Errorf("subscription %s, after %d of %d: %w", s.ID, i, len(all), err)
		}
	}
	return none, nil
}
