package sqlite

import (
	"context"
	"errors"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// postpone keeps an event for later routing, with the subscriptions of now.
func (w *writer) postpone(event store.EventID) error {
	return exec(w.conn, "INSERT INTO pending (event, since) VALUES (?, ?)", event, w.db.NextPosition())
}

// oldestPending returns the oldest event that waits to be routed, or limit
// when none is older: up to where sweeps over events may go.
func oldestPending(conn *sqlite.Conn, limit store.EventID) (store.EventID, error) {
	oldest, err := number(conn, "SELECT min(event) FROM pending WHERE refusal IS NULL AND event < ?", limit)
	if err != nil || oldest == 0 {
		return limit, err
	}
	return store.EventID(oldest), nil
}

// routing files the copies of a deferred event.
type routing struct {
	store.Routing
	hashes []int64
	entry  audit.Sealed
	// Where it was matched outside the transaction:
	matched bool
	copies  []subscription.Copy
}

// RouteEvent is broker.Backlog's.
func (db *DB) RouteEvent(ctx context.Context, r store.Routing) (store.Receipt, error) {
	op := routing{Routing: r, hashes: store.RouteHashes(r.Facts.Keys), entry: seal(r.Audit)}
	op.Audit = audit.Entry{}
	res, err := db.submit(ctx, op)
	if errors.Is(err, store.ErrCrowded) {
		if op.copies, err = db.matchOutside(ctx, op.lookup(res.n)); err != nil {
			return store.Receipt{}, err
		}
		op.matched = true
		res, err = db.submit(ctx, op)
	}
	return res.receipt, err
}

func (r routing) lookup(since int) lookup {
	return lookup{r.Facts, r.hashes, store.EventID(since)}
}

func (r routing) apply(w *writer) (result, error) {
	var since, size int
	var t eventType
	waits, err := row(w.conn, `SELECT p.since, t.code, t.workflow, e.size FROM pending p JOIN event e ON e.id = p.event JOIN event_type t ON t.id = e.type
		WHERE p.event = ? AND p.refusal IS NULL`, func(s *sqlite.Stmt) {
		since, t, size = s.ColumnInt(0), eventType{s.ColumnText(1), s.ColumnText(2)}, s.ColumnInt(3)
	}, r.Event)
	if err != nil || !waits {
		return result{err: store.ErrNotFound}, err
	}
	if r.Refusal != "" {
		w.entries = append(w.entries, r.entry)
		return result{receipt: store.Receipt{Event: r.Event}}, exec(w.conn, "UPDATE pending SET refusal = ? WHERE event = ?", r.Refusal, r.Event)
	}
	copies := r.copies
	if !r.Withheld && !r.matched {
		copies, err = w.match(r.lookup(since))
		if errors.Is(err, store.ErrCrowded) {
			return result{err: err, n: since}, nil
		}
		if err != nil {
			return result{}, err
		}
	}
	w.entries = append(w.entries, r.entry)
	if err := r.settle(w, copies); err != nil {
		return result{}, err
	}
	return result{receipt: store.Receipt{Event: r.Event, Copies: len(copies)}}, w.deliver(r.Event, t, size, copies)
}

// settle notes in the tables that the event is routed.
func (r routing) settle(w *writer, copies []subscription.Copy) error {
	err := exec(w.conn, "UPDATE event SET withheld = ?, mailboxes = ?, facts = ? WHERE id = ?", r.Withheld, mailboxes(copies), r.PackedFacts(), r.Event)
	if err != nil {
		return err
	}
	return exec(w.conn, "DELETE FROM pending WHERE event = ?", r.Event)
}

// Lead is database.Peers'. The one process of a file is always in charge.
func (*DB) Lead(context.Context, string, time.Duration) (bool, error) { return true, nil }
