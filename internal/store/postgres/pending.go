package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// routing files the copies of a deferred event.
type routing struct {
	store.Routing
	entry  audit.Sealed
	copies []subscription.Copy
}

// RouteEvent is broker.Backlog's.
func (db *DB) RouteEvent(ctx context.Context, r store.Routing) (store.Receipt, error) {
	op := routing{Routing: r, entry: seal(r.Audit)}
	op.Audit = audit.Entry{}
	if err := db.upToDate(ctx, time.Now()); err != nil { // who is registered
		return store.Receipt{}, err
	}
	if !r.Withheld && r.Refusal == "" {
		var err error
		if op.copies, err = db.matchAsOf(ctx, r.Event, r.Facts); err != nil {
			return store.Receipt{}, err
		}
	}
	res, err := db.submit(ctx, op)
	return res.receipt, err
}

func (r routing) apply(ctx context.Context, w *writer) (result, error) {
	var t eventType
	var size int
	var patient *int64
	// Two nodes may have looked the patient up: the second one waits here.
	waits, err := one(ctx, w.conn, []any{&t.code, &t.workflow, &size, &patient}, `SELECT t.code, t.workflow, e.size, e.patient
		FROM pending p JOIN event e ON e.id = p.event JOIN event_type t ON t.id = e.type WHERE p.event = $1 AND p.refusal IS NULL FOR UPDATE OF p`, int64(r.Event))
	if err != nil {
		return result{}, err
	}
	if !waits {
		return result{err: store.ErrNotFound}, nil
	}
	w.entries = append(w.entries, r.entry)
	done := result{receipt: store.Receipt{Event: r.Event}}
	if r.Refusal != "" {
		_, err := w.conn.Exec(ctx, "UPDATE pending SET refusal = $2 WHERE event = $1", int64(r.Event), r.Refusal)
		return done, err
	}
	done.receipt.Copies = len(r.copies)
	return done, w.settleRouting(ctx, r, t, size, store.KnownPatient(patient))
}

func (w *writer) settleRouting(ctx context.Context, r routing, t eventType, size int, patient nhs.NHSNumber) error {
	b := &pgx.Batch{}
	b.Queue("UPDATE event SET withheld = $2, copies = $3, facts = $4 WHERE id = $1", int64(r.Event), r.Withheld, len(r.copies), r.PackedFacts())
	b.Queue("DELETE FROM pending WHERE event = $1", int64(r.Event))
	if len(r.copies) > store.MaxFiled {
		b.Queue("INSERT INTO fanout (event, next, copies) VALUES ($1, 0, $2)", int64(r.Event), store.PackCopies(r.copies))
		w.spreadDue = true
	} else {
		files := filing{known: &w.db.known, now: w.db.opts.Now()}
		files.add(r.Event, t, size, patient, r.copies)
		files.queue(b)
		w.entries = append(w.entries, files.sealed()...)
	}
	return w.conn.SendBatch(ctx, b).Close()
}
