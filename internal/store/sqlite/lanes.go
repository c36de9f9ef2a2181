package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
	"nems/internal/store/ledger"
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

// ClaimLanes is lane.Outbox's.
func (db *DB) ClaimLanes(ctx context.Context, owner string, lease time.Duration, max int) ([]store.Lane, error) {
	return db.claimLanes(ctx, store.MailboxLanes, owner, lease, max)
}

// ClaimEndpoints is lane.Endpoints'.
func (db *DB) ClaimEndpoints(ctx context.Context, c store.Channel, owner string, lease time.Duration, max int) ([]store.Lane, error) {
	return db.claimLanes(ctx, store.EndpointLanes(c), owner, lease, max)
}

func (db *DB) claimLanes(ctx context.Context, kind store.LaneKind, owner string, lease time.Duration, max int) ([]store.Lane, error) {
	now := db.leaseNow()
	due, err := db.dueLanes(ctx, kind, now, max)
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
func (db *DB) dueLanes(ctx context.Context, kind store.LaneKind, now time.Time, max int) (due []int64, err error) {
	err = db.readers.one(ctx, func(conn *sqlite.Conn) error {
		// The parameters have a sign, as in List: this is asked several times a second.
		of := "mailbox m LEFT JOIN lane l ON l.mailbox = m.row WHERE m.remote AND ?4 = '' AND NOT EXISTS (SELECT 1 FROM endpoint e WHERE e.mailbox = m.row)"
		if kind.Channel != "" {
			of = "endpoint e CROSS JOIN mailbox m ON m.row = e.mailbox LEFT JOIN lane l ON l.mailbox = m.row WHERE e.channel = ?4"
		}
		return rows(conn, `SELECT m.row FROM `+of+` AND ifnull(l.next_attempt, 0) NOT BETWEEN +?1 + 1 AND +?3 AND (ifnull(l.owner, '') = '' OR l.expires <= +?1)
			AND EXISTS (SELECT 1 FROM inbox i WHERE i.mailbox = m.row) AND `+ledger.Sendable+`
			ORDER BY ifnull(l.next_attempt, 0), m.row LIMIT +?2`, func(s *sqlite.Stmt) error {
			due = append(due, s.ColumnInt64(0))
			return nil
		}, now.UnixMicro(), max, now.Add(kind.Longest).UnixMicro(), string(kind.Channel))
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
