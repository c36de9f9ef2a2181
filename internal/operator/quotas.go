package operator

import (
	"context"
	"slices"

	"nems/internal/store"
)

// QuotaFilter selects uses of quotas.
type QuotaFilter struct {
	// Quotas are names as store.Quota has them; none means all that are kept by
	// owner.
	Quotas []string `json:"quotas,omitempty"`
	// Owner is an ASID, an ODS code or the id of a mailbox; "" means all.
	Owner string `json:"owner,omitempty"`
}

// QuotaUse is what one owner has of what a quota limits.
type QuotaUse struct {
	Quota string `json:"quota"`
	Owner string `json:"owner"`
	Used  int64  `json:"used"`
	// Limit is negative where there is none, and nil where it is not known: the
	// service is stopped.
	Limit *int64 `json:"limit,omitempty"`
}

// usePlace is a place in the list of uses.
type usePlace struct {
	Quota store.Quota
	Used  int64
	Owner string
}

// quotaUses lists the owners with their use of quotas, those with the most of
// each first. Invalid for a quota that there is not.
func (d Desk) quotaUses(ctx context.Context, s Search[QuotaFilter]) (none Page[QuotaUse], err error) {
	l, err := list[usePlace](d, "quota uses", s.Filter, s.Paging)
	if err != nil {
		return none, err
	}
	quotas, err := s.Filter.quotas()
	if err != nil {
		return none, err
	}
	var found []store.QuotaUse
	for _, quota := range quotas[max(0, slices.Index(quotas, l.after.Quota)):] {
		q := store.QuotaQuery{Quota: quota, Owner: s.Filter.Owner, Max: l.limit + 1 - len(found)}
		if quota == l.after.Quota {
			q.AfterUsed, q.AfterOwner = l.after.Used, l.after.Owner
		}
		more, err := d.Store.QuotaUse(ctx, q)
		if err != nil {
			return none, err
		}
		if found = append(found, more...); len(found) > l.limit {
			break
		}
	}
	uses, err := page(l, found, func(u store.QuotaUse) usePlace { return usePlace{u.Quota, u.Used, u.Owner} })
	return shown(uses, err, func(u store.QuotaUse) (QuotaUse, error) {
		use := QuotaUse{Quota: u.Quota.String(), Owner: u.Owner, Used: u.Used}
		if d.Quotas != nil {
			use.Limit = new(d.Quotas.Of(u.Quota))
		}
		return use, nil
	})
}

func (f QuotaFilter) quotas() ([]store.Quota, error) {
	if len(f.Quotas) == 0 {
		return store.OwnersQuotas[:], nil
	}
	var out []store.Quota
	for _, name := range f.Quotas {
		quota, ok := store.NamedQuota(name)
		if !ok {
			return nil, invalid("quotas", "there is no quota %q by owner", name)
		}
		if !slices.Contains(out, quota) {
			out = append(out, quota)
		}
	}
	return out, nil
}
