package sqlite

import (
	"context"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
	"nems/internal/subscription"
)

// shortQueue is up to how many waiting operations housekeeping deletes at all:
// publishes come first.
const shortQueue = 16

// expireGrace keeps a subscription in matching a while after its end: events
// accepted before the end may still be on their way to their commit, and
// subscription.Match judges ends exactly.
const expireGrace = time.Minute

// sweep is how far retention has come; one round of housekeeping at a time.
type sweep struct {
	sync.Mutex
	after store.EventID
	next  time.Time
}

// expire sets off the subscriptions that have ended.
type expire struct{ before int64 }

func (e expire) apply(w *writer) (result, error) {
	var ids []subscription.ID
	// A deferred event is judged as of its acceptance: what ended after it must
	// still be found.
	oldest, err := oldestPending(w.conn, w.db.moments.Position(time.UnixMicro(e.before)))
	if err != nil {
		return result{}, err
	}
	err = rows(w.conn, "SELECT id FROM subscription WHERE ends IS NOT NULL AND ends <= ? AND status <> 3 LIMIT ?", func(s *sqlite.Stmt) error {
		ids = append(ids, subscription.ID{})
		s.ColumnBytes(0, ids[len(ids)-1][:])
		return nil
	}, w.db.moments.Of(oldest).UnixMicro(), sweptStep)
	if err != nil {
		return result{}, err
	}
	for _, id := range ids {
		if err := w.unroute(id); err != nil {
			return result{}, err
		}
		if err := exec(w.conn, "UPDATE subscription SET status = 3, same = NULL, version = version + 1 WHERE id = ?", id[:]); err != nil {
			return result{}, err
		}
	}
	return result{n: len(ids)}, nil
}

// purgeChanges removes notes of patients' changes, the oldest first.
type purgeChanges struct{ before store.EventID }

func (p purgeChanges) apply(w *writer) (result, error) {
	err := exec(w.conn, "DELETE FROM patient_change WHERE n IN (SELECT n FROM patient_change ORDER BY n LIMIT ?2) AND event < ?1", p.before, sweptStep)
	return result{n: w.conn.Changes()}, err
}

// vacuum gives pages that deletions freed back to the file system.
type vacuum struct{}

func (vacuum) apply(w *writer) (result, error) {
	free, err := number(w.conn, "PRAGMA freelist_count")
	if err != nil || free < sweptStep {
		return result{}, err
	}
	return result{n: int(free)}, exec(w.conn, "PRAGMA incremental_vacuum(500)")
}

// housekeepLoop keeps house once in a while, and on when a step found a full
// load of work.
func (db *DB) housekeepLoop(ctx context.Context) {
	tick := time.NewTicker(db.opts.Housekeeping)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := db.Housekeep(ctx); err != nil && ctx.Err() == nil {
				db.opts.Log.Warn("housekeeping failed", "error", err)
			}
			db.wakeSpreader()
		case <-ctx.Done():
			return
		}
	}
}

// Housekeep is database.Peers'. It ends subscriptions, and removes what retention
// allows, 500 rows a commit and only while the queue is short. Run does it regularly.
func (db *DB) Housekeep(ctx context.Context) error {
	db.sweep.Lock()
	defer db.sweep.Unlock()
	if err := db.watchClock(ctx); err != nil {
		return err
	}
	now := db.opts.Settled()
	if err := db.whileWork(ctx, func() operation { return expire{now.Add(-expireGrace).UnixMicro()} }); err != nil {
		return err
	}
	kept := db.moments.Position(now.Add(-db.opts.Retention))
	if err := db.whileWork(ctx, func() operation { return purgeChanges{kept} }); err != nil {
		return err
	}
	if err := db.Sweep(ctx, now, db.idle); err != nil {
		return err
	}
	if err := db.retain(ctx, now); err != nil {
		return err
	}
	if err := db.RetainTypes(ctx, now, db.idle); err != nil {
		return err
	}
	if err := db.noteEvents(ctx, now); err != nil {
		return err
	}
	return db.whileWork(ctx, func() operation { return vacuum{} })
}

// idle tells whether few others wait for the writer.
func (db *DB) idle() bool { return db.committer.Stats().Depth <= shortQueue }

// whileWork repeats a step as long as it finds as much as it can do, and stops
// early when others wait.
func (db *DB) whileWork(ctx context.Context, step func() operation) error {
	for db.idle() {
		r, err := db.submit(ctx, step())
		if err != nil || r.n < sweptStep {
			return err
		}
	}
	return nil
}

// sweepPause is how long retention rests when it has looked at everything: what
// is left is unresolved, and may be much.
const sweepPause = time.Minute

// retain removes events that were delivered long ago, from the oldest on. It
// goes on where it stopped because others waited.
func (db *DB) retain(ctx context.Context, now time.Time) error {
	if now.Before(db.sweep.next) {
		return nil
	}
	before := db.moments.Position(now.Add(-db.opts.Retention))
	for db.idle() {
		r, err := db.submit(ctx, purgeEvents{after: db.sweep.after, before: before, max: sweptStep})
		if err != nil {
			return err
		}
		if db.sweep.after = r.receipt.Event; db.sweep.after == 0 {
			db.sweep.next = now.Add(sweepPause)
			return nil
		}
	}
	return nil
}
