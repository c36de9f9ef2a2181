package store

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"nems/internal/nhs"
	"nems/internal/subscription"
)

// SearchGroup is the group of an owner's subscriptions that have the same
// mailbox and the same set of event codes. There are few groups, however many
// subscriptions. A search looks up the groups and statuses that it wants.
type SearchGroup struct {
	ODS    nhs.ODSCode
	Number int64                     // column class
	Any    subscription.Subscription // one of them
}

// SearchGroupNumber returns the number of a group. It is never 0, which stands
// for a group that has not been worked out yet.
func SearchGroupNumber(mailbox string, events []string) int64 {
	folded, _ := nhs.FoldID(mailbox)
	h := sha256.New()
	h.Write([]byte(folded))
	for _, code := range slices.Compact(slices.Sorted(slices.Values(events))) {
		h.Write([]byte("\x00" + code))
	}
	return int64(binary.BigEndian.Uint64(h.Sum(nil))>>1 | 1)
}

// Run is a run of an index: the entries of one owner, group and stored status,
// in the order of ids.
type Run struct {
	ODS    string
	Group  int64
	Status int64
}

// Filters reports whether a query restricts more than the owner.
func (q *SubscriptionQuery) Filters() bool {
	return len(q.Events)+len(q.Mailboxes)+len(q.Statuses)+len(q.Patients) > 0
}

// Runs returns the runs that contain what a query selects, if it names no
// patients. Not everything in them is selected.
func (q *SubscriptionQuery) Runs(groups []SearchGroup) (out []Run) {
	statuses := q.Statuses
	if len(statuses) == 0 {
		statuses = []subscription.Status{subscription.Requested, subscription.Active, subscription.Off}
	}
	asked := SubscriptionQuery{Events: q.Events, Mailboxes: q.Mailboxes}
	for i := range groups {
		g := &groups[i]
		// Criteria that cannot be read have no events, so they decide nothing.
		if g.Number != 0 && len(g.Any.Criteria.Events) > 0 && !asked.Selects(&g.Any) {
			continue
		}
		for _, status := range statuses {
			out = append(out, Run{string(g.ODS), g.Number, StatusNumber(status)})
			if status == subscription.Off {
				out = append(out, Run{string(g.ODS), g.Number, suspended})
			}
		}
	}
	return out
}

// WantsOff reports whether a query names the status that ended subscriptions
// have, even before it is stored.
func (q *SubscriptionQuery) WantsOff() bool { return slices.Contains(q.Statuses, subscription.Off) }
