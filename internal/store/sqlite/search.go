package sqlite

import (
	"bytes"
	"context"
	"slices"

	"zombiezen.com/go/sqlite"

	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// The statements of a search. Each reads no more entries of its index than it
// yields, but dueIDs, which reads what has ended within the last minute or so.
const (
	nextGroup = `SELECT ods, class, endpoint, criteria FROM subscription INDEXED BY subscription_class
		WHERE ods = ?1 AND class > ?2 ORDER BY class LIMIT 1`
	nextOwner = "SELECT ods FROM subscription INDEXED BY subscription_class WHERE ods > ?1 ORDER BY ods LIMIT 1"
	runIDs    = `SELECT id FROM subscription INDEXED BY subscription_class
		WHERE ods = ?1 AND class = ?2 AND status = ?3 AND id > ?4 AND id < ?5 ORDER BY id LIMIT ?6`
	dueIDs = `SELECT id FROM subscription INDEXED BY subscription_due
		WHERE ends IS NOT NULL AND ends <= ?1 AND status <> 3 AND (?2 = '' OR +ods = ?2) AND +id > ?3 AND +id < ?4`
	byID = selectSubscription + " WHERE id = ?"
)

// search lists what a query selects that filters and names no patients, by the
// groups that may have it.
func (db *DB) search(ctx context.Context, q store.SubscriptionQuery) (out []subscription.Subscription, err error) {
	err = db.view(ctx, func(conn *sqlite.Conn) error {
		groups, err := searchGroups(conn, string(q.ODS))
		if err != nil {
			return err
		}
		runs := q.Runs(groups)
		for max := min(scanned, max(q.Max, 100)); ; {
			ids, err := db.nextIDs(conn, &q, runs, max)
			if err != nil {
				return err
			}
			for _, id := range ids {
				var r storedSubscription
				if _, err := row(conn, byID, r.scan, id); err != nil {
					return err
				}
				out, q.After = db.keep(out, []storedSubscription{r}, q), r.ID
				if len(out) >= q.Max {
					return nil
				}
			}
			if len(ids) < max {
				return nil
			}
		}
	})
	return out, err
}

// searchGroups lists the groups of an owner, or of all: one step of the index for
// each.
func searchGroups(conn *sqlite.Conn, ods string) (out []store.SearchGroup, err error) {
	if ods == "" {
		for owner, found := "", true; found; {
			found, err = row(conn, nextOwner, func(s *sqlite.Stmt) { owner = s.ColumnText(0) }, owner)
			if err == nil && found {
				var some []store.SearchGroup
				some, err = searchGroups(conn, owner)
				out = append(out, some...)
			}
			if err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	g := store.SearchGroup{Number: -1}
	for {
		found, err := row(conn, nextGroup, func(s *sqlite.Stmt) {
			g = store.SearchGroup{ODS: nhs.ODSCode(s.ColumnText(0)), Number: s.ColumnInt64(1)}
			g.Any.Mailbox = s.ColumnText(2)
			g.Any.Criteria, _ = subscription.ParseCriteria(s.ColumnText(3))
		}, ods, g.Number)
		if err != nil || !found {
			return out, err
		}
		out = append(out, g)
	}
}

// afterAll is larger than every id.
var afterAll = bytes.Repeat([]byte{0xff}, len(subscription.ID{})+1)

// nextIDs returns the first max ids behind q.After that stand in one of the
// runs, or have ended and are to show so, in their order.
func (db *DB) nextIDs(conn *sqlite.Conn, q *store.SubscriptionQuery, runs []store.Run, max int) (ids [][]byte, err error) {
	before := afterAll
	merge := func(query string, args ...any) error {
		had := len(ids)
		err := rows(conn, query, func(s *sqlite.Stmt) error {
			ids = append(ids, blob(s, 0))
			return nil
		}, args...)
		if len(ids) > had {
			slices.SortFunc(ids, bytes.Compare)
			ids = slices.CompactFunc(ids, bytes.Equal)
		}
		if len(ids) >= max { // nothing behind these is wanted of the others
			ids = ids[:max]
			before = ids[max-1]
		}
		return err
	}
	if q.WantsOff() {
		err = merge(dueIDs, db.opts.Now().UnixMicro(), string(q.ODS), q.After[:], before)
	}
	for _, r := range runs {
		if err != nil {
			return nil, err
		}
		err = merge(runIDs, r.ODS, r.Group, r.Status, q.After[:], before, max)
	}
	return ids, err
}
