package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/crashpoint"
	"nems/internal/store"
)

// spreadStep is how many copies one transaction files.
const spreadStep = 500

// spreadCopies files the next copies of the oldest event that has some left and
// that no other node works on, and says how many. Its cursor moves in the same
// transaction: a crash neither skips nor repeats.
func (db *DB) spreadCopies(ctx context.Context) (n int, err error) {
	if err := db.upToDate(ctx, time.Now().Add(-knownFor)); err != nil { // who is registered
		return 0, err
	}
	var files filing
	err = db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		n, files = 0, filing{}
		var event int64
		var next, size int
		var t eventType
		var packed []byte
		var patient *int64
		found, err := one(ctx, tx, []any{&event, &next, &packed, &t.code, &t.workflow, &size, &patient}, `SELECT f.event, f.next, f.copies, t.code, t.workflow, e.size, e.patient
			FROM fanout f JOIN event e ON e.id = f.event JOIN event_type t ON t.id = e.type ORDER BY f.event LIMIT 1 FOR UPDATE OF f SKIP LOCKED`)
		if err != nil || !found {
			return err
		}
		copies, next, err := store.UnpackCopies(packed, next, spreadStep)
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		files = filing{known: &db.known, now: db.opts.Now()}
		files.add(store.EventID(event), t, size, store.KnownPatient(patient), copies)
		files.queue(b)
		if next < len(packed) {
			b.Queue("UPDATE fanout SET next = $2 WHERE event = $1", event, next)
		} else {
			b.Queue("DELETE FROM fanout WHERE event = $1", event)
		}
		n = len(copies)
		crashpoint.Hit(crashpoint.SpreadStep)
		return tx.SendBatch(ctx, b).Close()
	})
	if err == nil {
		for _, e := range files.entries {
			db.Record(e)
		}
	}
	return n, err
}

// spreadLoop spreads whenever an event with many copies was accepted here, and
// once in a while what other nodes have left.
func (db *DB) spreadLoop(ctx context.Context) {
	tick := time.NewTicker(db.opts.Housekeeping)
	defer tick.Stop()
	for {
		for ctx.Err() == nil {
			n, err := db.spreadCopies(ctx)
			if err != nil && ctx.Err() == nil {
				db.opts.Log.Warn("large fan-out waits", "error", err)
			}
			if err != nil || n == 0 {
				break
			}
		}
		select {
		case <-db.spread:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (db *DB) wakeSpreader() {
	select {
	case db.spread <- struct{}{}:
	default: // it knows already
	}
}
