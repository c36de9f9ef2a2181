package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/store/ledger"
	"nems/internal/store/portable"
)

// sequences number the rows of these tables.
var sequences = []struct{ table, column string }{{"mailbox", "row"}, {"audit_link", "id"}, {"refusal", "n"}, {"session", "n"}}

// foreignTables names the tables with numbers of transactions that the server has not
// come to.
const foreignTables = `SELECT name FROM (
	SELECT 'audit_link' AS name, EXISTS (SELECT FROM audit_link WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())) AS ahead
	UNION ALL SELECT 'mailbox', EXISTS (SELECT FROM mailbox WHERE since >= pg_snapshot_xmax(pg_current_snapshot()))
	UNION ALL SELECT 'route', EXISTS (SELECT FROM route WHERE since >= pg_snapshot_xmax(pg_current_snapshot()))
	UNION ALL SELECT 'patient_change', EXISTS (SELECT FROM patient_change WHERE since >= pg_snapshot_xmax(pg_current_snapshot()))
	UNION ALL SELECT 'pending', EXISTS (SELECT FROM pending WHERE pg_snapshot_xmax(snapshot) > pg_snapshot_xmax(pg_current_snapshot()))) t WHERE ahead`

// Adopt makes a dump that was restored into another server a database that nodes can
// run on. Rows have the numbers of the transactions that wrote them, and a server
// whose own numbers are lower would show such rows to no reader. It returns
// portable.ErrInUse while nodes run. To adopt again does no harm.
func Adopt(ctx context.Context, dsn string) error {
	if err := prepareSchema(ctx, dsn, false); errors.Is(err, errEmpty) {
		return errors.New("PostgreSQL: there is nothing in this database yet: restore the dump first (pg_restore)")
	} else if err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	conn, err := connectToMove(ctx, dsn)
	if err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	t := &target{exchange: exchange{conn: conn}}
	if err := t.transaction(ctx, func(tx pgx.Tx) error { return t.adopt(ctx, tx) }); err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	return t.advance(ctx, firstRank+t.top+1)
}

// adopt renews the numbers. What deferred events see stays the same, as with a move.
func (t *target) adopt(ctx context.Context, tx pgx.Tx) error {
	// A dump of a running service has the leases of its nodes, which lapse here.
	if err := alone(ctx, tx); err != nil {
		return err
	}
	if err := t.readRanks(ctx); err != nil {
		return err
	}
	b := &pgx.Batch{}
	// First those that every deferred event sees.
	for _, table := range []string{"route", "route_class"} {
		b.Queue("UPDATE " + table + ` SET since = '8' WHERE since >= pg_snapshot_xmax(pg_current_snapshot())
			AND since < coalesce((SELECT min(pg_snapshot_xmin(snapshot)) FROM pending), '9223372036854775807')`)
	}
	if err := t.queueRanks(ctx, tx, b); err != nil {
		return err
	}
	for _, statement := range []string{
		"UPDATE audit_link SET xid = pg_current_xact_id() WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())",
		"UPDATE mailbox SET since = pg_current_xact_id() WHERE since >= pg_snapshot_xmax(pg_current_snapshot())",
		"UPDATE patient_change SET since = pg_current_xact_id()", // directories learn all of them again
	} {
		b.Queue(statement)
	}
	b.Queue(ledger.BeginEpoch, time.Now().Unix())
	return tx.SendBatch(ctx, b).Close()
}

// queueRanks gives deferred events, and the routes that have become active since the
// first of them, the numbers that stand for their ranks.
func (t *target) queueRanks(ctx context.Context, tx pgx.Tx, b *pgx.Batch) error {
	waiting, err := all(ctx, tx, func(r pgx.Rows) (s [2]string, err error) { return s, r.Scan(&s[0], &s[1]) }, "SELECT event::text, snapshot::text FROM pending")
	if err != nil || len(waiting) == 0 {
		return err
	}
	var before, after []string
	err = t.eachTransaction(ctx, func(n uint64) {
		rank := t.ranks.Of(n)
		t.top = max(t.top, rank)
		before, after = append(before, strconv.FormatUint(n, 10)), append(after, strconv.FormatInt(firstRank+rank, 10))
	})
	if err != nil {
		return err
	}
	for _, table := range []string{"route", "route_class"} {
		b.Queue("UPDATE "+table+" r SET since = n.after::xid8 FROM unnest($1::text[], $2::text[]) n(before, after) WHERE r.since = n.before::xid8", before, after)
	}
	for _, w := range waiting {
		seen, err := portable.ParseSnapshot(w[1])
		if err != nil {
			return err
		}
		rank := t.ranks.Limit(seen)
		t.top = max(t.top, rank)
		sees := firstRank + rank + 1
		b.Queue("UPDATE pending SET snapshot = $2::text::pg_snapshot WHERE event = $1::text::bigint", w[0], fmt.Sprintf("%d:%d:", sees, sees))
	}
	return nil
}
