package store

import (
	"cmp"
	"slices"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
)

// Shortfall is something that the controller catalogue does not permit and that was
// done all the same, because the catalogue is only reported on: how often, and since
// when. It is stored as JSON.
type Shortfall struct {
	Organisation nhs.ODSCode `json:"organisation"`
	Role         string      `json:"role"`
	Event        string      `json:"event"`
	Lacks        string      `json:"lacks"` // what is missing, in words
	First        time.Time   `json:"first"`
	Last         time.Time   `json:"last"`
	Count        int64       `json:"count"`
	// Audit is recorded when there is none of its kind yet.
	Audit audit.Entry `json:"-"`
}

const (
	// MostShortfalls is how many kinds are kept, the latest.
	MostShortfalls = 1000
	// ShortfallLife is how long one is kept after it was last seen.
	ShortfallLife = 90 * 24 * time.Hour
)

// Same reports whether two are of one kind, so that they are counted together.
func (s Shortfall) Same(other Shortfall) bool {
	return s.Organisation == other.Organisation && s.Role == other.Role && s.Event == other.Event && s.Lacks == other.Lacks
}

// AddShortfalls adds some to those that are kept. fresh are those of a kind that was
// not there. What is too old, or too much, goes.
func AddShortfalls(kept, some []Shortfall) (all, fresh []Shortfall) {
	all = slices.Clone(kept)
	for _, s := range some {
		at := slices.IndexFunc(all, s.Same)
		if at < 0 {
			all, fresh = append(all, s), append(fresh, s)
			continue
		}
		k := &all[at]
		k.Count += s.Count
		if s.First.Before(k.First) {
			k.First = s.First
		}
		if s.Last.After(k.Last) {
			k.Last = s.Last
		}
	}
	slices.SortStableFunc(all, func(a, b Shortfall) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Organisation, b.Organisation), cmp.Compare(a.Event, b.Event),
			cmp.Compare(a.Role, b.Role), cmp.Compare(a.Lacks, b.Lacks))
	})
	if len(all) > MostShortfalls {
		all = all[:MostShortfalls]
	}
	if len(all) > 0 {
		oldest := all[0].Last.Add(-ShortfallLife)
		all = slices.DeleteFunc(all, func(s Shortfall) bool { return s.Last.Before(oldest) })
	}
	return all, fresh
}
