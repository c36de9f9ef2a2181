package postgres

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"nems/internal/store"
	"nems/internal/store/portable"
	"nems/internal/subscription"
)

// exchange reads tables in their portable form through one connection.
type exchange struct {
	conn    *pgx.Conn
	options portable.Options
	source  bool // what only another engine keeps is worked out too

	ranks *portable.SnapshotRanks
	seen  *portable.Seen
}

// portableSelect has the statements of tables whose rows are not those of the
// portable form as they are. Numbers of transactions and snapshots are texts.
var portableSelect = map[string]string{
	"registry": "SELECT registry FROM version",
	"event": `SELECT id, type, kind, message_id, publisher, withheld, warnings, copies, codec, size, sha256, body, patient, facts, NULL::text
		FROM event ORDER BY id`,
	"pending": "SELECT event, snapshot::text, refusal FROM pending ORDER BY event",
	"route": `SELECT hash, code, 0 AS class, mailbox, id, candidate, since::text FROM route WHERE NOT classed
		UNION ALL SELECT hash, code, class, mailbox, id, candidate, since::text FROM route_class`,
	"patient_change": "SELECT event, patient FROM patient_change ORDER BY since, event",
	"audit_link":     "SELECT id, chain, seq, at, heads, hash, entries FROM audit_link ORDER BY id",
	"idempotency":    "SELECT k.digest, k.event, k.sha256, greatest(k.copies, coalesce(e.copies, 0)) FROM idempotency k LEFT JOIN event e ON e.id = k.event",
	"subscription": `SELECT id, asid, ods, mailbox, endpoint, criteria, hash, CASE WHEN ends <= $1 THEN NULL ELSE same END, status, ends, reason, created, version,
		contacts, class, error, rejected FROM subscription`,
}

// eventsWithBoxes adds the mailboxes that have a copy, for an engine that keeps them
// with the event: none where copies are still to be spread.
const eventsWithBoxes = `SELECT e.id, e.type, e.kind, e.message_id, e.publisher, e.withheld, e.warnings, e.copies, e.codec, e.size, e.sha256, e.body, e.patient, e.facts,
	CASE WHEN f.event IS NULL THEN coalesce(c.boxes, '') END
	FROM event e LEFT JOIN fanout f ON f.event = e.id LEFT JOIN (
		SELECT position, string_agg(mailbox::text, ',' ORDER BY mailbox) AS boxes FROM (
			SELECT position, mailbox FROM inbox WHERE type <> 0 UNION ALL SELECT position, mailbox FROM collected WHERE type <> 0) copy
		GROUP BY position) c ON c.position = e.id ORDER BY e.id`

// Rows is portable.Source's.
func (x *exchange) Rows(ctx context.Context, name string) portable.Rows {
	return func(yield func(portable.Row, error) bool) {
		goOn := true
		err := x.each(ctx, name, func(r portable.Row) bool {
			goOn = yield(r, nil)
			return goOn
		})
		if err != nil && goOn {
			yield(nil, fmt.Errorf("%s: %w", name, plain(err)))
		}
	}
}

// each calls yield for the rows of a table until it returns false.
func (x *exchange) each(ctx context.Context, name string, yield func(portable.Row) bool) error {
	t, ok := portable.Find(name)
	if !ok {
		return fmt.Errorf("no table moves that is called %q", name)
	}
	if name == "route" || name == "pending" {
		if err := x.readRanks(ctx); err != nil {
			return err
		}
	}
	query, args := portableSelect[name], []any(nil)
	switch {
	case name == "event" && x.source:
		query = eventsWithBoxes
	case name == "subscription":
		args = []any{x.options.At.UnixMicro()}
	case query == "":
		query = "SELECT " + quotedColumns(&t) + " FROM " + pgx.Identifier{name}.Sanitize()
	}
	found, err := x.conn.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer found.Close()
	row := make(portable.Row, len(t.Columns))
	for found.Next() {
		if err := values(found, row); err != nil {
			return err
		}
		more, err := x.portable(name, row, yield)
		if err != nil || !more {
			return err
		}
	}
	return found.Err()
}

func quotedColumns(t *portable.Table) string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = pgx.Identifier{c.Name}.Sanitize()
	}
	return strings.Join(names, ", ")
}

// values reads the columns of a row, which come in PostgreSQL's binary formats; those
// of text are the same either way.
func values(rows pgx.Rows, into portable.Row) error {
	fields, raw := rows.FieldDescriptions(), rows.RawValues()
	for i, b := range raw {
		if b == nil {
			into[i] = nil
			continue
		}
		oid := fields[i].DataTypeOID
		if fields[i].Format != pgx.BinaryFormatCode && oid != pgtype.TextOID && oid != pgtype.TextArrayOID {
			return fmt.Errorf("column %s: expected the binary format", fields[i].Name)
		}
		switch oid {
		case pgtype.Int2OID:
			into[i] = int64(int16(binary.BigEndian.Uint16(b))) //nolint:gosec // it is one
		case pgtype.Int4OID:
			into[i] = int64(int32(binary.BigEndian.Uint32(b))) //nolint:gosec // it is one
		case pgtype.Int8OID:
			into[i] = int64(binary.BigEndian.Uint64(b)) //nolint:gosec // it is one
		case pgtype.BoolOID:
			into[i] = b[0] != 0
		case pgtype.ByteaOID:
			into[i] = b
		case pgtype.TextOID:
			into[i] = string(b)
		case pgtype.TextArrayOID:
			list, err := mailboxIDs(fields[i].Format, b)
			if err != nil {
				return err
			}
			into[i] = list
		default:
			return fmt.Errorf("column %s: unexpected type %d", fields[i].Name, oid)
		}
	}
	return nil
}

// mailboxIDs makes JSON of a list of mailboxes.
func mailboxIDs(format int16, b []byte) (string, error) {
	ids := []string{}
	if err := pgtype.NewMap().Scan(pgtype.TextArrayOID, format, b, &ids); err != nil {
		return "", err
	}
	text, err := json.Marshal(ids)
	return string(text), err
}

// readRanks reads what the deferred events see, and which ranks the routes have.
func (x *exchange) readRanks(ctx context.Context) error {
	all, err := all(ctx, x.conn, func(r pgx.Rows) (portable.Snapshot, error) {
		var text string
		if err := r.Scan(&text); err != nil {
			return portable.Snapshot{}, err
		}
		return portable.ParseSnapshot(text)
	}, "SELECT snapshot::text FROM pending")
	if err != nil {
		return err
	}
	x.ranks = portable.SnapshotRanksOf(all)
	ranks := map[int64]bool{}
	if len(all) > 0 {
		err = x.eachTransaction(ctx, func(n uint64) { ranks[x.ranks.Of(n)] = true })
	}
	x.seen = portable.SeenOf(ranks)
	return err
}

// eachTransaction lists those that have made routes active since the first deferred
// event.
func (x *exchange) eachTransaction(ctx context.Context, f func(uint64)) error {
	rows, err := x.conn.Query(ctx, "SELECT DISTINCT since::text FROM route WHERE since >= (SELECT min(pg_snapshot_xmin(snapshot)) FROM pending)")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return err
		}
		f(n)
	}
	return rows.Err()
}

// portable makes the values of a row portable and hands it on.
func (x *exchange) portable(table string, row portable.Row, yield func(portable.Row) bool) (more bool, err error) {
	text := func(i int) string { s, _ := row[i].(string); return s }
	switch table {
	case "event":
		if row[14] != nil {
			copies, _ := row[7].(int64)
			row[14], err = packBoxes(text(14), copies)
		}
	case "pending":
		s, err := portable.ParseSnapshot(text(1))
		if err != nil {
			return false, err
		}
		row[1] = x.seen.UpTo(x.ranks.Limit(s))
	case "route":
		n, err := strconv.ParseUint(text(6), 10, 64)
		if err != nil {
			return false, err
		}
		row[6] = x.ranks.Of(n)
		if row[3] == int64(0) {
			return refiled(row, yield), nil
		}
	}
	return err == nil && yield(row), err
}

// refiled hands on a route as a version before classes has filed it: a row for each
// class.
func refiled(row portable.Row, yield func(portable.Row) bool) bool {
	var c subscription.Candidate
	packed, _ := row[5].([]byte)
	if store.UnpackCandidate(packed, &c) != nil {
		return yield(row)
	}
	if c.Status != subscription.Active {
		return true
	}
	for _, class := range subscription.Classes(c.Ages, c.Registration) {
		row[2], row[3] = int64(class), c.Mailbox
		if !yield(row) {
			return false
		}
	}
	return true
}

// packBoxes packs the mailboxes that have a copy of an event, as varints. Copies that
// were taken away, as by a reset, are 0, so that their number stays.
func packBoxes(list string, copies int64) ([]byte, error) {
	b, n := []byte{}, int64(0)
	for text := range strings.SplitSeq(list, ",") {
		if text == "" {
			continue
		}
		row, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, err
		}
		b, n = binary.AppendUvarint(b, row), n+1
	}
	for ; n < copies; n++ {
		b = append(b, 0)
	}
	return b, nil
}

// Count is portable.Source's.
func (x *exchange) Count(ctx context.Context, table string) (n int64, err error) {
	query := "SELECT count(*) FROM " + pgx.Identifier{table}.Sanitize()
	switch table {
	case "registry":
		query = "SELECT 1"
	case "route":
		query = "SELECT (SELECT count(*) FROM route WHERE NOT classed) + (SELECT count(*) FROM route_class)"
	}
	err = x.conn.QueryRow(ctx, query).Scan(&n)
	return n, plain(err)
}

// Bytes is portable.Source's.
func (x *exchange) Bytes(ctx context.Context) (n int64, err error) {
	err = x.conn.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&n)
	return n, plain(err)
}

// Ceiling is portable.Source's: marks are numbers of transactions.
func (x *exchange) Ceiling(ctx context.Context) (n int64, err error) {
	err = x.conn.QueryRow(ctx, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint").Scan(&n)
	return n, plain(err)
}
