package ledger

import (
	"context"
	"time"

	"nems/internal/store"
)

// settle stores what became of a delivery.
type settle struct {
	prolong string // the statement that prolongs the claim
	now     any
	lease   time.Duration
	lane    store.Lane
	store.Delivery
	fault []byte
}

// Settle is lane.Outbox's.
func (l *Ledger) Settle(ctx context.Context, lane store.Lane, d store.Delivery, lease time.Duration) error {
	clock, now := l.dialect.LeaseClock()
	_, err := l.engine.Together(ctx, lane.Mailbox, settle{
		"UPDATE lane SET expires = " + clock + " + $2 WHERE mailbox = $3 AND owner = $4 AND generation = $5", now, lease, lane, d, d.Fault(),
	})
	return err
}

func (o settle) Apply(tx Tx) (any, error) {
	n, err := tx.Exec(o.prolong, o.now, o.lease.Microseconds(), o.lane.Mailbox, o.lane.Owner, o.lane.Generation)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, refuse(store.ErrClaimLost)
	}
	if o.State != store.Waiting {
		if err := o.end(tx); err != nil {
			return nil, err
		}
	}
	tx.Later(`INSERT INTO delivery (mailbox, position, attempts, refusals, first, uncertain, mesh_id, fault, tries) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (mailbox, position) DO UPDATE SET attempts = $3, refusals = $4, first = $5, uncertain = $6, mesh_id = $7, fault = $8, tries = $9`,
		o.Mailbox, o.Event, o.Attempts, o.Refusals, instant(o.First), o.Uncertain, orNull(o.MESHID), o.fault, o.PackTries())
	return nil, nil
}

// end takes a delivery out of the inbox that waits no longer.
func (o settle) end(tx Tx) error {
	moved, err := tx.Collect(o.Mailbox, o.Event, o.State, o.At.UnixMicro(), o.fault)
	if err != nil || moved {
		return err
	}
	// An operator parked it while it was on its way. What happened counts.
	tx.Later("UPDATE collected SET status = $3, at = $4, fault = $5 WHERE mailbox = $1 AND position = $2 AND status = 'parked'",
		o.Mailbox, o.Event, o.State.MESHStatus(), o.At.UnixMicro(), o.fault)
	return nil
}

// release gives a lane back.
type release struct {
	statement string
	args      []any
}

// ReleaseLane is lane.Outbox's. next is kept by the clock of leases, since
// this node's may be wrong.
func (l *Ledger) ReleaseLane(ctx context.Context, lane store.Lane, next time.Time) error {
	clock, now := l.dialect.LeaseClock()
	pause := max(0, next.Sub(l.options.Now()))
	_, err := l.engine.Change(ctx, release{
		"UPDATE lane SET owner = '', next_attempt = " + clock + " + $2, failures = $3 WHERE mailbox = $4 AND owner = $5 AND generation = $6",
		[]any{now, pause.Microseconds(), lane.Failures, lane.Mailbox, lane.Owner, lane.Generation},
	})
	return err
}

func (o release) Apply(tx Tx) (any, error) {
	n, err := tx.Exec(o.statement, o.args...)
	if err == nil && n == 0 {
		err = refuse(store.ErrClaimLost)
	}
	return nil, err
}

// oldest is the position of the oldest row of an inbox m.row.
const oldest = "(SELECT min(position) FROM inbox i WHERE i.mailbox = m.row)"

// Backlogs is database.Queues'.
func (l *Ledger) Backlogs(ctx context.Context, max int) ([]store.Backlog, error) {
	return read(ctx, l.engine.View, func(r Row) (b store.Backlog, err error) {
		var oldest store.EventID
		err = r.Scan(&b.MailboxID, &b.Waiting, &oldest, &b.Parked)
		if oldest != 0 {
			b.Oldest = l.engine.Moments().Of(oldest)
		}
		return b, err
	}, `SELECT m.id, (SELECT count(*) FROM (SELECT 1 FROM inbox i WHERE i.mailbox = m.row LIMIT $2) few), `+oldest+`,
		(SELECT count(*) FROM collected c WHERE c.mailbox = m.row AND c.status = 'parked')
		FROM mailbox m WHERE m.remote ORDER BY 2 DESC, m.row LIMIT $1`, max, store.DeepestBacklog)
}

// Uncollected is database.Queues'.
func (l *Ledger) Uncollected(ctx context.Context, max int) ([]store.Uncollected, error) {
	return read(ctx, l.engine.View, func(r Row) (u store.Uncollected, err error) {
		var oldest store.EventID
		err = r.Scan(&u.MailboxID, &oldest)
		u.Oldest = l.engine.Moments().Of(oldest)
		return u, err
	}, "SELECT id, oldest FROM (SELECT m.id, "+oldest+` AS oldest FROM mailbox m WHERE NOT m.remote) boxes
		WHERE oldest IS NOT NULL ORDER BY oldest LIMIT $1`, max)
}

// ParkedHere is database.Queues'.
func (l *Ledger) ParkedHere(ctx context.Context, max int) ([]store.ParkedHere, error) {
	return read(ctx, l.engine.View, func(r Row) (p store.ParkedHere, err error) { return p, r.Scan(&p.MailboxID, &p.Copies) },
		`SELECT m.id, count(*) FROM collected c JOIN mailbox m ON m.row = c.mailbox
		WHERE c.status = 'parked' AND NOT m.remote GROUP BY m.row, m.id ORDER BY 2 DESC, m.row LIMIT $1`, max)
}
