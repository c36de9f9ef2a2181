package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/store/ledger"
)

const (
	// sweptStep is how many rows a statement of housekeeping touches.
	sweptStep = ledger.SweptStep
	// expireGrace keeps a subscription in matching a while after its end: events
	// accepted before the end may still be on their way to their commit, and
	// subscription.Match judges ends exactly.
	expireGrace = time.Minute
	// houseLease is how long a node stays in charge of housekeeping.
	houseLease = 15 * time.Second
)

// Lead is database.Peers'.
func (db *DB) Lead(ctx context.Context, task string, lease time.Duration) (bool, error) {
	n, err := db.exec(ctx, `INSERT INTO leader AS l (task, owner, expires) VALUES ($1, $2, clock_timestamp() + $3)
		ON CONFLICT (task) DO UPDATE SET owner = $2, expires = clock_timestamp() + $3 WHERE l.owner = $2 OR l.expires <= clock_timestamp()`,
		task, db.owner, lease)
	return n == 1, err
}

// resign leaves the tasks to other nodes.
func (db *DB) resign(ctx context.Context) {
	_, _ = db.pool.Exec(ctx, "DELETE FROM leader WHERE owner = $1", db.owner)
}

// housekeepLoop makes tomorrow's partitions and keeps house once in a while, if
// no other node does.
func (db *DB) housekeepLoop(ctx context.Context) {
	tick := time.NewTicker(db.opts.Housekeeping)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		err := errors.Join(db.watchClock(ctx), db.days.ensure(ctx, db, db.moments.Position(db.opts.Now().Add(day))))
		if err == nil {
			var leads bool
			if leads, err = db.Lead(ctx, "store", houseLease); err == nil && leads {
				err = db.Housekeep(ctx)
			}
		}
		if err != nil && ctx.Err() == nil {
			db.opts.Log.Warn("housekeeping failed", "error", err)
		}
	}
}

// Housekeep is database.Peers'. It ends subscriptions, and removes what retention
// allows. Run does it regularly. It waits for no row that somebody is
// just changing: that comes next time.
func (db *DB) Housekeep(ctx context.Context) error {
	if err := db.watchClock(ctx); err != nil {
		return err
	}
	now := db.opts.Settled()
	kept := db.moments.Position(now.Add(-db.opts.Retention))
	for _, step := range []func() (int64, error){
		func() (int64, error) { return db.expire(ctx, now.Add(-expireGrace)) },
		func() (int64, error) {
			return db.exec(ctx, "DELETE FROM patient_change WHERE ctid = ANY(ARRAY(SELECT ctid FROM patient_change WHERE event < $1 ORDER BY event LIMIT $2 FOR UPDATE SKIP LOCKED))",
				int64(kept), sweptStep)
		},
		func() (int64, error) {
			return db.exec(ctx, "DELETE FROM nonce WHERE ctid = ANY(ARRAY(SELECT ctid FROM nonce WHERE at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
				now.Add(-2*db.opts.NonceWindow).UnixMicro(), sweptStep)
		},
		func() (int64, error) { return db.refile(ctx) },
		func() (int64, error) { return db.purgeKept(ctx, kept) },
	} {
		for {
			n, err := step()
			if err != nil {
				return err
			}
			if n < sweptStep {
				break
			}
		}
	}
	if err := db.Sweep(ctx, now, func() bool { return true }); err != nil {
		return err
	}
	if err := db.foldUses(ctx); err != nil {
		return err
	}
	if err := db.RetainTypes(ctx, now, func() bool { return true }); err != nil {
		return err
	}
	old, err := db.oldDays(ctx, kept)
	for _, number := range old {
		if err == nil {
			err = db.dropDay(ctx, number)
		}
	}
	return err
}

// expire sets off subscriptions that have ended before a moment. A deferred
// event is judged as of its acceptance: what ended after it must still be found.
func (db *DB) expire(ctx context.Context, before time.Time) (n int64, err error) {
	err = db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		ids, err := all(ctx, tx, func(r pgx.Rows) (id []byte, err error) { return id, r.Scan(&id) },
			`WITH ended AS (UPDATE subscription SET status = 3, same = NULL, version = version + 1
				WHERE ctid = ANY(ARRAY(SELECT ctid FROM subscription WHERE status <> 3
					AND ends <= least($1, (SELECT min(event) >> 12 FROM pending WHERE refusal IS NULL)) LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING id, asid, ods),
			counted AS (INSERT INTO quota_use AS u SELECT o.quota, o.owner, pg_backend_pid(), -count(*)
				FROM ended, LATERAL (VALUES (1::smallint, asid), (2::smallint, ods)) o(quota, owner) GROUP BY 1, 2
				ON CONFLICT (quota, owner, slot) DO UPDATE SET used = u.used + excluded.used)
			SELECT id FROM ended`,
			before.UnixMicro(), sweptStep)
		if err != nil || len(ids) == 0 {
			return err
		}
		n = int64(len(ids))
		_, err = tx.Exec(ctx, "DELETE FROM route WHERE id = ANY($1)", ids)
		return err
	})
	return n, err
}
