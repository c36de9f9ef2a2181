package operator

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"time"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Subscriptions keeps what subscribers asked for. Safe for concurrent use.
type Subscriptions interface {
	// Subscription returns store.ErrNotFound for one that is not there.
	Subscription(ctx context.Context, id subscription.ID) (subscription.Subscription, error)
	// AllSubscriptions returns the first q.Max behind q.After that q selects, in
	// the order of their creation, of all owners when q names none.
	AllSubscriptions(ctx context.Context, q store.SubscriptionQuery) ([]subscription.Subscription, error)
	// Approve makes a requested subscription active, and that is on disk, with
	// its audit entry, when it returns; store.ErrNotFound when there is none in
	// status requested.
	Approve(ctx context.Context, id subscription.ID, e audit.Entry) error
	// Quarantined lists those that were found unreadable and match no more.
	Quarantined(ctx context.Context) ([]store.Quarantined, error)
}

// Subscription is a subscription as operators see it: whom it is about shows
// only as far as it names no patient.
type Subscription struct {
	ID      string      `json:"id"`
	ASID    nhs.ASID    `json:"asid,omitempty"`
	ODS     nhs.ODSCode `json:"ods,omitempty"`
	Mailbox string      `json:"mailbox,omitempty"`
	// Kind and About are empty when the criteria cannot be read.
	Kind    access.SubscriptionKind `json:"kind,omitempty"`
	About   string                  `json:"about,omitempty"` // "one patient", or the rule and its organisation
	Events  []string                `json:"events,omitempty"`
	Status  subscription.Status     `json:"status,omitempty"`
	End     time.Time               `json:"end,omitzero"` // zero: perpetual
	Created time.Time               `json:"created,omitzero"`
	Reason  string                  `json:"reason,omitempty"`
	// Quarantined and Problem say since when and why a subscription does not
	// match any more, when it was asked for those.
	Quarantined time.Time `json:"quarantined,omitzero"`
	Problem     string    `json:"problem,omitempty"`
}

// SubscriptionFilter selects subscriptions. Fields that are zero do not filter.
type SubscriptionFilter struct {
	Status subscription.Status `json:"status,omitempty"`
	ODS    nhs.ODSCode         `json:"ods,omitempty"` // the owner
	// Quarantined selects only those that were found unreadable.
	Quarantined bool `json:"quarantined,omitempty"`
}

// subscriptionPage is how many subscriptions are read at once.
const subscriptionPage = 1000

// Subscriptions yields the subscriptions that a filter selects, oldest first,
// ended ones with status off as long as they are kept. ErrInvalid for a filter
// that cannot be right.
func (d Desk) Subscriptions(ctx context.Context, f SubscriptionFilter) iter.Seq2[Subscription, error] {
	return func(yield func(Subscription, error) bool) {
		if err := f.validate(); err != nil {
			yield(Subscription{}, err)
			return
		}
		if f.Quarantined {
			d.quarantined(ctx, f)(yield)
			return
		}
		q := store.SubscriptionQuery{ODS: f.ODS, Max: subscriptionPage}
		if f.Status != "" {
			q.Statuses = []subscription.Status{f.Status}
		}
		for {
			page, err := d.Store.AllSubscriptions(ctx, q)
			if err != nil {
				yield(Subscription{}, err)
				return
			}
			for _, s := range page {
				if !yield(newSubscription(s), nil) {
					return
				}
			}
			if len(page) < q.Max {
				return
			}
			q.After = page[len(page)-1].ID
		}
	}
}

func (f SubscriptionFilter) validate() error {
	switch f.Status {
	case "", subscription.Requested, subscription.Active, subscription.Off:
	default:
		return invalid("status: expected %s, %s or %s", subscription.Requested, subscription.Active, subscription.Off)
	}
	if f.ODS == "" {
		return nil
	}
	if ods, err := nhs.ParseODSCode(string(f.ODS)); err != nil || ods != f.ODS {
		return invalid("ods: %s", nhs.ErrODSCode)
	}
	return nil
}

// quarantined yields those of the list of quarantined ones that a filter
// selects.
func (d Desk) quarantined(ctx context.Context, f SubscriptionFilter) iter.Seq2[Subscription, error] {
	return func(yield func(Subscription, error) bool) {
		all, err := d.Store.Quarantined(ctx)
		if err != nil {
			yield(Subscription{}, err)
			return
		}
		for _, q := range all {
			// Gone meanwhile: the entry shows what it still knows.
			s, err := d.Store.Subscription(ctx, q.ID)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				yield(Subscription{}, err)
				return
			}
			if f.Status != "" && f.Status != s.Status || f.ODS != "" && f.ODS != s.ODS {
				continue
			}
			s.ID = q.ID
			shown := newSubscription(s)
			shown.Quarantined, shown.Problem = q.At, q.Reason
			if !yield(shown, nil) {
				return
			}
		}
	}
}

// newSubscription shows a subscription without its patient.
func newSubscription(s subscription.Subscription) Subscription {
	out := Subscription{ID: s.ID.String(), ASID: s.ASID, ODS: s.ODS, Mailbox: s.Mailbox, Events: s.Criteria.EventCodes(),
		Status: s.Status, End: s.End, Created: s.Created, Reason: withoutNHSNumbers(s.Reason)}
	switch {
	case len(s.Criteria.Events) == 0: // criteria that cannot be read: there is always one
	case s.Criteria.Explicit():
		out.Kind, out.About = access.Explicit, "one patient"
	default:
		out.Kind, out.About = access.Generic, s.Criteria.Rule+" "+s.Criteria.Organisation
	}
	return out
}

// tenDigits finds what may be an NHS number, written together or in groups.
var tenDigits = regexp.MustCompile(`\b\d{3}[ -]?\d{3}[ -]?\d{4}\b`)

// withoutNHSNumbers takes NHS numbers out of a text that a subscriber wrote.
// All that look like one go, with a wrong check digit too: it may be a slip.
func withoutNHSNumbers(text string) string {
	return tenDigits.ReplaceAllLiteralString(text, "[NHS number]")
}

// ApproveSubscriptions makes subscriptions active that wait for an operator:
// every event that is accepted after it returned is matched against them. All
// are checked before the first is approved: ErrInvalid for an id that is none
// or named twice, and for a subscription that does not wait; store.ErrNotFound
// for one that is not there.
func (d Desk) ApproveSubscriptions(ctx context.Context, ids []string) error {
	waiting, err := d.waiting(ctx, ids)
	if err != nil {
		return err
	}
	for i, s := range waiting {
		entry := d.entry(audit.ActionApproveSubscription, s.ID.String())
		entry.ASID, entry.ODS, entry.Mailbox, entry.Patient = s.ASID, s.ODS, s.Mailbox, s.Criteria.Patient
		// Deleted, ended or approved since it was checked: store.ErrNotFound too.
		if err := d.Store.Approve(ctx, s.ID, entry); err != nil {
			return fmt.Errorf("subscription %s, after %d of %d: %w", s.ID, i, len(waiting), err)
		}
	}
	return nil
}

// waiting finds the subscriptions that ids name, all of which must wait.
func (d Desk) waiting(ctx context.Context, ids []string) ([]subscription.Subscription, error) {
	broken, err := d.Store.Quarantined(ctx)
	if err != nil {
		return nil, err
	}
	quarantined, seen := map[subscription.ID]bool{}, map[subscription.ID]bool{}
	for _, q := range broken {
		quarantined[q.ID] = true
	}
	out := make([]subscription.Subscription, len(ids))
	for i, text := range ids {
		id, err := subscription.ParseID(text)
		if err != nil {
			return nil, invalid("id %d: %s", i+1, err)
		}
		if out[i], err = d.Store.Subscription(ctx, id); err != nil {
			return nil, named(err, "subscription", text)
		}
		switch s := out[i]; {
		case seen[id]:
			return nil, invalid("subscription %s is named twice", text)
		case quarantined[id], len(s.Criteria.Events) == 0:
			return nil, invalid("subscription %s cannot be read; its owner has to delete it and create it again", text)
		case s.Status == subscription.Active:
			return nil, invalid("subscription %s is active already", text)
		case s.Status == subscription.Off:
			return nil, invalid("subscription %s has ended", text)
		}
		seen[id] = true
	}
	return out, nil
}
