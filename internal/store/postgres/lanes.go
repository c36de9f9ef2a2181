package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
	"nems/internal/store/ledger"
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

// ClaimLanes is lane.Outbox's.
func (db *DB) ClaimLanes(ctx context.Context, owner string, lease time.Duration, max int) ([]store.Lane, error) {
	return db.claimLanes(ctx, store.MailboxLanes, owner, lease, max)
}

// ClaimEndpoints is lane.Endpoints'.
func (db *DB) ClaimEndpoints(ctx context.Context, c store.Channel, owner string, lease time.Duration, max int) ([]store.Lane, error) {
	return db.claimLanes(ctx, store.EndpointLanes(c), owner, lease, max)
}

func (db *DB) claimLanes(ctx context.Context, kind store.LaneKind, owner string, lease time.Duration, max int) (lanes []store.Lane, err error) {
	due, err := db.dueLanes(ctx, kind, max)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	err = db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO lane (mailbox) SELECT m FROM unnest($1::bigint[]) m ORDER BY m ON CONFLICT DO NOTHING", due)
		if err != nil {
			return err
		}
		lanes, err = claimFree(ctx, tx, kind, db.leaseNow(), due, owner, lease)
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

// dueLanes looks for lanes to claim. OFFSET keeps what asks for replays out of the plan
// of the rest, which would otherwise read the whole inbox.
func (db *DB) dueLanes(ctx context.Context, kind store.LaneKind, max int) (due []int64, err error) {
	of := "mailbox m LEFT JOIN lane l ON l.mailbox = m.row WHERE m.remote AND $4 = '' AND NOT EXISTS (SELECT FROM endpoint e WHERE e.mailbox = m.row)"
	if kind.Channel != "" {
		of = "endpoint e JOIN mailbox m ON m.row = e.mailbox LEFT JOIN lane l ON l.mailbox = m.row WHERE e.channel = $4"
	}
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		due, err = all(ctx, q, func(r pgx.Rows) (row int64, err error) { return row, r.Scan(&row) }, `SELECT m.row FROM (SELECT m.row, coalesce(l.next_attempt, 0) AS next FROM `+of+` AND coalesce(l.next_attempt, 0) NOT BETWEEN `+leaseClock+` + 1 AND `+leaseClock+` + $3 AND (coalesce(l.owner, '') = '' OR l.expires <= `+leaseClock+`)
			AND EXISTS (SELECT FROM inbox i WHERE i.mailbox = m.row) OFFSET 0) m WHERE `+ledger.Sendable+`
			ORDER BY m.next, m.row LIMIT $2`, db.leaseNow(), max, kind.Longest.Microseconds(), string(kind.Channel))
		return err
	})
	return due, err
}

// claimFree takes those of the lanes that are still free; another node's
// transaction that is just taking one is not waited for.
func claimFree(ctx context.Context, tx pgx.Tx, kind store.LaneKind, now *int64, due []int64, owner string, lease time.Duration) ([]store.Lane, error) {
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
		now, due, owner, lease.Microseconds(), kind.Longest.Microseconds())
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
