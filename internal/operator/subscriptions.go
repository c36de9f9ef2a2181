package operator

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Subscriptions keeps what subscribers asked for. Safe for concurrent use.
type Subscriptions interface {
	// Subscription is broker.Journal's.
	Subscription(ctx context.Context, id subscription.ID) (subscription.Subscription, error)
	// AllSubscriptions returns the first q.Max behind q.After that q selects, in
	// the order of their ids, of all owners when q names none.
	AllSubscriptions(ctx context.Context, q store.SubscriptionQuery) ([]subscription.Subscription, error)
	// Approve makes a requested subscription active, and that is on disk, with
	// its audit entry, when it returns; store.ErrNotFound when there is none in
	// status requested.
	Approve(ctx context.Context, id subscription.ID, e audit.Entry) error
	// EndSubscription sets a subscription off, and that is on disk, with its audit entry,
	// when it returns: nothing that is accepted later matches it. store.ErrNotFound when
	// there is none in the status that it ends from.
	EndSubscription(ctx context.Context, e store.Ending, entry audit.Entry) error
	// Delete is broker.Journal's.
	Delete(ctx context.Context, id subscription.ID, e audit.Entry) error
	// QuarantinedAfter lists the first max behind an id of those that were found
	// unreadable and match no more, in the order of their ids. Deleting one takes
	// it off the list.
	QuarantinedAfter(ctx context.Context, id subscription.ID, max int) ([]store.Quarantined, error)
	// IsQuarantined tells whether one is on that list.
	IsQuarantined(ctx context.Context, id subscription.ID) (bool, error)
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
	About   string                  `json:"about,omitempty"`   // "one patient", or the rule and its organisation
	AsksFor string                  `json:"asksFor,omitempty"` // its criteria as a sentence
	Events  []string                `json:"events,omitempty"`
	Status  subscription.Status     `json:"status,omitempty"`
	End     time.Time               `json:"end,omitzero"` // zero: perpetual
	Created time.Time               `json:"created,omitzero"`
	Reason  string                  `json:"reason,omitempty"`
	// Error is why an operator rejected or ended it, or why it is suspended.
	Error string `json:"error,omitempty" jsonschema:"why an operator rejected or ended it, or why it is suspended; its owner reads it, too"`
	// Suspended says that it is off for as long as the controller catalogue does not
	// permit it.
	Suspended bool `json:"suspended,omitempty" jsonschema:"it is off for as long as the controller catalogue does not permit it"`
	// Quarantined and Problem say since when and why a subscription does not
	// match any more, when it was asked for those.
	Quarantined time.Time `json:"quarantined,omitzero"`
	Problem     string    `json:"problem,omitempty"`
}

// SubscriptionFilter selects subscriptions. Fields that are zero do not filter.
type SubscriptionFilter struct {
	Status subscription.Status `json:"status,omitempty"`
	ODS    nhs.ODSCode         `json:"ods,omitempty"` // the owner
	// Mailbox selects those to a mailbox or an endpoint.
	Mailbox string `json:"mailbox,omitempty" jsonschema:"the mailbox or endpoint that gets the copies"`
	// Quarantined selects only those that were found unreadable.
	Quarantined bool `json:"quarantined,omitempty"`
}

// subscriptions lists the subscriptions that a filter selects, oldest first,
// ended ones with status off as long as they are kept. Invalid for a filter that
// cannot be right.
func (d Desk) subscriptions(ctx context.Context, s Search[SubscriptionFilter]) (none Page[Subscription], err error) {
	if err := s.Filter.validate(); err != nil {
		return none, err
	}
	if s.Filter.Quarantined {
		return d.quarantined(ctx, s)
	}
	l, err := list[subscription.ID](d, "subscriptions", s.Filter, s.Paging)
	if err != nil {
		return none, err
	}
	q := store.SubscriptionQuery{ODS: s.Filter.ODS, After: l.after, Max: l.limit + 1}
	if s.Filter.Status != "" {
		q.Statuses = []subscription.Status{s.Filter.Status}
	}
	if s.Filter.Mailbox != "" {
		q.Mailboxes = []string{s.Filter.Mailbox}
	}
	rows, err := d.Store.AllSubscriptions(ctx, q)
	if err != nil {
		return none, err
	}
	found, err := page(l, rows, func(s subscription.Subscription) subscription.ID { return s.ID })
	return shown(found, err, func(s subscription.Subscription) (Subscription, error) { return d.newSubscription(ctx, s), nil })
}

func (f SubscriptionFilter) validate() error {
	switch f.Status {
	case "", subscription.Requested, subscription.Active, subscription.Off:
	default:
		return expected("status", fmt.Sprintf("%s, %s or %s", subscription.Requested, subscription.Active, subscription.Off), string(f.Status))
	}
	if f.ODS == "" {
		return nil
	}
	if ods, err := nhs.ParseODSCode(string(f.ODS)); err != nil || ods != f.ODS {
		return invalid("ods", "ods: %s", nhs.ErrODSCode)
	}
	return nil
}

// quarantined lists those of the quarantined subscriptions that a filter selects.
func (d Desk) quarantined(ctx context.Context, s Search[SubscriptionFilter]) (none Page[Subscription], err error) {
	l, err := list[subscription.ID](d, "quarantined", s.Filter, s.Paging)
	if err != nil {
		return none, err
	}
	rows, err := d.Store.QuarantinedAfter(ctx, l.after, l.limit+1)
	if err != nil {
		return none, err
	}
	found, err := page(l, rows, func(q store.Quarantined) subscription.ID { return q.ID })
	out := Page[Subscription]{Items: []Subscription{}, Next: found.Next}
	for i := 0; i < len(found.Items) && err == nil; i++ {
		var one subscription.Subscription
		q := found.Items[i]
		// Gone meanwhile: the entry shows what it still knows.
		if one, err = d.Store.Subscription(ctx, q.ID); errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		if s.Filter.Status != "" && s.Filter.Status != one.Status || s.Filter.ODS != "" && s.Filter.ODS != one.ODS || s.Filter.Mailbox != "" && s.Filter.Mailbox != one.Mailbox {
			continue
		}
		one.ID = q.ID
		shown := d.newSubscription(ctx, one)
		shown.Quarantined, shown.Problem = q.At, q.Reason
		out.Items = append(out.Items, shown)
	}
	return out, err
}

// newSubscription shows a subscription without its patient.
func (d Desk) newSubscription(ctx context.Context, s subscription.Subscription) Subscription {
	out := Subscription{ID: s.ID.String(), ASID: s.ASID, ODS: s.ODS, Mailbox: s.Mailbox, Events: s.Criteria.EventCodes(),
		Status: s.Status, End: s.End, Created: s.Created, Reason: withoutNHSNumbers(s.Reason), Error: withoutNHSNumbers(s.Error), Suspended: s.Suspended}
	if len(s.Criteria.Events) > 0 {
		out.AsksFor = subscription.Sentence(s.Criteria, d.names(ctx))
	}
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

// approveSubscriptions makes subscriptions active that wait for an operator:
// every event that is accepted after it returned is matched against them. All
// are checked before the first is approved: Invalid for a text that is no id or
// an id named twice, Conflict for a subscription that does not wait, NotFound for
// one that is not there.
func (d Desk) approveSubscriptions(ctx context.Context, ids []string) (none None, err error) {
	waiting, err := d.waiting(ctx, ids)
	if err != nil {
		return none, err
	}
	for i, s := range waiting {
		entry := d.entry(audit.ActionApproveSubscription, s.ID.String())
		entry.ASID, entry.ODS, entry.Mailbox, entry.Patient = s.ASID, s.ODS, s.Mailbox, s.Criteria.Patient
		// Deleted, ended or approved since it was checked: store.ErrNotFound too.
		if err := d.Store.Approve(ctx, s.ID, entry); err != nil {
			return none, fmt.Errorf("subscription %s, after %d of %d: %w", s.ID, i, len(waiting), err)
		}
	}
	return none, nil
}

// waiting finds the subscriptions that ids name, all of which must wait.
func (d Desk) waiting(ctx context.Context, ids []string) ([]subscription.Subscription, error) {
	return d.named(ctx, "", ids, d.waits)
}

// named finds the subscriptions that the ids in a member of a request name, all of which
// must pass a check.
func (d Desk) named(ctx context.Context, member string, ids []string, check func(context.Context, *subscription.Subscription) error) ([]subscription.Subscription, error) {
	seen := map[subscription.ID]bool{}
	out := make([]subscription.Subscription, len(ids))
	for i, text := range ids {
		id, err := subscription.ParseID(text)
		if err != nil {
			return nil, invalid(member+element(i, ""), "id %d: %s", i+1, err)
		}
		if seen[id] {
			return nil, invalid(member+element(i, ""), "subscription %s is named twice", text)
		}
		seen[id] = true
		if out[i], err = d.Store.Subscription(ctx, id); err != nil {
			return nil, named(err, "subscription", text)
		}
		if err := check(ctx, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// waits returns a Conflict for a subscription that does not wait for an operator.
func (d Desk) waits(ctx context.Context, s *subscription.Subscription) error {
	broken, err := d.Store.IsQuarantined(ctx, s.ID)
	switch {
	case err != nil:
		return err
	case broken, len(s.Criteria.Events) == 0:
		return conflict("subscription %s cannot be read; its owner has to delete it and create it again", s.ID)
	case s.Status == subscription.Active:
		return conflict("subscription %s is active already", s.ID)
	case s.Suspended:
		return conflict("subscription %s was approved before it was %s", s.ID, s.Error)
	case s.Status == subscription.Off:
		return conflict("subscription %s has ended", s.ID)
	case d.MayHave != nil:
		return unpermitted("subscription", s.ID, d.MayHave(ctx, *s))
	}
	return nil
}

// unpermitted returns a Conflict for what the controller catalogue does not permit.
func unpermitted(what string, id subscription.ID, err error) error {
	var refusal *refuse.Refusal
	if errors.As(err, &refusal) {
		return conflict("%s %s: %s", what, id, refusal.Reason())
	}
	return err
}
