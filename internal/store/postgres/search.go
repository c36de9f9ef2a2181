package postgres

import (
	"bytes"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// The statements of a search. Each reads no more entries of its index than it
// yields (for each run, runIDs), but dueIDs, which reads what has ended within
// the last minute or so. What is appended to a column keeps the planner from the
// index of owners, which may have very many.
const (
	groupsOfOne = `WITH RECURSIVE c AS (
		(SELECT ods, class, endpoint, criteria FROM subscription WHERE ods = $1 ORDER BY class LIMIT 1)
		UNION ALL SELECT n.* FROM c, LATERAL (SELECT s.ods, s.class, s.endpoint, s.criteria FROM subscription s
			WHERE s.ods = $1 AND s.class > c.class ORDER BY s.class LIMIT 1) n)
		SELECT * FROM c`
	groupsOfAll = `WITH RECURSIVE c AS (
		(SELECT ods, class, endpoint, criteria FROM subscription ORDER BY ods, class LIMIT 1)
		UNION ALL SELECT n.* FROM c, LATERAL (SELECT s.ods, s.class, s.endpoint, s.criteria FROM subscription s
			WHERE (s.ods, s.class) > (c.ods, c.class) ORDER BY s.ods, s.class LIMIT 1) n)
		SELECT * FROM c`
	runIDs = `SELECT s.id FROM unnest($1::text[], $2::bigint[], $3::smallint[]) r(ods, class, status), LATERAL (
		SELECT t.id FROM subscription t WHERE t.ods = r.ods AND t.class = r.class AND t.status = r.status AND t.id > $4 AND t.id < $5
		ORDER BY t.id LIMIT $6) s ORDER BY s.id LIMIT $6`
	dueIDs = `SELECT id FROM subscription WHERE ends IS NOT NULL AND ends <= $1 AND status <> 3 AND ($2 = '' OR ods || '' = $2)
		AND id || ''::bytea > $3 AND id || ''::bytea < $4`
	byIDs = selectSubscription + " WHERE id = ANY($1) ORDER BY id"
)

// search lists what a query selects that filters and names no patients, by the
// groups that may have it.
func (db *DB) search(ctx context.Context, q store.SubscriptionQuery) (out []subscription.Subscription, err error) {
	err = db.view(ctx, func(ctx context.Context, c querier) error {
		out = nil
		groups, err := searchGroups(ctx, c, string(q.ODS))
		if err != nil {
			return err
		}
		q, runs := q, q.Runs(groups)
		for max := min(scanned, max(q.Max, 100)); ; {
			ids, err := db.nextIDs(ctx, c, &q, runs, max)
			if err != nil || len(ids) == 0 {
				return err
			}
			found, err := all(ctx, c, scanSubscription, byIDs, ids)
			if err != nil {
				return err
			}
			if out = db.keep(out, found, q); len(out) >= q.Max {
				out = out[:q.Max]
				return nil
			}
			if len(ids) < max {
				return nil
			}
			copy(q.After[:], ids[max-1])
		}
	})
	return out, err
}

// searchGroups lists the groups of an owner, or of all: one step of the index for
// each.
func searchGroups(ctx context.Context, q querier, ods string) ([]store.SearchGroup, error) {
	scan := func(r pgx.Rows) (g store.SearchGroup, err error) {
		var owner, criteria string
		err = r.Scan(&owner, &g.Number, &g.Any.Mailbox, &criteria)
		g.ODS = nhs.ODSCode(owner)
		g.Any.Criteria, _ = subscription.ParseCriteria(criteria)
		return g, err
	}
	if ods == "" {
		return all(ctx, q, scan, groupsOfAll)
	}
	return all(ctx, q, scan, groupsOfOne, ods)
}

// runStep is how many runs one statement reads.
const runStep = 16

// afterAll is larger than every id.
var afterAll = bytes.Repeat([]byte{0xff}, len(subscription.ID{})+1)

// nextIDs returns the first max ids behind q.After that stand in one of the
// runs, or have ended and are to show so, in their order.
func (db *DB) nextIDs(ctx context.Context, c querier, q *store.SubscriptionQuery, runs []store.Run, max int) (ids [][]byte, err error) {
	before := afterAll
	merge := func(sql string, args ...any) error {
		some, err := all(ctx, c, func(r pgx.Rows) (id []byte, err error) { return id, r.Scan(&id) }, sql, args...)
		ids = append(ids, some...)
		slices.SortFunc(ids, bytes.Compare)
		ids = slices.CompactFunc(ids, bytes.Equal)
		if len(ids) >= max { // nothing behind these is wanted of the others
			ids = ids[:max]
			before = ids[max-1]
		}
		return err
	}
	if q.WantsOff() {
		err = merge(dueIDs, db.opts.Now().UnixMicro(), string(q.ODS), q.After[:], before)
	}
	for some := range slices.Chunk(runs, runStep) {
		if err != nil {
			return nil, err
		}
		var owners []string
		var groups []int64
		var statuses []int16
		for _, r := range some {
			owners, groups, statuses = append(owners, r.ODS), append(groups, r.Group), append(statuses, int16(r.Status))
		}
		err = merge(runIDs, owners, groups, statuses, q.After[:], before, max)
	}
	return ids, err
}
