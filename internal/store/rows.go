package store

import (
	"bytes"
	"slices"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/subscription"
)

// Deletion is one of several subscriptions that are ended in one commit.
type Deletion struct {
	ID    subscription.ID
	Audit audit.Entry
}

// Ending is what an operator ends a subscription with.
type Ending struct {
	ID     subscription.ID
	From   subscription.Status // Requested: it is rejected; Active: it was live
	At     time.Time
	Reason string // for its owner to read
}

// Suspension takes a live subscription out of matching for the time being, or puts
// it back.
type Suspension struct {
	ID    subscription.ID
	Why   string // for its owner to read; "" puts it back
	Audit audit.Entry
}

// SubscriptionQuery selects a page of an organisation's subscriptions in the
// order of their ids. In each list one value has to match; an empty list
// selects all.
type SubscriptionQuery struct {
	ODS       nhs.ODSCode // the owner
	Patients  []nhs.NHSNumber
	Events    []string // event codes
	Mailboxes []string
	Statuses  []subscription.Status
	After     subscription.ID // exclusive
	Max       int
}

// Selects reports whether the query selects a subscription of the right owner.
func (q *SubscriptionQuery) Selects(s *subscription.Subscription) bool {
	return oneFits(q.Events, func(code string) bool { return slices.Contains(s.Criteria.Events, code) }) &&
		oneFits(q.Mailboxes, func(id string) bool { return nhs.SameID(id, s.Mailbox) }) &&
		oneFits(q.Statuses, func(status subscription.Status) bool { return status == s.Status }) &&
		oneFits(q.Patients, func(number nhs.NHSNumber) bool { return number == s.Criteria.Patient })
}

func oneFits[T any](values []T, fits func(T) bool) bool {
	return len(values) == 0 || slices.ContainsFunc(values, fits)
}

// Count is how many subscriptions a query selects.
type Count struct {
	N int
	// AtLeast says that not all were looked at: there may be more.
	AtLeast bool
}

// InOrder sorts subscriptions by their ids, and removes repetitions.
func InOrder(all []subscription.Subscription) []subscription.Subscription {
	slices.SortFunc(all, func(x, y subscription.Subscription) int { return bytes.Compare(x.ID[:], y.ID[:]) })
	return slices.CompactFunc(all, func(x, y subscription.Subscription) bool { return x.ID == y.ID })
}

// AsOf shows a subscription as off from the very instant of its end, whenever
// housekeeping notices.
func AsOf(s *subscription.Subscription, now time.Time) {
	if !s.End.IsZero() && !s.End.After(now) {
		s.Status, s.Suspended = subscription.Off, false
	}
}

// Quarantined is a stored subscription that can no longer be read. It does not
// match. Its owner and an operator must look at it.
type Quarantined struct {
	ID     subscription.ID
	At     time.Time
	Reason string
}

// System is a registered system as a store keeps it: the value is opaque.
type System struct {
	ASID    nhs.ASID
	Value   []byte
	Revoked bool
}

// LifeCycle is the stored life cycle of an event type; the value is opaque.
type LifeCycle struct {
	Code  string // event code
	Value []byte
}

// ControllerRow is a row of the controller catalogue, under its id; the value is
// opaque.
type ControllerRow struct {
	ID    string
	Value []byte
}

// First returns the first of the rows that were found, or ErrNotFound.
func First[T any](found []T, err error) (T, error) {
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		var none T
		return none, err
	}
	return found[0], nil
}
