package sqlite

import (
	"zombiezen.com/go/sqlite"

	"nems/internal/store"
	"nems/internal/subscription"
)

// fileSearchGroups works out the groups of subscriptions that were here before
// there were any.
type fileSearchGroups struct{}

func (fileSearchGroups) apply(w *writer) (result, error) {
	type ungrouped struct {
		id    subscription.ID
		group int64
	}
	var found []ungrouped
	err := rows(w.conn, "SELECT id, endpoint, criteria FROM subscription INDEXED BY subscription_unclassed WHERE class = 0 LIMIT ?", func(s *sqlite.Stmt) error {
		var u ungrouped
		s.ColumnBytes(0, u.id[:])
		criteria, _ := subscription.ParseCriteria(s.ColumnText(2)) // what cannot be read has no events
		u.group = store.SearchGroupNumber(s.ColumnText(1), criteria.Events)
		found = append(found, u)
		return nil
	}, sweptStep)
	if err != nil {
		return result{}, err
	}
	for _, u := range found {
		if err := exec(w.conn, "UPDATE subscription SET class = ? WHERE id = ?", u.group, u.id[:]); err != nil {
			return result{}, err
		}
	}
	return result{n: len(found)}, nil
}
