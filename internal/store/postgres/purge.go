package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
)

// Overdue returns up to max accepted messages whose Expires is not after now:
// sent ones and copies of events in hosted mailboxes. Those for a remote MESH are
// the courier's to judge, and those that an operator gave again have waited for
// another reason.
func (db *DB) Overdue(ctx context.Context, now time.Time, max int) (out []store.Message, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		if out, err = db.sentMessages(ctx, q, " WHERE m.status = 'accepted' AND m.expires <= $1 ORDER BY m.expires LIMIT $2", now.UnixMicro(), max); err != nil {
			return err
		}
		type place struct {
			storedMessage
			mailbox int64
		}
		// Expires is the moment of acceptance plus the time that the copy may wait.
		before := int64(db.moments.Position(now.Add(-db.opts.Expiry))) + nodes
		found, err := all(ctx, q, func(r pgx.Rows) (p place, err error) {
			return p, r.Scan(&p.mailbox, &p.position, &p.typ, &p.size, &p.partner)
		}, `SELECT i.mailbox, i.position, i.type, i.size, i.partner FROM inbox i JOIN mailbox b ON b.row = i.mailbox AND NOT b.remote
			WHERE i.position < $1 AND i.type <> 0
			AND NOT EXISTS (SELECT FROM delivery d WHERE d.mailbox = i.mailbox AND d.position = i.position) ORDER BY i.position LIMIT $2`, before, max-len(out))
		for _, p := range found {
			p.status = store.Waiting.MESHStatus()
			box, err := db.box(ctx, p.mailbox)
			if err != nil {
				return err
			}
			m, err := db.message(ctx, q, p.storedMessage, box)
			if err != nil {
				return err
			}
			out = append(out, m)
		}
		return err
	})
	return out, err
}

// Purge removes up to max messages, in whatever state, whose position lies
// before the moment: sent ones with their chunks, and events with their copies
// in hosted mailboxes. Events with copies for a remote MESH that are not
// resolved stay. It returns how many it removed.
func (db *DB) Purge(ctx context.Context, before time.Time, max int) (int, error) {
	limit := int64(db.moments.Position(before))
	removed, err := db.purgeMessages(ctx, "SELECT position FROM message WHERE position < $1 ORDER BY position LIMIT $2", limit, max)
	if err != nil || removed >= max {
		return removed, err
	}
	n := 0
	err = db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		unread, err := all(ctx, tx, func(r pgx.Rows) (id int64, err error) { return id, r.Scan(&id) },
			`WITH old AS (SELECT DISTINCT i.position FROM inbox i JOIN mailbox b ON b.row = i.mailbox AND NOT b.remote
				WHERE i.position < $1 AND i.type <> 0 ORDER BY i.position LIMIT $2),
			gone AS (DELETE FROM inbox i USING old o, mailbox b WHERE i.position = o.position AND b.row = i.mailbox AND NOT b.remote)
			SELECT position FROM old`, limit, max-removed)
		if err != nil || len(unread) == 0 {
			return err
		}
		n, err = deleteEvents(ctx, tx, unread)
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
func deleteEvents(ctx context.Context, tx pgx.Tx, ids []int64) (int, error) {
	gone, err := all(ctx, tx, func(r pgx.Rows) (id int64, err error) { return id, r.Scan(&id) },
		"DELETE FROM event e WHERE id = ANY($1) AND NOT "+unresolved+" RETURNING id", ids)
	if err != nil || len(gone) == 0 {
		return 0, err
	}
	b := &pgx.Batch{}
	for _, sql := range []string{
		"DELETE FROM event_piece WHERE event = ANY($1)", "DELETE FROM collected WHERE position = ANY($1)",
		"DELETE FROM delivery WHERE position = ANY($1)", "DELETE FROM pending WHERE event = ANY($1)",
	} {
		b.Queue(sql, gone)
	}
	return len(gone), tx.SendBatch(ctx, b).Close()
}

// purgeKept removes what had outlived its day and has been resolved since.
func (db *DB) purgeKept(ctx context.Context, before store.EventID) (n int64, err error) {
	err = db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		ids, err := all(ctx, tx, func(r pgx.Rows) (id int64, err error) { return id, r.Scan(&id) },
			"SELECT id FROM event_default e WHERE id < $1 AND NOT "+unresolved+" ORDER BY id LIMIT $2", int64(before), sweptStep)
		if err != nil || len(ids) == 0 {
			return err
		}
		gone, err := deleteEvents(ctx, tx, ids)
		n = int64(gone)
		return err
	})
	return n, err
}

// purgeMessages removes messages that were sent, with their chunks.
func (db *DB) purgeMessages(ctx context.Context, which string, args ...any) (n int, err error) {
	err = db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		ids, err := all(ctx, tx, func(r pgx.Rows) (id int64, err error) { return id, r.Scan(&id) }, which, args...)
		if err != nil || len(ids) == 0 {
			return err
		}
		n = len(ids)
		b := &pgx.Batch{}
		for _, sql := range []string{
			"DELETE FROM inbox WHERE position = ANY($1)", "DELETE FROM collected WHERE position = ANY($1)",
			"DELETE FROM message WHERE position = ANY($1)", "DELETE FROM chunk WHERE position = ANY($1)", "DELETE FROM piece WHERE position = ANY($1)",
			"UPDATE upload SET size = 0 WHERE position = ANY($1)",
		} {
			b.Queue(sql, ids)
		}
		return tx.SendBatch(ctx, b).Close()
	})
	return n, err
}

// purgeUploading removes messages that never became complete.
func (db *DB) purgeUploading(ctx context.Context, before store.EventID) (int64, error) {
	n, err := db.purgeMessages(ctx, "SELECT position FROM message WHERE status = 'uploading' AND position < $1 ORDER BY position LIMIT $2", int64(before), sweptStep)
	return int64(n), err
}

// purgeUploads looks at chunks that were put on their own, and removes what no
// complete message needs.
func (db *DB) purgeUploads(ctx context.Context, before store.EventID) (n int64, err error) {
	err = db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		type upload struct {
			generation, position int64
			chunk                int
		}
		found, err := all(ctx, tx, func(r pgx.Rows) (u upload, err error) {
			return u, r.Scan(&u.generation, &u.position, &u.chunk)
		}, "SELECT generation, position, chunk FROM upload WHERE generation < $1 ORDER BY generation LIMIT $2 FOR UPDATE", int64(before), sweptStep)
		if err != nil || len(found) == 0 {
			return err
		}
		n = int64(len(found))
		const needed = ` AND NOT EXISTS (SELECT FROM message m JOIN chunk c ON c.position = m.position
			WHERE m.position = $1 AND m.status <> 'uploading' AND c.chunk = $2 AND c.generation = $3)`
		b := &pgx.Batch{}
		for _, u := range found {
			b.Queue("DELETE FROM piece WHERE position = $1 AND chunk = $2 AND generation = $3"+needed, u.position, u.chunk, u.generation)
			b.Queue("DELETE FROM chunk WHERE position = $1 AND chunk = $2 AND generation = $3"+needed, u.position, u.chunk, u.generation)
			b.Queue("DELETE FROM upload WHERE generation = $1", u.generation)
		}
		return tx.SendBatch(ctx, b).Close()
	})
	return n, err
}

// bodyStep is how many pieces of bodies a statement removes: 16 MiB at most.
const bodyStep = 64

// purgeBodies removes the bodies of messages that were collected before a moment:
// otherwise whoever sends and collects without end would fill the disk, whatever
// the quotas are. It returns sweptStep when there may be more.
func (db *DB) purgeBodies(ctx context.Context, collected time.Time) (n int64, err error) {
	err = db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		done, err := all(ctx, tx, func(r pgx.Rows) (position int64, err error) { return position, r.Scan(&position) },
			`SELECT position FROM message WHERE size > 0 AND status NOT IN ('uploading', 'accepted') AND status_at < $1
			ORDER BY position LIMIT $2`, collected.UnixMicro(), bodyStep)
		if err != nil || len(done) == 0 {
			return err
		}
		tag, err := tx.Exec(ctx, "DELETE FROM piece WHERE ctid = ANY(ARRAY(SELECT ctid FROM piece WHERE position = ANY($1) LIMIT $2))", done, bodyStep)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == bodyStep {
			n = sweptStep
		}
		_, err = tx.Exec(ctx, `WITH empty AS (SELECT d AS position FROM unnest($1::bigint[]) d WHERE NOT EXISTS (SELECT FROM piece p WHERE p.position = d)),
			gone AS (DELETE FROM chunk WHERE position = ANY(ARRAY(SELECT position FROM empty)))
			UPDATE message SET size = 0 WHERE position = ANY(ARRAY(SELECT position FROM empty))`, done)
		return err
	})
	return n, err
}

// Reset empties the mailboxes: all, or one when mailbox is not 0. For
// development only.
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
	return db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		b := &pgx.Batch{}
		for _, sql := range []string{
			"DELETE FROM piece WHERE $1 = 0 OR position IN (SELECT position FROM message WHERE mailbox = $1)",
			"DELETE FROM chunk WHERE $1 = 0 OR position IN (SELECT position FROM message WHERE mailbox = $1)",
			"DELETE FROM message WHERE $1 = 0 OR mailbox = $1",
			"UPDATE upload SET size = 0 WHERE $1 = 0 OR mailbox = $1",
			"DELETE FROM inbox WHERE $1 = 0 OR mailbox = $1",
			"DELETE FROM collected WHERE $1 = 0 OR mailbox = $1",
			"DELETE FROM delivery WHERE $1 = 0 OR mailbox = $1",
		} {
			b.Queue(sql, mailbox)
		}
		return tx.SendBatch(ctx, b).Close()
	})
}
