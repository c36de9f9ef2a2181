package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"nems/internal/crashpoint"
	"nems/internal/store"
)

// spreadStep is how many copies one transaction files.
const spreadStep = 500

// spreadCopies files the next copies of the oldest event that has some left.
// Its cursor moves in the same transaction: a crash neither skips nor repeats.
type spreadCopies struct{}

func (spreadCopies) apply(w *writer) (result, error) {
	var event, offset int64
	var t eventType
	var size int
	var b []byte
	found, err := row(w.conn, `SELECT s.event, s.offset, f.copies, t.code, t.workflow, e.size
		FROM spread s JOIN fanout f ON f.event = s.event JOIN event e ON e.id = s.event JOIN event_type t ON t.id = e.type ORDER BY s.event LIMIT 1`,
		func(s *sqlite.Stmt) {
			event, offset, b = s.ColumnInt64(0), s.ColumnInt64(1), blob(s, 2)
			t, size = eventType{s.ColumnText(3), s.ColumnText(4)}, s.ColumnInt(5)
		})
	if err != nil || !found {
		return result{}, err
	}
	copies, next, err := store.UnpackCopies(b, int(offset), spreadStep)
	if err != nil {
		return result{}, err
	}
	if err := w.file(store.EventID(event), t, size, copies); err != nil {
		return result{}, err
	}
	crashpoint.Hit(crashpoint.SpreadStep)
	if next < len(b) {
		return result{n: len(copies)}, exec(w.conn, "UPDATE spread SET offset = ? WHERE event = ?", next, event)
	}
	return result{n: len(copies)}, exec(w.conn, "DELETE FROM spread WHERE event = ?", event)
}

// spreadLoop spreads whenever an event with many copies was accepted, and at
// the start what a crash left over. Its steps share commits with publishes.
func (db *DB) spreadLoop(ctx context.Context) {
	for {
		for ctx.Err() == nil {
			r, err := db.submit(ctx, spreadCopies{})
			if err != nil {
				db.opts.Log.Warn("large fan-out waits", "error", err)
			}
			if err != nil || r.n == 0 {
				break
			}
		}
		select {
		case <-db.spread:
		case <-ctx.Done():
			return
		}
	}
}

// wakeSpreader makes the spreader look again, after a failure.
func (db *DB) wakeSpreader() {
	select {
	case db.spread <- struct{}{}:
	default:
	}
}
