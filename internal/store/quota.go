package store

import (
	"fmt"
	"sync/atomic"
)

// Quota is a limit on what is stored for one owner. Its numbers are stored:
// never renumber.
type Quota int64

// The quotas. A subscription counts until it is deleted, or until it has ended
// and housekeeping has noticed. The messages that wait in a mailbox are those
// that somebody sent to it, incomplete uploads included. Copies of events are
// owed to the mailbox: they are neither counted nor refused.
const (
	SystemQuota       Quota = 1 // live subscriptions of an ASID
	OrganisationQuota Quota = 2 // live subscriptions of an ODS code
	RouteQuota        Quota = 3 // live subscriptions under one route key for one mailbox
	MessagesQuota     Quota = 4 // messages that wait in a mailbox
	BytesQuota        Quota = 5 // their bytes, as they were sent
	EndpointsQuota    Quota = 6 // endpoints that subscriptions of an ODS code have brought along
)

// AllQuotas lists the quotas.
var AllQuotas = [...]Quota{SystemQuota, OrganisationQuota, RouteQuota, MessagesQuota, BytesQuota, EndpointsQuota}

// OwnersQuotas are the quotas whose use is kept by owner. For a route key, and for
// endpoints, the rows of the index are counted instead.
var OwnersQuotas = [...]Quota{SystemQuota, OrganisationQuota, MessagesQuota, BytesQuota}

// NamedQuota returns one of OwnersQuotas by its name.
func NamedQuota(name string) (Quota, bool) {
	for _, q := range OwnersQuotas {
		if q.String() == name {
			return q, true
		}
	}
	return 0, false
}

// String returns the name of the quota in metrics and in the operators' API.
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
	case EndpointsQuota:
		return "organisation-endpoints"
	}
	return "unknown"
}

// Quotas are the highest uses allowed for each owner. A zero field means its
// default, a negative one means no limit.
type Quotas struct {
	System       int64 // default 2 million
	Organisation int64 // default 2 million
	Route        int64 // default 1,000
	Messages     int64 // default 1 million
	Bytes        int64 // default 10 GiB
	Endpoints    int64 // default 10,000
}

// WithDefaults fills in the defaults.
func (q Quotas) WithDefaults() Quotas {
	set(&q.System, 2_000_000)
	set(&q.Organisation, 2_000_000)
	set(&q.Route, 1000)
	set(&q.Messages, 1_000_000)
	set(&q.Bytes, 10<<30)
	set(&q.Endpoints, 10_000)
	return q
}

// Of returns the limit of a quota; negative means that there is none.
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
	case EndpointsQuota:
		return q.Endpoints
	}
	return -1
}

// QuotaError says that the owner would exceed its quota. Nothing was stored.
type QuotaError struct {
	Quota Quota
	Limit int64
}

func (e *QuotaError) Error() string {
	return fmt.Sprintf("the quota of %d %s is used up", e.Limit, e.Quota)
}

// QuotaUse is how much of a quota one owner uses.
type QuotaUse struct {
	Quota Quota
	Owner string // an ASID, an ODS code or the id of a mailbox
	Used  int64
}

// QuotaQuery selects uses: those of one owner, or those of the Max owners with the highest use.
type QuotaQuery struct {
	Quota Quota  // one of OwnersQuotas
	Owner string // "" means all; the ids of mailboxes are compared without regard to case
	Max   int
	// AfterUsed and AfterOwner continue after the last use of a page.
	AfterUsed  int64
	AfterOwner string
}

// QuotaDrift is a counter of a use that does not agree with what is stored.
type QuotaDrift struct {
	Quota Quota
	Owner string // an ASID, an ODS code or the row of a mailbox
	Short int64  // to be added to the counter
}

// QuotaGuard checks what is to be stored against the quotas, and counts what it
// refuses. It is safe for concurrent use.
type QuotaGuard struct {
	Quotas
	refused [len(AllQuotas)]atomic.Uint64
}

// Allows reports whether an owner that already uses used can have more.
func (g *QuotaGuard) Allows(quota Quota, used, more int64) bool {
	limit := g.Of(quota)
	return limit < 0 || more <= 0 || used+more <= limit
}

// Room returns a *QuotaError, and counts it, when an owner that already uses
// used cannot have more.
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

// Refused returns how often something was refused because of a quota.
func (g *QuotaGuard) Refused(quota Quota) uint64 { return g.refused[quota-1].Load() }
