package sqlite

import (
	"zombiezen.com/go/sqlite"

	"nems/internal/store"
	"nems/internal/subscription"
)

// classify works out the classes of subscriptions that were here before there
// were any.
type classify struct{}

func (classify) apply(w *writer) (result, error) {
	type classed struct {
		id    subscription.ID
		class int64
	}
	var found []classed
	err := rows(w.conn, "SELECT id, endpoint, criteria FROM subscription INDEXED BY subscription_unclassed WHERE class = 0 LIMIT ?", func(s *sqlite.Stmt) error {
		var c classed
		s.ColumnBytes(0, c.id[:])
		criteria, _ := subscription.ParseCriteria(s.ColumnText(2)) // what cannot be read has no events
		c.class = store.Class(s.ColumnText(1), criteria.Events)
		found = append(found, c)
		return nil
	}, sweptStep)
	if err != nil {
		return result{}, err
	}
	for _, c := range found {
		if err := exec(w.conn, "UPDATE subscription SET class = ? WHERE id = ?", c.class, c.id[:]); err != nil {
			return result{}, err
		}
	}
	return result{n: len(found)}, nil
}
