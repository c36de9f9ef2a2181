package sqlite

import (
	"context"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
)

// leaseClock is the clock of leases. It runs evenly from the moment at which the
// store is opened: a clock that is set forward would end the claim on a delivery
// that is still on its way, and the delivery would be sent a second time.
func leaseClock(o store.Options) func() time.Time {
	opened, begun := o.Now(), o.Steady()
	return func() time.Time { return opened.Add(o.Steady() - begun) }
}

// claimLanes takes lanes for an owner.
type claimLanes struct {
	mailboxes  []int64
	owner      string
	now, until int64
}

// ClaimLanes takes up to max remote mailboxes for which something waits, that
// nobody has claimed and that are due, those that are due longest first. When a
// claim has lapsed, its owner may have sent one of the oldest deliveries without
// saying so: the first store.MostUncertain become Uncertain.
func (db *DB) ClaimLanes(ctx context.Context, owner string, lease time.Duration, max int) ([]store.Lane, error) {
	now := db.leaseNow()
	due, err := db.dueLanes(ctx, now, max)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	r, err := db.submit(ctx, claimLanes{due, owner, now.UnixMicro(), now.Add(lease).UnixMicro()})
	if err != nil {
		return nil, err
	}
	t, err := db.knownTables(ctx)
	for i := range r.lanes {
		r.lanes[i].MailboxID = t.byRow[r.lanes[i].Mailbox].ID
	}
	return r.lanes, err
}

// dueLanes looks for lanes to claim without keeping the writer from its work.
func (db *DB) dueLanes(ctx context.Context, now time.Time, max int) (due []int64, err error) {
	err = db.readers.one(ctx, func(conn *sqlite.Conn) error {
		return rows(conn, `SELECT m.row FROM mailbox m LEFT JOIN lane l ON l.mailbox = m.row
			WHERE m.remote AND ifnull(l.next_attempt, 0) NOT BETWEEN ?1 + 1 AND ?3 AND (ifnull(l.owner, '') = '' OR l.expires <= ?1)
			AND EXISTS (SELECT 1 FROM inbox i WHERE i.mailbox = m.row)
			ORDER BY ifnull(l.next_attempt, 0), m.row LIMIT ?2`, func(s *sqlite.Stmt) error {
			due = append(due, s.ColumnInt64(0))
			return nil
		}, now.UnixMicro(), max, now.Add(store.LongestPause).UnixMicro())
	})
	return due, err
}

func (c claimLanes) apply(w *writer) (result, error) {
	var r result
	for _, mailbox := range c.mailboxes {
		free, lapsed := true, false
		_, err := row(w.conn, "SELECT owner, expires FROM lane WHERE mailbox = ?", func(s *sqlite.Stmt) {
			lapsed = s.ColumnText(0) != ""
			free = !lapsed || s.ColumnInt64(1) <= c.now
		}, mailbox)
		if err != nil {
			return result{}, err
		}
		if !free {
			continue
		}
		lane := store.Lane{Mailbox: mailbox, Owner: c.owner, Expires: time.UnixMicro(c.until).UTC()}
		_, err = row(w.conn, `INSERT INTO lane (mailbox, owner, generation, expires, next_attempt, failures) VALUES (?1, ?2, 1, ?3, 0, 0)
			ON CONFLICT (mailbox) DO UPDATE SET owner = ?2, generation = generation + 1, expires = ?3 RETURNING generation, failures`,
			func(s *sqlite.Stmt) { lane.Generation, lane.Failures = s.ColumnInt64(0), s.ColumnInt(1) }, mailbox, c.owner, c.until)
		if err == nil && lapsed {
			err = exec(w.conn, `INSERT INTO delivery (mailbox, position, uncertain)
				SELECT mailbox, position, 1 FROM inbox WHERE mailbox = ? ORDER BY position LIMIT ?
				ON CONFLICT (mailbox, position) DO UPDATE SET uncertain = 1`, mailbox, store.MostUncertain)
		}
		if err != nil {
			return result{}, err
		}
		r.lanes = append(r.lanes, lane)
	}
	return r, nil
}

// WaitingDeliveries returns the next deliveries of a lane, oldest first.
func (db *DB) WaitingDeliveries(ctx context.Context, l store.Lane, max int) ([]store.Delivery, error) {
	return db.Deliveries(ctx, store.DeliveryQuery{Mailbox: l.MailboxID, State: store.Waiting, Max: max})
}

// settle stores what became of a delivery.
type settle struct {
	lane     store.Lane
	delivery store.Delivery
	fault    []byte
	until    int64
}

// Settle stores d's State and what was learned on the way to it, and prolongs
// the claim by lease. It returns store.ErrClaimLost, having stored nothing, when
// the lane has another owner or generation.
func (db *DB) Settle(ctx context.Context, l store.Lane, d store.Delivery, lease time.Duration) error {
	_, err := db.submit(ctx, settle{lane: l, delivery: d, fault: d.Fault(), until: db.leaseNow().Add(lease).UnixMicro()})
	return err
}

func (o settle) apply(w *writer) (result, error) {
	err := exec(w.conn, "UPDATE lane SET expires = ? WHERE mailbox = ? AND owner = ? AND generation = ?",
		o.until, o.lane.Mailbox, o.lane.Owner, o.lane.Generation)
	if err != nil {
		return result{}, err
	}
	if w.conn.Changes() == 0 {
		return result{err: store.ErrClaimLost}, nil
	}
	d := &o.delivery
	var id any
	if d.MESHID != "" {
		id = d.MESHID
	}
	err = exec(w.conn, `INSERT INTO delivery (mailbox, position, attempts, refusals, first, uncertain, mesh_id, fault) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
		ON CONFLICT (mailbox, position) DO UPDATE SET attempts = ?3, refusals = ?4, first = ?5, uncertain = ?6, mesh_id = ?7, fault = ?8`,
		d.Mailbox, d.Event, d.Attempts, d.Refusals, instant(d.First), d.Uncertain, id, o.fault)
	if err != nil || d.State == store.Waiting {
		return result{}, err
	}
	moved, _, err := w.collect(d.Mailbox, d.Event, d.State, d.At.UnixMicro(), o.fault)
	if err != nil || moved {
		return result{}, err
	}
	// An operator parked it while it was on its way. What happened counts.
	return result{}, exec(w.conn, "UPDATE collected SET status = ?, at = ?, fault = ? WHERE mailbox = ? AND position = ? AND status = 'parked'",
		d.State.MESHStatus(), d.At.UnixMicro(), o.fault, d.Mailbox, d.Event)
}

// release gives a lane back.
type release struct {
	lane store.Lane
	next int64
}

// ReleaseLane gives a lane back: nobody claims it before next, which is kept by
// the clock of leases. l.Failures is kept. It returns store.ErrClaimLost when the
// lane is no longer this claim's.
func (db *DB) ReleaseLane(ctx context.Context, l store.Lane, next time.Time) error {
	pause := max(0, next.Sub(db.opts.Now()))
	_, err := db.submit(ctx, release{l, db.leaseNow().Add(pause).UnixMicro()})
	return err
}

func (o release) apply(w *writer) (result, error) {
	err := exec(w.conn, "UPDATE lane SET owner = '', next_attempt = ?, failures = ? WHERE mailbox = ? AND owner = ? AND generation = ?",
		o.next, o.lane.Failures, o.lane.Mailbox, o.lane.Owner, o.lane.Generation)
	if err == nil && w.conn.Changes() == 0 {
		return result{err: store.ErrClaimLost}, nil
	}
	return result{}, err
}

// Backlogs tells what waits for the remote mailboxes, the deepest first, for at
// most max of them. Each is counted up to store.DeepestBacklog.
func (db *DB) Backlogs(ctx context.Context, max int) (out []store.Backlog, err error) {
	err = db.view(ctx, func(conn *sqlite.Conn) error {
		return rows(conn, `SELECT m.id, (SELECT count(*) FROM (SELECT 1 FROM inbox i WHERE i.mailbox = m.row LIMIT ?2)),
			(SELECT min(position) FROM inbox i WHERE i.mailbox = m.row),
			(SELECT count(*) FROM collected c WHERE c.mailbox = m.row AND c.status = 'parked')
			FROM mailbox m WHERE m.remote ORDER BY 2 DESC, m.row LIMIT ?1`, func(s *sqlite.Stmt) error {
			b := store.Backlog{MailboxID: s.ColumnText(0), Waiting: s.ColumnInt64(1), Parked: s.ColumnInt64(3)}
			if b.Waiting > 0 {
				b.Oldest = db.moments.Of(store.EventID(s.ColumnInt64(2)))
			}
			out = append(out, b)
			return nil
		}, max, store.DeepestBacklog)
	})
	return slices.Clip(out), err
}

// Uncollected tells which hosted mailboxes have something to collect, those with
// the oldest first, at most max of them.
func (db *DB) Uncollected(ctx context.Context, max int) (out []store.Uncollected, err error) {
	err = db.view(ctx, func(conn *sqlite.Conn) error {
		return rows(conn, `SELECT id, oldest FROM (SELECT m.id, (SELECT min(position) FROM inbox i WHERE i.mailbox = m.row) AS oldest FROM mailbox m WHERE NOT m.remote)
			WHERE oldest IS NOT NULL ORDER BY oldest LIMIT ?`, func(s *sqlite.Stmt) error {
			out = append(out, store.Uncollected{MailboxID: s.ColumnText(0), Oldest: db.moments.Of(store.EventID(s.ColumnInt64(1)))})
			return nil
		}, max)
	})
	return out, err
}

// ParkedHere tells for which hosted mailboxes copies are parked, the most first,
// for at most max of them.
func (db *DB) ParkedHere(ctx context.Context, max int) (out []store.ParkedHere, err error) {
	err = db.view(ctx, func(conn *sqlite.Conn) error {
		return rows(conn, `SELECT m.id, count(*) FROM collected c JOIN mailbox m ON m.row = c.mailbox
			WHERE c.status = 'parked' AND NOT m.remote GROUP BY m.row ORDER BY 2 DESC, m.row LIMIT ?`, func(s *sqlite.Stmt) error {
			out = append(out, store.ParkedHere{MailboxID: s.ColumnText(0), Copies: s.ColumnInt64(1)})
			return nil
		}, max)
	})
	return out, err
}
