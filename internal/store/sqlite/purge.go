package sqlite

import (
	"context"
	"errors"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
)

// purgeEvents removes events whose copies are all resolved: that have left
// their inboxes. With unread it also removes what waits in hosted mailboxes.
// result.n is how many it removed, result.receipt.Event how far it came, 0
// when it reached the end.
type purgeEvents struct {
	after, before store.EventID
	max           int
	unread        bool
}

func (p purgeEvents) apply(w *writer) (result, error) {
	events, err := sweptEvents(w.conn, p.after, p.before, p.max)
	if err != nil {
		return result{}, err
	}
	var r result
	for _, e := range events {
		gone, err := w.purgeEvent(e, p.unread)
		if err != nil {
			return result{}, err
		}
		if gone {
			r.n++
		}
		r.receipt.Event = e.id
	}
	if len(events) < p.max {
		r.receipt.Event = 0
	}
	return r, nil
}

// purgeEvent removes one event unless a copy of it is unresolved.
func (w *writer) purgeEvent(e sweptEvent, unread bool) (gone bool, err error) {
	// What is still to be routed or spread is in no inbox yet.
	open, err := number(w.conn, "SELECT EXISTS (SELECT 1 FROM spread WHERE event = ?1) OR EXISTS (SELECT 1 FROM pending WHERE event = ?1 AND refusal IS NULL)", e.id)
	if err != nil || open != 0 {
		return false, err
	}
	for _, mailbox := range e.mailboxes {
		if unread {
			err := exec(w.conn, `DELETE FROM inbox WHERE mailbox = ?1 AND position = ?2
				AND EXISTS (SELECT 1 FROM mailbox WHERE row = ?1 AND NOT remote)`, mailbox, e.id)
			if err != nil {
				return false, err
			}
		}
		open, err := number(w.conn, `SELECT EXISTS (SELECT 1 FROM inbox WHERE mailbox = ?1 AND position = ?2)
			OR EXISTS (SELECT 1 FROM collected WHERE mailbox = ?1 AND position = ?2 AND status = 'parked')`, mailbox, e.id)
		if err != nil || open != 0 {
			return false, err
		}
	}
	for _, mailbox := range e.mailboxes {
		for _, query := range []string{"DELETE FROM collected WHERE mailbox = ? AND position = ?", "DELETE FROM delivery WHERE mailbox = ? AND position = ?"} {
			if err := exec(w.conn, query, mailbox, e.id); err != nil {
				return false, err
			}
		}
	}
	for _, query := range []string{"DELETE FROM event WHERE id = ?", "DELETE FROM event_piece WHERE event = ?", "DELETE FROM fanout WHERE event = ?", "DELETE FROM pending WHERE event = ?",
		"UPDATE event_count SET n = n - 1 WHERE position >= ?"} {
		if err := exec(w.conn, query, e.id); err != nil {
			return false, err
		}
	}
	w.db.events.batch--
	return true, nil
}

// purgeMessages removes messages that were sent, with their chunks. uploading
// confines it to those that never became complete.
type purgeMessages struct {
	before    store.EventID
	max       int
	uploading bool
}

func (p purgeMessages) apply(w *writer) (result, error) {
	type place struct{ position, mailbox int64 }
	var found []place
	query := "SELECT position, mailbox FROM message WHERE position < ? ORDER BY position LIMIT ?"
	if p.uploading {
		query = "SELECT position, mailbox FROM message WHERE status = 'uploading' AND position < ? ORDER BY position LIMIT ?"
	}
	err := rows(w.conn, query,
		func(s *sqlite.Stmt) error {
			found = append(found, place{s.ColumnInt64(0), s.ColumnInt64(1)})
			return nil
		}, p.before, p.max)
	if err != nil {
		return result{}, err
	}
	for _, m := range found {
		for _, query := range []string{
			"DELETE FROM inbox WHERE mailbox = ?1 AND position = ?2", "DELETE FROM collected WHERE mailbox = ?1 AND position = ?2",
			"DELETE FROM message WHERE position = ?2 AND mailbox = ?1",
			"DELETE FROM chunk WHERE position = ?2 AND ?1 = ?1", "DELETE FROM piece WHERE position = ?2 AND ?1 = ?1",
			"UPDATE upload SET size = 0 WHERE position = ?2 AND ?1 = ?1",
		} {
			if err := exec(w.conn, query, m.mailbox, m.position); err != nil {
				return result{}, err
			}
		}
	}
	return result{n: len(found)}, nil
}

// purgeUploads looks at chunks that were put on their own before a moment, and
// removes what no complete message needs.
type purgeUploads struct {
	before store.EventID
	max    int
}

func (p purgeUploads) apply(w *writer) (result, error) {
	var found []putChunk
	err := rows(w.conn, "SELECT generation, position, chunk FROM upload WHERE generation < ? ORDER BY generation LIMIT ?", func(s *sqlite.Stmt) error {
		found = append(found, putChunk{generation: s.ColumnInt64(0), position: store.EventID(s.ColumnInt64(1)), chunk: s.ColumnInt(2)})
		return nil
	}, p.before, p.max)
	if err != nil {
		return result{}, err
	}
	for _, c := range found {
		needed, err := number(w.conn, `SELECT EXISTS (SELECT 1 FROM message m JOIN chunk c ON c.position = m.position
			WHERE m.position = ? AND m.status <> 'uploading' AND c.chunk = ? AND c.generation = ?)`, c.position, c.chunk, c.generation)
		if err != nil {
			return result{}, err
		}
		if needed == 0 {
			if err := w.removeChunk(c); err != nil {
				return result{}, err
			}
		}
		if err := exec(w.conn, "DELETE FROM upload WHERE generation = ?", c.generation); err != nil {
			return result{}, err
		}
	}
	return result{n: len(found)}, nil
}

// removeChunk removes one generation of a chunk.
func (w *writer) removeChunk(c putChunk) error {
	if err := exec(w.conn, "DELETE FROM piece WHERE position = ? AND chunk = ? AND generation = ?", c.position, c.chunk, c.generation); err != nil {
		return err
	}
	return exec(w.conn, "DELETE FROM chunk WHERE position = ? AND chunk = ? AND generation = ?", c.position, c.chunk, c.generation)
}

// purgeBodies removes the bodies of messages that were collected before a moment:
// otherwise whoever sends and collects without end would fill the disk, whatever
// the quotas are.
type purgeBodies struct{ collected int64 }

// bodyStep is how many pieces a commit removes: 16 MiB at most.
const bodyStep = 64

func (p purgeBodies) apply(w *writer) (result, error) {
	var found []int64
	err := rows(w.conn, `SELECT position FROM message WHERE size > 0 AND status NOT IN ('uploading', 'accepted') AND status_at < ?
		ORDER BY position LIMIT ?`, func(s *sqlite.Stmt) error {
		found = append(found, s.ColumnInt64(0))
		return nil
	}, p.collected, bodyStep)
	if err != nil {
		return result{}, err
	}
	left := bodyStep
	for _, position := range found {
		err := exec(w.conn, "DELETE FROM piece WHERE rowid IN (SELECT rowid FROM piece WHERE position = ? LIMIT ?)", position, left)
		if err != nil {
			return result{}, err
		}
		if left -= w.conn.Changes(); left <= 0 {
			return result{n: sweptStep}, nil // there may be more of it
		}
		err = errors.Join(exec(w.conn, "DELETE FROM chunk WHERE position = ?", position), exec(w.conn, "UPDATE message SET size = 0 WHERE position = ?", position))
		if err != nil {
			return result{}, err
		}
	}
	return result{}, nil
}

// Purge removes up to max messages, in whatever state, whose position lies
// before the moment: sent ones with their chunks, and events with their copies
// in hosted mailboxes. Events with copies for a remote MESH that are not
// resolved stay. It returns how many it removed.
func (db *DB) Purge(ctx context.Context, before time.Time, max int) (int, error) {
	limit := db.moments.Position(before)
	r, err := db.submit(ctx, purgeMessages{before: limit, max: min(max, sweptStep)})
	if err != nil {
		return 0, err
	}
	removed := r.n
	for after := store.EventID(0); removed < max; {
		r, err := db.submit(ctx, purgeEvents{after: after, before: limit, max: min(max-removed, sweptStep), unread: true})
		if err != nil {
			return removed, err
		}
		removed += r.n
		if after = r.receipt.Event; after == 0 {
			break
		}
	}
	return removed, nil
}

// reset empties mailboxes.
type reset struct{ mailbox int64 }

// Reset empties the mailboxes: all, or one when mailbox is not 0. For
// development only.
func (db *DB) Reset(ctx context.Context, mailbox int64) error {
	// Copies that are still to be filed would come back.
	for {
		r, err := db.submit(ctx, spreadCopies{})
		if err != nil {
			return err
		}
		if r.n == 0 {
			break
		}
	}
	_, err := db.submit(ctx, reset{mailbox})
	return err
}

func (r reset) apply(w *writer) (result, error) {
	for _, query := range []string{
		"DELETE FROM piece WHERE ?1 = 0 OR position IN (SELECT position FROM message WHERE mailbox = ?1)",
		"DELETE FROM chunk WHERE ?1 = 0 OR position IN (SELECT position FROM message WHERE mailbox = ?1)",
		"DELETE FROM message WHERE ?1 = 0 OR mailbox = ?1",
		"UPDATE upload SET size = 0 WHERE ?1 = 0 OR mailbox = ?1",
		"DELETE FROM inbox WHERE ?1 = 0 OR mailbox = ?1",
		"DELETE FROM collected WHERE ?1 = 0 OR mailbox = ?1",
		"DELETE FROM delivery WHERE ?1 = 0 OR mailbox = ?1",
	} {
		if err := exec(w.conn, query, r.mailbox); err != nil {
			return result{}, err
		}
	}
	return result{}, nil
}
