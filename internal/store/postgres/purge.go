package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
	"nems/internal/store/ledger"
)

// OverdueCopies looks at inboxes from the oldest row on.
func (e engine) OverdueCopies(ctx context.Context, now time.Time, max int) (out []ledger.Place, err error) {
	// Expires is the moment of acceptance plus the time that the copy may wait.
	before := e.moments.Position(now.Add(-e.opts.Expiry)) + nodes
	err = e.read(ctx, func(ctx context.Context, q querier) error {
		out, err = all(ctx, q, func(r pgx.Rows) (p ledger.Place, err error) { return p, r.Scan(&p.Mailbox, &p.Position) },
			`SELECT i.mailbox, i.position FROM inbox i JOIN mailbox b ON b.row = i.mailbox AND NOT b.remote
			WHERE i.position < $1 AND i.type <> 0
			AND NOT EXISTS (SELECT FROM delivery d WHERE d.mailbox = i.mailbox AND d.position = i.position) ORDER BY i.position LIMIT $2`, before, max)
		return err
	})
	return out, err
}

// Purge is mailbox.Boxes'.
func (db *DB) Purge(ctx context.Context, before time.Time, max int) (int, error) {
	limit := db.moments.Position(before)
	removed, err := db.PurgeMessages(ctx, limit, max)
	if err != nil || removed >= max {
		return removed, err
	}
	n := 0
	err = db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		unread, err := all(ctx, tx, func(r pgx.Rows) (id int64, err error) { return id, r.Scan(&id) },
			`WITH old AS (SELECT DISTINCT i.position FROM inbox i JOIN mailbox b ON b.row = i.mailbox AND NOT b.remote
				WHERE i.position < $1 AND i.type <> 0 ORDER BY i.position LIMIT $2),
			due AS (SELECT i.mailbox, i.position FROM old o JOIN inbox i ON i.position = o.position JOIN mailbox b ON b.row = i.mailbox AND NOT b.remote
				ORDER BY i.mailbox, i.position FOR UPDATE OF i),
			gone AS (DELETE FROM inbox i USING due d WHERE i.mailbox = d.mailbox AND i.position = d.position)
			SELECT position FROM old`, limit, max-removed)
		if err != nil || len(unread) == 0 {
			return err
		}
		n, err = deleteEvents(ctx, tx, unread, db.opts.Now())
		return err
	})
	return removed + n, err
}

// unresolved is true for an event e with copies that wait, are parked, or are
// still to be made.
const unresolved = `(EXISTS (SELECT FROM inbox i WHERE i.position = e.id) OR EXISTS (SELECT FROM fanout f WHERE f.event = e.id)
	OR EXISTS (SELECT FROM pending p WHERE p.event = e.id AND p.refusal IS NULL)
	OR EXISTS (SELECT FROM collected c WHERE c.position = e.id AND c.status = 'parked'))`

// deleteEvents removes those of the events that are resolved, with all that
// belongs to them, and says how many.
func deleteEvents(ctx context.Context, tx pgx.Tx, ids []int64, now time.Time) (int, error) {
	tally := ledger.Tally{}
	gone, err := all(ctx, tx, func(r pgx.Rows) (id int64, err error) {
		var code string
		var copies, size int64
		err = r.Scan(&id, &code, &copies, &size)
		tally.Add(code, store.EventID(id), copies, size)
		return id, err
	}, "DELETE FROM event e USING event_type t WHERE t.id = e.type AND e.id = ANY($1) AND NOT "+unresolved+" RETURNING e.id, t.code, e.copies, e.size", ids)
	if err != nil || len(gone) == 0 {
		return 0, err
	}
	b := &pgx.Batch{}
	for _, args := range tally.Args(now) {
		b.Queue(ledger.TallyStatement, args...)
	}
	for _, sql := range []string{
		"DELETE FROM event_piece WHERE event = ANY($1)", "DELETE FROM collected WHERE position = ANY($1)",
		"DELETE FROM delivery WHERE position = ANY($1)", "DELETE FROM pending WHERE event = ANY($1)",
	} {
		b.Queue(sql, gone)
	}
	return len(gone), tx.SendBatch(ctx, b).Close()
}

// RemoveEvents removes events of whichever days.
func (e engine) RemoveEvents(ctx context.Context, ids []store.EventID) (left []store.EventID, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	numbers := make([]int64, len(ids))
	for i, id := range ids {
		numbers[i] = int64(id)
	}
	err = e.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := deleteEvents(ctx, tx, numbers, e.opts.Now()); err != nil {
			return err
		}
		left, err = all(ctx, tx, func(r pgx.Rows) (id store.EventID, err error) { return id, r.Scan(&id) }, "SELECT id FROM event WHERE id = ANY($1) ORDER BY id", numbers)
		return err
	})
	return left, err
}

// purgeKept removes what had outlived its day and has been resolved since.
func (db *DB) purgeKept(ctx context.Context, before store.EventID) (n int64, err error) {
	var ids []int64
	// Asked beforehand: a transaction must not hold event_default and want event,
	// see partitioned.
	err = db.read(ctx, func(ctx context.Context, q querier) (err error) {
		ids, err = all(ctx, q, func(r pgx.Rows) (id int64, err error) { return id, r.Scan(&id) },
			"SELECT id FROM event_default e WHERE id < $1 AND NOT "+unresolved+" ORDER BY id LIMIT $2", int64(before), sweptStep)
		return err
	})
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	err = db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		gone, err := deleteEvents(ctx, tx, ids, db.opts.Now())
		n = int64(gone)
		return err
	})
	return n, err
}

// Reset is mailbox.Boxes'.
func (db *DB) Reset(ctx context.Context, mailbox int64) error {
	// Copies that are still to be filed would come back.
	for {
		n, err := db.spreadCopies(ctx)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	return db.EmptyMailboxes(ctx, mailbox)
}
