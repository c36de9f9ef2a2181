package sqlite

import (
	"context"
	"encoding/binary"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
	"nems/internal/store/ledger"
)

// sweptStep is how many events a step of a sweep looks at.
const sweptStep = ledger.SweptStep

// mailboxesOf lists the rows of the mailboxes that got a copy of an event.
func mailboxesOf(packedRows, packedCopies []byte) ([]int64, error) {
	var out []int64
	if packedCopies != nil {
		copies, _, err := store.UnpackCopies(packedCopies, 0, len(packedCopies))
		for _, c := range copies {
			out = append(out, c.Mailbox)
		}
		return out, err
	}
	for len(packedRows) > 0 {
		v, n := binary.Uvarint(packedRows)
		if n <= 0 {
			return nil, store.ErrPacked
		}
		out = append(out, int64(v))
		packedRows = packedRows[n:]
	}
	return out, nil
}

// sweptEvent is what a sweep needs of an event.
type sweptEvent struct {
	id        store.EventID
	mailboxes []int64
	code      string
	size      int64
}

// sweptEvents reads up to max events whose position lies in (after, before).
func sweptEvents(conn *sqlite.Conn, after, before store.EventID, max int) ([]sweptEvent, error) {
	var out []sweptEvent
	err := rows(conn, `SELECT e.id, e.mailboxes, f.copies, t.code, e.size FROM event e JOIN event_type t ON t.id = e.type LEFT JOIN fanout f ON e.mailboxes IS NULL AND f.event = e.id
		WHERE e.id > ? AND e.id < ? ORDER BY e.id LIMIT ?`, func(s *sqlite.Stmt) error {
		boxes, err := mailboxesOf(blob(s, 1), blob(s, 2))
		out = append(out, sweptEvent{store.EventID(s.ColumnInt64(0)), boxes, s.ColumnText(3), s.ColumnInt64(4)})
		return err
	}, after, before, max)
	return out, err
}

// OverdueCopies sweeps events in the order of their acceptance. It remembers up
// to where every copy has left its inbox, also across restarts, so that it
// looks at each event few times.
func (e engine) OverdueCopies(ctx context.Context, now time.Time, max int) (out []ledger.Place, err error) {
	const name = "overdue"
	// Expires is the moment of acceptance plus the time that the copy may wait.
	before := e.moments.Position(now.Add(-e.opts.Expiry)) + nextMicrosecond
	t, err := e.knownTables(ctx)
	if err != nil {
		return nil, err
	}
	var start, settled store.EventID
	for after, more := store.EventID(-1), true; more && len(out) < max; {
		err := e.readers.read(ctx, func(conn *sqlite.Conn) error {
			if after < 0 {
				n, err := number(conn, "SELECT position FROM progress WHERE name = ?", name)
				if err != nil {
					return err
				}
				start, settled, after = store.EventID(n), store.EventID(n), store.EventID(n)
				if before, err = oldestPending(conn, before); err != nil {
					return err
				}
			}
			events, err := sweptEvents(conn, after, before, sweptStep)
			if err != nil {
				return err
			}
			more = len(events) == sweptStep
			for _, swept := range events {
				waiting, err := swept.waiting(conn, t.byRow)
				if err != nil {
					return err
				}
				if len(out) == 0 && len(waiting) == 0 {
					settled = swept.id
				}
				after, out = swept.id, append(out, waiting...)
				if len(out) >= max {
					break
				}
			}
			return nil
		})
		if err != nil {
			return out, err
		}
	}
	if settled > start {
		_, err = e.submit(ctx, advance{name, settled})
	}
	return out, err
}

// waiting lists the copies of an event that are still in hosted inboxes.
func (e sweptEvent) waiting(conn *sqlite.Conn, boxes map[int64]store.Mailbox) (out []ledger.Place, err error) {
	for _, mailbox := range e.mailboxes {
		if boxes[mailbox].Remote {
			continue
		}
		there, err := number(conn, `SELECT EXISTS (SELECT 1 FROM inbox WHERE mailbox = ?1 AND position = ?2)
			AND NOT EXISTS (SELECT 1 FROM delivery WHERE mailbox = ?1 AND position = ?2)`, mailbox, e.id)
		if err != nil {
			return nil, err
		}
		if there != 0 {
			out = append(out, ledger.Place{Mailbox: mailbox, Position: e.id})
		}
	}
	return out, nil
}

// advance notes how far a sweep has come.
type advance struct {
	name string
	to   store.EventID
}

func (a advance) apply(w *writer) (result, error) {
	return result{}, exec(w.conn, "INSERT OR REPLACE INTO progress (name, position) VALUES (?, ?)", a.name, a.to)
}
