package postgres

import (
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/store/ledger"
	"nems/internal/subscription"
)

// dialect is what PostgreSQL says otherwise than SQLite.
type dialect struct{ db *DB }

// LeaseClock is the database's clock, which all nodes share.
func (d dialect) LeaseClock() (string, any) { return leaseClock, d.db.leaseNow() }

func (dialect) In(column, parameter string, _ ledger.List) string {
	return column + " = ANY(" + parameter + ")"
}

func (dialect) SameID(column, parameter string) string {
	return "upper(" + column + ") = upper(" + parameter + ")"
}

// Pack leaves pieces as they are: nodes of earlier versions read them.
func (dialect) Pack(plain []byte) (store.Codec, []byte) { return store.Plain, plain }

func (dialect) CountsWholeMessages() bool { return true }

func (dialect) First(table, _, condition, limit string) string {
	return "ctid = ANY(ARRAY(SELECT ctid FROM " + table + " WHERE " + condition + " LIMIT " + limit + " FOR UPDATE SKIP LOCKED))"
}

func (dialect) Apart(column string) string { return column + " || ''" }

// MostReplayed is what makes a transaction of its own worth its flush.
func (dialect) MostReplayed() int { return 500 }

func (dialect) Unspread() string { return "fanout" }

// EventCopies is a column of the event.
func (dialect) EventCopies() ledger.EventCopies {
	return ledger.EventCopies{Columns: "e.copies", Any: "w.copies > 0", Count: "w.copies", InOrder: " ORDER BY w.id DESC"}
}

// The statements of a search. Each reads no more entries of its index than it
// yields; for each run, runIDs does.
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
)

// SearchGroups takes one step of the index for each group.
func (dialect) SearchGroups(r ledger.Reader, ods string) (out []store.SearchGroup, err error) {
	statement, args := groupsOfAll, []any(nil)
	if ods != "" {
		statement, args = groupsOfOne, []any{ods}
	}
	err = r.Query(func(row ledger.Row) error {
		var owner, criteria string
		var g store.SearchGroup
		err := row.Scan(&owner, &g.Number, &g.Any.Mailbox, &criteria)
		g.ODS = nhs.ODSCode(owner)
		g.Any.Criteria, _ = subscription.ReadCriteria(criteria)
		out = append(out, g)
		return err
	}, statement, args...)
	return out, err
}

func (dialect) RunStep() int { return 16 }

func (dialect) RunIDs(r ledger.Reader, runs []store.Run, after, before []byte, max int) (ids [][]byte, err error) {
	var owners []string
	var groups []int64
	var statuses []int16
	for _, run := range runs {
		owners, groups, statuses = append(owners, run.ODS), append(groups, run.Group), append(statuses, int16(run.Status))
	}
	err = r.Query(func(row ledger.Row) error {
		var id []byte
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	}, runIDs, owners, groups, statuses, after, before, max)
	return ids, err
}
