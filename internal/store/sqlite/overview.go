package sqlite

import (
	"context"
	"encoding/binary"
	"math"

	"zombiezen.com/go/sqlite"

	"nems/internal/nhs"
	"nems/internal/store"
)

// Overview is operator.Sight's. The number of events is kept in memory, and
// noted by housekeeping.
func (db *DB) Overview(ctx context.Context, latest int) (o store.Overview, err error) {
	err = db.view(ctx, func(conn *sqlite.Conn) error {
		o.Events.N = db.events.committed.Load()
		if o.Subscriptions.N, err = number(conn, liveSubscriptions, int64(store.OrganisationQuota)); err != nil {
			return err
		}
		if o.Latest, err = db.latestEvents(conn, latest); err != nil {
			return err
		}
		boxes, err := db.summaries(conn)
		o.List(boxes)
		return err
	})
	return o, err
}

// liveSubscriptions adds up the counters that quotas are held to.
const liveSubscriptions = "SELECT ifnull(sum(used), 0) FROM quota_use WHERE quota = ?"

func (db *DB) latestEvents(conn *sqlite.Conn, max int) (out []store.EventSummary, err error) {
	const query = `SELECT e.id, t.code, e.kind, e.publisher, e.withheld, e.mailboxes, f.copies
		FROM event e JOIN event_type t ON t.id = e.type LEFT JOIN fanout f ON f.event = e.id ORDER BY e.id DESC LIMIT ?`
	err = rows(conn, query, func(s *sqlite.Stmt) error {
		e := store.EventSummary{
			Event: store.EventID(s.ColumnInt64(0)), Code: s.ColumnText(1), Kind: s.ColumnText(2),
			Publisher: nhs.ASID(s.ColumnText(3)), Withheld: s.ColumnInt64(4) != 0,
		}
		e.At = db.moments.Of(e.Event)
		if packed := blob(s, 6); packed != nil {
			copies, _, err := store.UnpackCopies(packed, 0, math.MaxInt)
			if err != nil {
				return err
			}
			e.Copies = len(copies)
		} else {
			e.Copies = countVarints(blob(s, 5))
		}
		out = append(out, e)
		return nil
	}, max)
	return out, err
}

// countVarints counts the mailboxes that event.mailboxes holds.
func countVarints(b []byte) (n int) {
	for len(b) > 0 {
		_, size := binary.Uvarint(b)
		if size <= 0 {
			return n
		}
		b, n = b[size:], n+1
	}
	return n
}

func (db *DB) summaries(conn *sqlite.Conn) (out []store.MailboxSummary, err error) {
	const query = `SELECT m.id, m.name, m.ods, m.remote, (SELECT count(*) FROM (SELECT 1 FROM inbox i WHERE i.mailbox = m.row LIMIT ?1)),
		(SELECT min(position) FROM inbox i WHERE i.mailbox = m.row) FROM mailbox m ORDER BY m.id LIMIT ?2`
	err = rows(conn, query, func(s *sqlite.Stmt) error {
		m := store.MailboxSummary{
			ID: s.ColumnText(0), Name: s.ColumnText(1), ODS: nhs.ODSCode(s.ColumnText(2)), Remote: s.ColumnInt64(3) != 0, Waiting: store.Figure{N: s.ColumnInt64(4)},
		}
		if m.Waiting.N > 0 {
			m.Oldest = db.moments.Of(store.EventID(s.ColumnInt64(5)))
		}
		out = append(out, m)
		return nil
	}, store.MostWaiting+1, store.MostBoxes+1)
	return out, err
}
