package ledger

import (
	"bytes"
	"context"
	"slices"

	"nems/internal/store"
	"nems/internal/subscription"
)

// What the statements of a search select by. What is kept apart would have them
// read by the index of owners, who may have very many.

// ofOwner: one owner's, in the order of their ids.
const ofOwner = " WHERE ods = $3 AND id > $1 ORDER BY id LIMIT $2"

// underKey: those under one route key, of one owner or of all.
func underKey(d Dialect) string {
	return " WHERE hash = $1 AND ($2 = '' OR " + d.Apart("ods") + " = $2) AND " + d.Apart("id") + " > $3 ORDER BY id"
}

// due: those that have ended and do not show so yet.
func due(d Dialect) string {
	return " WHERE ends IS NOT NULL AND ends <= $1 AND status <> 3 AND ($2 = '' OR " + d.Apart("ods") + " = $2) AND " +
		d.Apart("id") + " > $3 AND " + d.Apart("id") + " < $4"
}

// withIDs: those of a list.
func withIDs(d Dialect) string { return " WHERE " + d.In("id", "$1", Bytes) + " ORDER BY id" }

// Searches are the statements of searches by name: an engine's test looks at how
// they are planned.
func Searches(d Dialect) map[string]string {
	return map[string]string{
		"owner": selectSubscription + ofOwner, "key": selectSubscription + underKey(d),
		"due": "SELECT id FROM subscription" + due(d), "ids": selectSubscription + withIDs(d),
	}
}

// search lists what a query selects that filters and names no patients, by the
// groups that may have it. Its statements read no more entries of an index than
// they yield, but for what has ended within the last minute or so.
func (l *Ledger) search(ctx context.Context, q store.SubscriptionQuery) (out []subscription.Subscription, err error) {
	err = l.engine.View(ctx, func(r Reader) error {
		groups, err := l.dialect.SearchGroups(r, string(q.ODS))
		if err != nil {
			return err
		}
		out, err = l.searchRuns(r, q, q.Runs(groups))
		return err
	})
	return out, err
}

func (l *Ledger) searchRuns(r Reader, q store.SubscriptionQuery, runs []store.Run) (out []subscription.Subscription, err error) {
	byIDs := selectSubscription + withIDs(l.dialect)
	for max := min(scanned, max(q.Max, 100)); ; {
		ids, err := l.nextIDs(r, &q, runs, max)
		if err != nil || len(ids) == 0 {
			return out, err
		}
		found, err := all(r, scanSubscription, byIDs, ids)
		if err != nil {
			return nil, err
		}
		if out = l.selected(out, found, &q); len(out) >= q.Max {
			return out[:q.Max], nil
		}
		if len(ids) < max {
			return out, nil
		}
		copy(q.After[:], ids[max-1])
	}
}

// afterAll is larger than every id.
var afterAll = bytes.Repeat([]byte{0xff}, len(subscription.ID{})+1)

// nextIDs returns the first max ids behind q.After that stand in one of the runs,
// or have ended and are to show so, in their order.
func (l *Ledger) nextIDs(r Reader, q *store.SubscriptionQuery, runs []store.Run, max int) (ids [][]byte, err error) {
	before := afterAll
	merge := func(some [][]byte, err error) error {
		if len(some) > 0 {
			ids = append(ids, some...)
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
		err = merge(column[[]byte](r, "SELECT id FROM subscription"+due(l.dialect), l.options.Now().UnixMicro(), string(q.ODS), q.After[:], before))
	}
	for some := range slices.Chunk(runs, l.dialect.RunStep()) {
		if err != nil {
			return nil, err
		}
		err = merge(l.dialect.RunIDs(r, some, q.After[:], before, max))
	}
	return ids, err
}
