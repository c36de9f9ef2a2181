package sqlite

import (
	"zombiezen.com/go/sqlite"

	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/store/ledger"
	"nems/internal/subscription"
)

// dialect is what SQLite says otherwise than PostgreSQL.
type dialect struct{ db *DB }

func (d dialect) LeaseClock() (string, any) { return "$1", d.db.leaseNow().UnixMicro() }

// In reads a list that the ledger's reader has made JSON of.
func (dialect) In(column, parameter string, of ledger.List) string {
	if of == ledger.Bytes {
		return column + " IN (SELECT unhex(value) FROM json_each(" + parameter + "))"
	}
	return column + " IN (SELECT value FROM json_each(" + parameter + "))"
}

// SameID compares by the column's collation, which is NOCASE.
func (dialect) SameID(column, parameter string) string { return column + " = " + parameter }

func (dialect) Pack(plain []byte) (store.Codec, []byte) { return store.Pack(plain) }

func (dialect) CountsWholeMessages() bool { return false }

func (dialect) First(table, key, condition, limit string) string {
	return key + " IN (SELECT " + key + " FROM " + table + " WHERE " + condition + " LIMIT " + limit + ")"
}

func (dialect) Apart(column string) string { return "+" + column }

// MostReplayed is few: publishes share the commit.
func (dialect) MostReplayed() int { return 20 }

func (dialect) Unspread() string { return "spread" }

// EventCopies counts the mailboxes in the event's row, or where there are none in it the
// copies of a fan-out. A selection of a subquery yields its rows as they come; asked for
// an order, SQLite would read all of them first.
func (dialect) EventCopies() ledger.EventCopies {
	return ledger.EventCopies{Columns: "e.mailboxes", Any: "(w.mailboxes IS NULL OR length(w.mailboxes) > 0)",
		Join: " LEFT JOIN fanout f ON f.event = w.id AND w.mailboxes IS NULL", Count: "count_copies(w.mailboxes, f.copies)"}
}

// countCopies is count_copies(event.mailboxes, fanout.copies).
var countCopies = &sqlite.FunctionImpl{NArgs: 2, Deterministic: true, Scalar: func(_ sqlite.Context, args []sqlite.Value) (sqlite.Value, error) {
	if args[1].Type() != sqlite.TypeNull {
		n, err := store.CountCopies(args[1].Blob())
		return sqlite.IntegerValue(int64(n)), err
	}
	return sqlite.IntegerValue(int64(countVarints(args[0].Blob()))), nil
}}

// The statements of a search. Each reads no more entries of its index than it
// yields.
const (
	nextGroup = `SELECT ods, class, endpoint, criteria FROM subscription INDEXED BY subscription_class
		WHERE ods = $1 AND class > $2 ORDER BY class LIMIT 1`
	nextOwner = "SELECT ods FROM subscription INDEXED BY subscription_class WHERE ods > $1 ORDER BY ods LIMIT 1"
	runIDs    = `SELECT id FROM subscription INDEXED BY subscription_class
		WHERE ods = $1 AND class = $2 AND status = $3 AND id > $4 AND id < $5 ORDER BY id LIMIT $6`
)

// SearchGroups takes one step of the index for each group.
func (dialect) SearchGroups(r ledger.Reader, ods string) (out []store.SearchGroup, err error) {
	if ods != "" {
		return groupsOf(r, ods)
	}
	for owner, found := "", true; found; {
		found = false
		err = r.Query(func(row ledger.Row) error { found = true; return row.Scan(&owner) }, nextOwner, owner)
		if err == nil && found {
			var some []store.SearchGroup
			some, err = groupsOf(r, owner)
			out = append(out, some...)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func groupsOf(r ledger.Reader, ods string) (out []store.SearchGroup, err error) {
	for last, found := int64(-1), true; found; {
		found = false
		err = r.Query(func(row ledger.Row) error {
			var owner, criteria string
			var g store.SearchGroup
			err := row.Scan(&owner, &g.Number, &g.Any.Mailbox, &criteria)
			g.ODS = nhs.ODSCode(owner)
			g.Any.Criteria, _ = subscription.ReadCriteria(criteria)
			found, last, out = true, g.Number, append(out, g)
			return err
		}, nextGroup, ods, last)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (dialect) RunStep() int { return 1 }

func (dialect) RunIDs(r ledger.Reader, runs []store.Run, after, before []byte, max int) (ids [][]byte, err error) {
	for _, run := range runs {
		err = r.Query(func(row ledger.Row) error {
			var id []byte
			err := row.Scan(&id)
			ids = append(ids, id)
			return err
		}, runIDs, run.ODS, run.Group, run.Status, after, before, max)
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
}
