package store

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"nems/internal/nhs"
	"nems/internal/subscription"
)

// Class is a number that those subscriptions of an owner share that have the
// same mailbox and the same set of event codes, and no others: there are few
// classes, however many subscriptions. Searches look up the classes and statuses
// that they want, in the order of ids. It is never 0, which stands for a class
// that was not worked out yet.
func Class(mailbox string, events []string) int64 {
	folded, _ := nhs.FoldID(mailbox)
	h := sha256.New()
	h.Write([]byte(folded))
	for _, code := range slices.Compact(slices.Sorted(slices.Values(events))) {
		h.Write([]byte("\x00" + code))
	}
	return int64(binary.BigEndian.Uint64(h.Sum(nil))>>1 | 1)
}

// ClassOf is one class of an owner, with any subscription of it.
type ClassOf struct {
	ODS   nhs.ODSCode
	Class int64
	Any   subscription.Subscription
}

// Run is a run of an index: what has one owner, class and stored status, in the
// order of ids.
type Run struct {
	ODS    string
	Class  int64
	Status int64
}

// Filters tells whether a query wants more than an owner's subscriptions.
func (q *SubscriptionQuery) Filters() bool {
	return len(q.Events)+len(q.Mailboxes)+len(q.Statuses)+len(q.Patients) > 0
}

// Runs are where what a query selects stands, if it names no patients. Some of
// what stands there may not be selected.
func (q *SubscriptionQuery) Runs(classes []ClassOf) (out []Run) {
	statuses := q.Statuses
	if len(statuses) == 0 {
		statuses = []subscription.Status{subscription.Requested, subscription.Active, subscription.Off}
	}
	asked := SubscriptionQuery{Events: q.Events, Mailboxes: q.Mailboxes}
	for i := range classes {
		c := &classes[i]
		// Criteria that cannot be read have no events and tell nothing.
		if c.Class != 0 && len(c.Any.Criteria.Events) > 0 && !asked.Selects(&c.Any) {
			continue
		}
		for _, status := range statuses {
			out = append(out, Run{string(c.ODS), c.Class, StatusNumber(status)})
		}
	}
	return out
}

// WantsOff tells whether a query names the status that those that have ended
// show before they are stored so.
func (q *SubscriptionQuery) WantsOff() bool { return slices.Contains(q.Statuses, subscription.Off) }
