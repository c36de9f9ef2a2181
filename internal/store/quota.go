package store

import (
	"fmt"
	"sync/atomic"
)

// Quota is a bound on what is stored for one owner. Its numbers are stored:
// never renumber.
type Quota int64

// The quotas. A subscription lives until it is deleted, or has ended and
// housekeeping has seen it. What waits in a mailbox are messages that somebody
// sent to it, uploads that are not complete included. Copies of events are owed
// to the mailbox: they are neither counted nor refused.
const (
	SystemQuota       Quota = 1 // subscriptions of an ASID that live
	OrganisationQuota Quota = 2 // subscriptions of an ODS code that live
	RouteQuota        Quota = 3 // subscriptions under one route key for one mailbox that live
	MessagesQuota     Quota = 4 // messages that wait in a mailbox
	BytesQuota        Quota = 5 // their bytes, as they were sent
)

// AllQuotas lists the quotas.
var AllQuotas = [...]Quota{SystemQuota, OrganisationQuota, RouteQuota, MessagesQuota, BytesQuota}

// OwnersQuotas are those whose use is kept by owner. Under a route key the index
// is counted.
var OwnersQuotas = [...]Quota{SystemQuota, OrganisationQuota, MessagesQuota, BytesQuota}

// NamedQuota finds one of OwnersQuotas by its name.
func NamedQuota(name string) (Quota, bool) {
	for _, q := range OwnersQuotas {
		if q.String() == name {
			return q, true
		}
	}
	return 0, false
}

// String names the quota in metrics and in the operators' API.
func (q Quota) String() string {
	switch q {
	case SystemQuota:
		return "system-subscriptions"
	case OrganisationQuota:
		return "organisation-subscriptions"
	case RouteQuota:
		return "route-subscriptions"
	case MessagesQuota:
		return "mailbox-messages"
	case BytesQuota:
		return "mailbox-bytes"
	}
	return "unknown"
}

// Quotas are the most that each owner may have. The zero value of a field means
// its default, a negative one no limit.
type Quotas struct {
	System       int64 // default 2 million
	Organisation int64 // default 2 million
	Route        int64 // default 1,000
	Messages     int64 // default 1 million
	Bytes        int64 // default 10 GiB
}

// WithDefaults fills in the defaults.
func (q Quotas) WithDefaults() Quotas {
	set(&q.System, 2_000_000)
	set(&q.Organisation, 2_000_000)
	set(&q.Route, 1000)
	set(&q.Messages, 1_000_000)
	set(&q.Bytes, 10<<30)
	return q
}

// Of returns the limit of a quota; negative: there is none.
func (q Quotas) Of(quota Quota) int64 {
	switch quota {
	case SystemQuota:
		return q.System
	case OrganisationQuota:
		return q.Organisation
	case RouteQuota:
		return q.Route
	case MessagesQuota:
		return q.Messages
	case BytesQuota:
		return q.Bytes
	}
	return -1
}

// QuotaError: the owner would have more than it may. Nothing was stored.
type QuotaError struct {
	Quota Quota
	Limit int64
}

func (e *QuotaError) Error() string {
	return fmt.Sprintf("the quota of %d %s is used up", e.Limit, e.Quota)
}

// QuotaUse is what one owner has of what a quota limits.
type QuotaUse struct {
	Quota Quota
	Owner string // an ASID, an ODS code or the id of a mailbox
	Used  int64
}

// QuotaQuery selects uses: those of an owner, or of the Max owners with the most.
type QuotaQuery struct {
	Quota Quota  // one of OwnersQuotas
	Owner string // "" means all; the ids of mailboxes are compared without regard to case
	Max   int
	// AfterUsed and AfterOwner continue behind the last one of a page.
	AfterUsed  int64
	AfterOwner string
}

// QuotaDrift is a counter of a use that does not agree with what is stored.
type QuotaDrift struct {
	Quota Quota
	Owner string // an ASID, an ODS code or the row of a mailbox
	Short int64  // to be added to the counter
}

// QuotaGuard holds what is to be stored against quotas, and counts what it
// refuses. Safe for concurrent use.
type QuotaGuard struct {
	Quotas
	refused [len(AllQuotas)]atomic.Uint64
}

// Allows tells whether an owner that has used so much can have more.
func (g *QuotaGuard) Allows(quota Quota, used, more int64) bool {
	limit := g.Of(quota)
	return limit < 0 || more <= 0 || used+more <= limit
}

// Room returns a *QuotaError, and counts it, when an owner that has used so much
// cannot have more.
func (g *QuotaGuard) Room(quota Quota, used, more int64) error {
	if g.Allows(quota, used, more) {
		return nil
	}
	return g.Refuse(quota)
}

// Refuse counts a refusal and returns its *QuotaError.
func (g *QuotaGuard) Refuse(quota Quota) error {
	g.refused[quota-1].Add(1)
	return &QuotaError{Quota: quota, Limit: g.Of(quota)}
}

// Refused counts what was refused because of a quota.
func (g *QuotaGuard) Refused(quota Quota) uint64 { return g.refused[quota-1].Load() }
