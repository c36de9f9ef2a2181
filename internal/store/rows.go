package store

import (
	"slices"
	"strings"
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

// SubscriptionQuery selects a page of an organisation's subscriptions in the
// order of their ids, which is the order of their creation. Fields that are
// zero do not filter.
type SubscriptionQuery struct {
	ODS     nhs.ODSCode // the owner
	Patient nhs.NHSNumber
	Event   string // event code
	Mailbox string
	Status  subscription.Status
	After   subscription.ID // exclusive
	Max     int
}

// Selects tells whether a subscription is wanted whose owner is.
func (q *SubscriptionQuery) Selects(s *subscription.Subscription) bool {
	return (q.Event == "" || slices.Contains(s.Criteria.Events, q.Event)) &&
		(q.Mailbox == "" || strings.EqualFold(q.Mailbox, s.Mailbox)) &&
		(q.Status == "" || q.Status == s.Status) &&
		(q.Patient.IsZero() || q.Patient == s.Criteria.Patient)
}

// AsOf shows a subscription as off from the very instant of its end, whenever
// housekeeping comes by.
func AsOf(s *subscription.Subscription, now time.Time) {
	if !s.End.IsZero() && !s.End.After(now) {
		s.Status = subscription.Off
	}
}

// Quarantined is a stored subscription that cannot be read any more. It does
// not match; its owner and an operator must look at it.
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

// First is the first of the rows that were found, or ErrNotFound.
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
