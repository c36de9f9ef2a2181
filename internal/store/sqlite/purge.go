package sqlite

import (
	"context"
	"time"

	"nems/internal/store"
	"nems/internal/store/ledger"
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
	tally := ledger.Tally{}
	for _, e := range events {
		gone, err := w.purgeEvent(e, p.unread)
		if err != nil {
			return result{}, err
		}
		if gone {
			r.n++
			tally.Add(e.code, e.id, int64(len(e.mailboxes)), e.size)
		}
		r.receipt.Event = e.id
	}
	if err := w.count(tally); err != nil {
		return result{}, err
	}
	if len(events) < p.max {
		r.receipt.Event = 0
	}
	return r, nil
}

// count adds up what was removed.
func (w *writer) count(t ledger.Tally) error {
	for _, args := range t.Args(w.db.opts.Now()) {
		if err := exec(w.conn, numbered(ledger.TallyStatement), args...); err != nil {
			return err
		}
	}
	return nil
}

// removeEvents removes some events, as far as they are resolved. Its answer is which are
// left.
type removeEvents struct{ ids []store.EventID }

func (p removeEvents) apply(w *writer) (result, error) {
	tally, left := ledger.Tally{}, []store.EventID{}
	for _, id := range p.ids {
		events, err := sweptEvents(w.conn, id-1, id+1, 1)
		if err != nil {
			return result{}, err
		}
		for _, e := range events {
			gone, err := w.purgeEvent(e, false)
			if err != nil {
				return result{}, err
			}
			if !gone {
				left = append(left, id)
				continue
			}
			tally.Add(e.code, e.id, int64(len(e.mailboxes)), e.size)
		}
	}
	return result{answer: left}, w.count(tally)
}

// RemoveEvents removes events, if few others wait for the writer.
func (e engine) RemoveEvents(ctx context.Context, ids []store.EventID) ([]store.EventID, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	r, err := e.submit(ctx, removeEvents{ids})
	left, _ := r.answer.([]store.EventID)
	return left, err
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

// Purge is mailbox.Boxes'.
func (db *DB) Purge(ctx context.Context, before time.Time, max int) (int, error) {
	limit := db.moments.Position(before)
	removed, err := db.PurgeMessages(ctx, limit, max)
	if err != nil {
		return 0, err
	}
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

// Reset is mailbox.Boxes'.
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
	return db.EmptyMailboxes(ctx, mailbox)
}
