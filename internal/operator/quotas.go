package operator

import (
	"context"

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

// mostUses is how many owners a list shows of each quota: those with the most.
const mostUses = 1000

// QuotaUses lists the owners with their use of quotas, those with the most of
// each first, 1,000 of each at most. ErrInvalid for a quota that there is not.
func (d Desk) QuotaUses(ctx context.Context, f QuotaFilter) ([]QuotaUse, error) {
	quotas, err := f.quotas()
	if err != nil {
		return nil, err
	}
	out := []QuotaUse{}
	for _, quota := range quotas {
		found, err := d.Store.QuotaUse(ctx, store.QuotaQuery{Quota: quota, Owner: f.Owner, Max: mostUses})
		if err != nil {
			return nil, err
		}
		for _, u := range found {
			use := QuotaUse{Quota: quota.String(), Owner: u.Owner, Used: u.Used}
			if d.Quotas != nil {
				use.Limit = new(d.Quotas.Of(quota))
			}
			out = append(out, use)
		}
	}
	return out, nil
}

func (f QuotaFilter) quotas() ([]store.Quota, error) {
	if len(f.Quotas) == 0 {
		return store.OwnersQuotas[:], nil
	}
	var out []store.Quota
	for _, name := range f.Quotas {
		quota, ok := store.NamedQuota(name)
		if !ok {
			return nil, invalid("there is no quota %q by owner", name)
		}
		out = append(out, quota)
	}
	return out, nil
}
