package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
)

// leaseNow is the present moment of the clock of leases, as an argument: NULL
// stands for the database's own, which all nodes share.
func (db *DB) leaseNow() *int64 {
	if db.opts.LeaseClock == nil {
		return nil
	}
	us := db.opts.LeaseClock().UnixMicro()
	return &us
}

// now as an SQL expression over the argument that leaseNow gives.
const leaseClock = `coalesce($1::bigint, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)`

// ClaimLanes takes up to max remote mailboxes for which something waits, that
// nobody has claimed and that are due, those that are due longest first. When a
// claim has lapsed, its owner may have sent one of the oldest deliveries without
// saying so: the first store.MostUncertain become Uncertain.
func (db *DB) ClaimLanes(ctx context.Context, owner string, lease time.Duration, max int) (lanes []store.Lane, err error) {
	due, err := db.dueLanes(ctx, max)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	err = db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO lane (mailbox) SELECT m FROM unnest($1::bigint[]) m ORDER BY m ON CONFLICT DO NOTHING", due)
		if err != nil {
			return err
		}
		lanes, err = claimFree(ctx, tx, db.leaseNow(), due, owner, lease)
		return err
	})
	if err != nil || len(lanes) == 0 {
		return nil, err
	}
	for i := range lanes {
		box, err := db.box(ctx, lanes[i].Mailbox)
		if err != nil {
			return nil, err
		}
		lanes[i].MailboxID = box.ID
	}
	return lanes, nil
}

// dueLanes looks for lanes to claim.
func (db *DB) dueLanes(ctx context.Context, max int) (due []int64, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		due, err = all(ctx, q, func(r pgx.Rows) (row int64, err error) { return row, r.Scan(&row) }, `SELECT m.row
			FROM mailbox m LEFT JOIN lane l ON l.mailbox = m.row
			WHERE m.remote AND coalesce(l.next_attempt, 0) NOT BETWEEN `+leaseClock+` + 1 AND `+leaseClock+` + $3 AND (coalesce(l.owner, '') = '' OR l.expires <= `+leaseClock+`)
			AND EXISTS (SELECT FROM inbox i WHERE i.mailbox = m.row)
			ORDER BY coalesce(l.next_attempt, 0), m.row LIMIT $2`, db.leaseNow(), max, store.LongestPause.Microseconds())
		return err
	})
	return due, err
}

// claimFree takes those of the lanes that are still free; another node's
// transaction that is just taking one is not waited for.
func claimFree(ctx context.Context, tx pgx.Tx, now *int64, due []int64, owner string, lease time.Duration) ([]store.Lane, error) {
	type claimed struct {
		store.Lane
		lapsed bool
	}
	found, err := all(ctx, tx, func(r pgx.Rows) (c claimed, err error) {
		var expires int64
		err = r.Scan(&c.Mailbox, &c.Generation, &c.Failures, &expires, &c.lapsed)
		c.Owner, c.Expires = owner, time.UnixMicro(expires).UTC()
		return c, err
	}, `WITH free AS (SELECT mailbox, owner <> '' AS lapsed FROM lane
			WHERE mailbox = ANY($2) AND (owner = '' OR expires <= `+leaseClock+`) 
				AND next_attempt NOT BETWEEN `+leaseClock+` + 1 AND `+leaseClock+` + $5 FOR UPDATE SKIP LOCKED)
		UPDATE lane l SET owner = $3, generation = generation + 1, expires = `+leaseClock+` + $4
		FROM free f WHERE f.mailbox = l.mailbox RETURNING l.mailbox, l.generation, l.failures, l.expires, f.lapsed`,
		now, due, owner, lease.Microseconds(), store.LongestPause.Microseconds())
	if err != nil {
		return nil, err
	}
	var lanes []store.Lane
	for _, c := range found {
		lanes = append(lanes, c.Lane)
		if !c.lapsed {
			continue
		}
		if _, err := tx.Exec(ctx, `INSERT INTO delivery (mailbox, position, uncertain)
			SELECT mailbox, position, true FROM inbox WHERE mailbox = $1 ORDER BY position LIMIT $2
			ON CONFLICT (mailbox, position) DO UPDATE SET uncertain = true`, c.Mailbox, store.MostUncertain); err != nil {
			return nil, err
		}
	}
	return lanes, nil
}

// WaitingDeliveries returns the next deliveries of a lane, oldest first.
func (db *DB) WaitingDeliveries(ctx context.Context, l store.Lane, max int) ([]store.Delivery, error) {
	return db.Deliveries(ctx, store.DeliveryQuery{Mailbox: l.MailboxID, State: store.Waiting, Max: max})
}

// Settle stores d's State and what was learned on the way to it, and prolongs
// the claim by lease. It returns store.ErrClaimLost, having stored nothing, when
// the lane has another owner or generation.
func (db *DB) Settle(ctx context.Context, l store.Lane, d store.Delivery, lease time.Duration) error {
	return db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE lane SET expires = `+leaseClock+` + $2 WHERE mailbox = $3 AND owner = $4 AND generation = $5`,
			db.leaseNow(), lease.Microseconds(), l.Mailbox, l.Owner, l.Generation)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return store.ErrClaimLost
		}
		return settle(ctx, tx, &d, d.Fault())
	})
}

func settle(ctx context.Context, tx pgx.Tx, d *store.Delivery, why []byte) error {
	_, err := tx.Exec(ctx, `INSERT INTO delivery (mailbox, position, attempts, refusals, first, uncertain, mesh_id, fault) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (mailbox, position) DO UPDATE SET attempts = $3, refusals = $4, first = $5, uncertain = $6, mesh_id = $7, fault = $8`,
		d.Mailbox, int64(d.Event), d.Attempts, d.Refusals, instant(d.First), d.Uncertain, text(d.MESHID), why)
	if err != nil || d.State == store.Waiting {
		return err
	}
	moved, err := collect(ctx, tx, d.Mailbox, d.Event, d.State, d.At.UnixMicro(), why)
	if err != nil || moved {
		return err
	}
	// An operator parked it while it was on its way. What happened counts.
	_, err = tx.Exec(ctx, "UPDATE collected SET status = $3, at = $4, fault = $5 WHERE mailbox = $1 AND position = $2 AND status = 'parked'",
		d.Mailbox, int64(d.Event), d.State.MESHStatus(), d.At.UnixMicro(), why)
	return err
}

// ReleaseLane gives a lane back: nobody claims it before next, which is kept by
// the clock of leases: another node's, or this one's, may be wrong. l.Failures is
// kept. It returns store.ErrClaimLost when the lane is no longer this claim's.
func (db *DB) ReleaseLane(ctx context.Context, l store.Lane, next time.Time) error {
	pause := max(0, next.Sub(db.opts.Now()))
	n, err := db.exec(ctx, "UPDATE lane SET owner = '', next_attempt = "+leaseClock+" + $2, failures = $3 WHERE mailbox = $4 AND owner = $5 AND generation = $6",
		db.leaseNow(), pause.Microseconds(), l.Failures, l.Mailbox, l.Owner, l.Generation)
	if err == nil && n == 0 {
		err = store.ErrClaimLost
	}
	return err
}

// Backlogs tells what waits for the remote mailboxes, the deepest first, for at
// most max of them. Each is counted up to store.DeepestBacklog.
func (db *DB) Backlogs(ctx context.Context, max int) (out []store.Backlog, err error) {
	err = db.view(ctx, func(ctx context.Context, q querier) error {
		out, err = all(ctx, q, func(r pgx.Rows) (b store.Backlog, err error) {
			var oldest *int64
			err = r.Scan(&b.MailboxID, &b.Waiting, &oldest, &b.Parked)
			if oldest != nil {
				b.Oldest = db.moments.Of(store.EventID(*oldest))
			}
			return b, err
		}, `SELECT m.id, (SELECT count(*) FROM (SELECT 1 FROM inbox i WHERE i.mailbox = m.row LIMIT $2) few), (SELECT min(position) FROM inbox i WHERE i.mailbox = m.row),
			(SELECT count(*) FROM collected c WHERE c.mailbox = m.row AND c.status = 'parked')
			FROM mailbox m WHERE m.remote ORDER BY 2 DESC, m.row LIMIT $1`, max, store.DeepestBacklog)
		return err
	})
	return out, err
}

// Uncollected tells which hosted mailboxes have something to collect, those with
// the oldest first, at most max of them.
func (db *DB) Uncollected(ctx context.Context, max int) (out []store.Uncollected, err error) {
	err = db.view(ctx, func(ctx context.Context, q querier) error {
		out, err = all(ctx, q, func(r pgx.Rows) (u store.Uncollected, err error) {
			var oldest int64
			err = r.Scan(&u.MailboxID, &oldest)
			u.Oldest = db.moments.Of(store.EventID(oldest))
			return u, err
		}, `SELECT id, oldest FROM (SELECT m.id, (SELECT min(position) FROM inbox i WHERE i.mailbox = m.row) AS oldest FROM mailbox m WHERE NOT m.remote) boxes
			WHERE oldest IS NOT NULL ORDER BY oldest LIMIT $1`, max)
		return err
	})
	return out, err
}

// ParkedHere tells for which hosted mailboxes copies are parked, the most first,
// for at most max of them.
func (db *DB) ParkedHere(ctx context.Context, max int) (out []store.ParkedHere, err error) {
	err = db.view(ctx, func(ctx context.Context, q querier) error {
		out, err = all(ctx, q, func(r pgx.Rows) (p store.ParkedHere, err error) { return p, r.Scan(&p.MailboxID, &p.Copies) },
			`SELECT m.id, count(*) FROM collected c JOIN mailbox m ON m.row = c.mailbox
			WHERE c.status = 'parked' AND NOT m.remote GROUP BY m.row, m.id ORDER BY 2 DESC, m.row LIMIT $1`, max)
		return err
	})
	return out, err
}
