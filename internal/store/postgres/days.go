package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
	"nems/internal/store/ledger"
)

// A day is what the partitioned tables are cut by, in UTC.
const day = 24 * time.Hour

// inPage keeps rows up to the size of a page out of TOAST: a body of 4 KB is
// written once, and read without an index in between.
const inPage = " WITH (toast_tuple_target = 8160)"

// partitioned are the tables with a partition for each day, and their storage
// parameters. Whoever makes or drops a day locks them in this order, against
// everybody. So does whoever needs several of them in one transaction, or in one
// statement; or else begins with event, which keeps the days as they are.
var partitioned = []struct{ name, with string }{
	{"event", inPage}, {"event_piece", ""}, {"collected", " WITH (autovacuum_vacuum_scale_factor = 0.05)"}, {"delivery", ""},
}

// dayOf is the number of the day of a position.
func dayOf(p store.EventID) int64 { return int64(p) / nodes / day.Microseconds() }

// dayStart is the first position of a day.
func dayStart(number int64) store.EventID {
	return store.PositionAt(time.Unix(number*int64(day/time.Second), 0))
}

// partitionName is the partition of a table for a day.
func partitionName(table string, number int64) string {
	return table + "_" + time.Unix(number*int64(day/time.Second), 0).UTC().Format("20060102")
}

// days remembers which days have their partitions.
type days struct{ made sync.Map }

// ensure makes the partitions of a position's day before its first row: a row
// in a default partition would keep them from being made.
func (d *days) ensure(ctx context.Context, db *DB, p store.EventID) error {
	number := dayOf(p)
	if _, made := d.made.Load(number); made {
		return nil
	}
	err := db.change(ctx, func(ctx context.Context, tx pgx.Tx) error { return makeDay(ctx, tx, number) })
	if err == nil {
		d.made.Store(number, true)
	}
	return err
}

// partitionLock is the advisory lock of who makes or drops partitions.
const partitionLock = 0x4e454d53

func makeDay(ctx context.Context, tx pgx.Tx, number int64) error {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", partitionLock); err != nil {
		return err
	}
	var there bool
	// Also true for a day that was dropped: what outlived it stands in the
	// default partitions, where a late row belongs too.
	err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL OR EXISTS (SELECT FROM event_default WHERE id >= $2 AND id < $3)",
		partitionName("event", number), int64(dayStart(number)), int64(dayStart(number+1))).Scan(&there)
	if err != nil || there {
		return err
	}
	for _, t := range partitioned {
		_, err := tx.Exec(ctx, fmt.Sprintf("CREATE TABLE %s PARTITION OF %s FOR VALUES FROM (%d) TO (%d)%s",
			partitionName(t.name, number), t.name, dayStart(number), dayStart(number+1), t.with))
		if err != nil {
			return err
		}
	}
	return nil
}

// oldDays lists the days with partitions that end before a position.
func (db *DB) oldDays(ctx context.Context, before store.EventID) (out []int64, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		names, err := all(ctx, q, func(r pgx.Rows) (name string, err error) { return name, r.Scan(&name) },
			`SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'event'::regclass AND c.relname <> 'event_default' ORDER BY 1`)
		for _, name := range names {
			at, err := time.Parse("event_20060102", name)
			if err != nil {
				return fmt.Errorf("the partition %s is not one of this program: %w", name, err)
			}
			if number := at.Unix() / int64(day/time.Second); dayStart(number+1) <= before {
				out = append(out, number)
			}
		}
		return err
	})
	return out, err
}

// dropDay removes a day: quickly, by its partitions. What is unresolved stays,
// in the default partitions: events with a copy that waits or is parked, or that
// are still to be routed or spread.
func (db *DB) dropDay(ctx context.Context, number int64) error {
	from, to := int64(dayStart(number)), int64(dayStart(number+1))
	// Counted beforehand: nobody can publish while the day is taken out.
	before, err := db.tallyOf(ctx, number)
	if isCode(err, undefinedTable) {
		return nil // another node was first
	}
	if err != nil {
		return err
	}
	return db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", partitionLock); err != nil {
			return err
		}
		var there bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", partitionName("event", number)).Scan(&there); err != nil || !there {
			return err // another node was first
		}
		for _, t := range partitioned {
			if _, err := tx.Exec(ctx, fmt.Sprintf("ALTER TABLE %s DETACH PARTITION %s", t.name, partitionName(t.name, number))); err != nil {
				return err
			}
		}
		for _, keep := range []string{
			`INSERT INTO event SELECT e.* FROM %[1]s e WHERE EXISTS (SELECT FROM inbox i WHERE i.position = e.id)
				OR EXISTS (SELECT FROM pending p WHERE p.event = e.id AND p.refusal IS NULL) OR EXISTS (SELECT FROM fanout f WHERE f.event = e.id)
				OR EXISTS (SELECT FROM %[3]s c WHERE c.position = e.id AND c.status = 'parked')`,
			`INSERT INTO event_piece SELECT p.* FROM %[2]s p WHERE EXISTS (SELECT FROM event e WHERE e.id = p.event)`,
			`INSERT INTO collected SELECT c.* FROM %[3]s c WHERE EXISTS (SELECT FROM event e WHERE e.id = c.position)
				OR c.type = 0 AND EXISTS (SELECT FROM message m WHERE m.position = c.position)`,
			`INSERT INTO delivery SELECT d.* FROM %[4]s d WHERE EXISTS (SELECT FROM event e WHERE e.id = d.position)`,
		} {
			_, err := tx.Exec(ctx, fmt.Sprintf(keep, partitionName("event", number), partitionName("event_piece", number),
				partitionName("collected", number), partitionName("delivery", number)))
			if err != nil {
				return err
			}
		}
		kept, err := tallied(ctx, tx, "event_default", from, to)
		if err != nil {
			return err
		}
		for _, args := range before.Less(kept).Args(db.opts.Now()) {
			if _, err := tx.Exec(ctx, ledger.TallyStatement, args...); err != nil {
				return err
			}
		}
		for _, t := range partitioned {
			if _, err := tx.Exec(ctx, "DROP TABLE "+partitionName(t.name, number)); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, "DELETE FROM pending p WHERE event >= $1 AND event < $2 AND NOT EXISTS (SELECT FROM event e WHERE e.id = p.event)", from, to)
		return err
	})
}

// tallySteps is in how many pieces a day is counted: a day may have gigabytes.
const tallySteps = 96

// tallyOf counts what a day has, by event type.
func (db *DB) tallyOf(ctx context.Context, number int64) (ledger.Tally, error) {
	out, from := ledger.Tally{}, int64(dayStart(number))
	step := (int64(dayStart(number+1)) - from) / tallySteps
	for i := range int64(tallySteps) {
		err := db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
			some, err := tallied(ctx, tx, partitionName("event", number), from+i*step, from+(i+1)*step)
			if err == nil {
				out.Plus(some)
			}
			return err
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// tallied counts the events of a table in [from, to), by event type.
func tallied(ctx context.Context, tx pgx.Tx, table string, from, to int64) (ledger.Tally, error) {
	out := ledger.Tally{}
	_, err := all(ctx, tx, func(r pgx.Rows) (none int, err error) {
		var code string
		var p store.Purged
		err = r.Scan(&code, &p.Events, &p.Copies, &p.Bytes, &p.UpTo)
		out[code] = p
		return none, err
	}, "SELECT t.code, count(*), sum(e.copies)::bigint, sum(e.size)::bigint, max(e.id) FROM "+table+" e JOIN event_type t ON t.id = e.type WHERE e.id >= $1 AND e.id < $2 GROUP BY t.code", from, to)
	return out, err
}
