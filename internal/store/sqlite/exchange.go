package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"

	"nems/internal/store/portable"
)

// exchange reads tables in their portable form through one connection.
type exchange struct {
	conn    *sqlite.Conn
	options portable.Options

	types, codes map[int64]int64 // numbers of rows to portable ones
	ranks        *portable.Ranks
	seen         *portable.Seen
	moments      map[int64]int64 // of deferred events
}

// portableSelect has the statements of tables whose rows are not those of the
// portable form as they are.
var portableSelect = map[string]string{
	"event_type": "SELECT code, workflow FROM event_type ORDER BY id",
	"event_code": "SELECT code FROM event_code ORDER BY id",
	"registry":   "SELECT version FROM registry_version",
	"event": `SELECT e.id, e.type, e.kind, e.message_id, e.publisher, e.withheld, e.warnings, count_copies(e.mailboxes, f.copies), e.codec, e.size, e.sha256,
		e.body, e.patient, e.facts, e.mailboxes FROM event e LEFT JOIN fanout f ON e.mailboxes IS NULL AND f.event = e.id ORDER BY e.id`,
	"fanout":         "SELECT f.event, s.offset, f.copies FROM fanout f JOIN spread s ON s.event = f.event ORDER BY f.event",
	"pending":        "SELECT event, since, refusal FROM pending ORDER BY event",
	"route":          "SELECT hash, code, class, mailbox, id, candidate, since FROM route",
	"patient_change": "SELECT event, patient FROM patient_change ORDER BY n",
	"audit_link":     "SELECT id, chain, seq, at, heads, hash, entries FROM audit_link ORDER BY id",
	"subscription": `SELECT id, asid, ods, mailbox, endpoint, criteria, hash, CASE WHEN ends <= ?1 THEN NULL ELSE same END, status, ends, reason, created, version,
		contacts, class, error, rejected FROM subscription`,
}

// Rows is portable.Source's.
func (x *exchange) Rows(ctx context.Context, name string) portable.Rows {
	return func(yield func(portable.Row, error) bool) {
		t, ok := portable.Find(name)
		if !ok {
			yield(nil, fmt.Errorf("no table moves that is called %q", name))
			return
		}
		if err := x.prepare(name); err != nil {
			yield(nil, err)
			return
		}
		query, args := portableSelect[name], []any(nil)
		if query == "" {
			query = "SELECT " + quotedColumns(&t) + ` FROM "` + name + `"`
		}
		if name == "subscription" {
			args = []any{x.options.At.UnixMicro()}
		}
		row, n := make(portable.Row, len(t.Columns)), 0
		err := rows(x.conn, query, func(s *sqlite.Stmt) error {
			if n++; n%1000 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			for i, c := range t.Columns {
				row[i] = portableValue(s, i, c.Kind)
			}
			if err := x.portable(name, row); err != nil {
				return err
			}
			if !yield(row, nil) {
				return errEnough
			}
			return nil
		}, args...)
		if err != nil {
			yield(nil, fmt.Errorf("%s: %w", name, err))
		}
	}
}

func quotedColumns(t *portable.Table) string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = `"` + c.Name + `"`
	}
	return strings.Join(names, ", ")
}

func portableValue(s *sqlite.Stmt, column int, kind portable.Kind) any {
	if s.ColumnIsNull(column) {
		return nil
	}
	switch kind {
	case portable.Text:
		return s.ColumnText(column)
	case portable.Bytes:
		return blob(s, column)
	case portable.Bool:
		return s.ColumnBool(column)
	case portable.Int:
	}
	return s.ColumnInt64(column)
}

// prepare reads what the rows of a table need to be portable.
func (x *exchange) prepare(table string) error {
	switch table {
	case "event", "inbox", "collected":
		return x.readNumbers()
	case "route", "pending":
		if err := x.readNumbers(); err != nil {
			return err
		}
		return x.readRanks()
	}
	return nil
}

func (x *exchange) readNumbers() error {
	x.types, x.codes = map[int64]int64{0: 0}, map[int64]int64{} // type 0: what mailboxes send each other
	err := rows(x.conn, "SELECT id, code, workflow FROM event_type", func(s *sqlite.Stmt) error {
		x.types[s.ColumnInt64(0)] = int64(portable.TypeNumber(s.ColumnText(1), s.ColumnText(2)))
		return nil
	})
	if err != nil {
		return err
	}
	return rows(x.conn, "SELECT id, code FROM event_code", func(s *sqlite.Stmt) error {
		x.codes[s.ColumnInt64(0)] = int64(portable.CodeNumber(s.ColumnText(1)))
		return nil
	})
}

// readRanks reads when the deferred events were accepted, and which ranks the routes
// have: few events wait, and few routes are younger than they are.
func (x *exchange) readRanks() error {
	x.moments = map[int64]int64{}
	var all []int64
	err := rows(x.conn, "SELECT event, since FROM pending", func(s *sqlite.Stmt) error {
		x.moments[s.ColumnInt64(0)] = s.ColumnInt64(1)
		all = append(all, s.ColumnInt64(1))
		return nil
	})
	if err != nil {
		return err
	}
	x.ranks = portable.RanksOf(all)
	ranks := map[int64]bool{}
	if len(all) > 0 {
		err = rows(x.conn, "SELECT since FROM route WHERE since > (SELECT min(since) FROM pending)", func(s *sqlite.Stmt) error {
			ranks[x.ranks.Of(s.ColumnInt64(0))] = true
			return nil
		})
	}
	x.seen = portable.SeenOf(ranks)
	return err
}

// portable makes the values of a row portable.
func (x *exchange) portable(table string, row portable.Row) error {
	switch table {
	case "event":
		return translate(x.types, row, 1, "event type")
	case "inbox", "collected":
		return translate(x.types, row, 2, "event type")
	case "route":
		row[6] = x.ranks.Of(row[6].(int64)) //nolint:forcetypeassert // NOT NULL
		return translate(x.codes, row, 1, "event code")
	case "pending":
		row[1] = x.seen.UpTo(x.ranks.Of(row[1].(int64))) //nolint:forcetypeassert // NOT NULL
	case "workflow":
		for i := 1; i <= 2; i++ {
			ids, err := mailboxIDs(row[i])
			if err != nil {
				return err
			}
			row[i] = ids
		}
	}
	return nil
}

// translate replaces a number.
func translate(numbers map[int64]int64, row portable.Row, column int, what string) error {
	n, _ := row[column].(int64)
	to, ok := numbers[n]
	if !ok {
		return fmt.Errorf("%s: expected the number of an %s; received %d, which no row has", row[0], what, n)
	}
	row[column] = to
	return nil
}

// mailboxIDs is a list of mailboxes as JSON: [] where there is none.
func mailboxIDs(v any) (string, error) {
	ids := []string{}
	if text, ok := v.(string); ok {
		if err := json.Unmarshal([]byte(text), &ids); err != nil {
			return "", err
		}
	}
	if ids == nil {
		ids = []string{}
	}
	b, err := json.Marshal(ids)
	return string(b), err
}

// Count is portable.Source's.
func (x *exchange) Count(_ context.Context, table string) (int64, error) {
	switch table {
	case "registry":
		table = "registry_version"
	case "fanout":
		table = "spread"
	}
	return number(x.conn, `SELECT count(*) FROM "`+table+`"`)
}

// Bytes is portable.Source's.
func (x *exchange) Bytes(context.Context) (int64, error) {
	pages, err := number(x.conn, "PRAGMA page_count")
	if err != nil {
		return 0, err
	}
	free, err := number(x.conn, "PRAGMA freelist_count")
	return (pages - free) * pageSize, err
}

// Ceiling is portable.Source's: marks are the numbers of changes.
func (x *exchange) Ceiling(context.Context) (int64, error) {
	return number(x.conn, "SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'patient_change'), 0) + 1")
}
