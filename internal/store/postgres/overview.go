package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
)

// Overview returns how much there is, the latest events and the mailboxes. Its
// cost grows with what waits: it is for people, not for every request. The
// number of events is the planner's estimate where it is large.
func (db *DB) Overview(ctx context.Context, latest int) (o store.Overview, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		err := q.QueryRow(ctx, `SELECT CASE WHEN estimate < 100000 THEN (SELECT count(*) FROM event) ELSE estimate END,
			(SELECT count(*) FROM subscription WHERE status <> 3)
			FROM (SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint AS estimate
				FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'event'::regclass) e`).Scan(&o.Events, &o.Subscriptions)
		if err != nil {
			return err
		}
		if o.Latest, err = all(ctx, q, func(r pgx.Rows) (e store.EventSummary, err error) {
			err = r.Scan(&e.Event, &e.Code, &e.Kind, &e.Publisher, &e.Withheld, &e.Copies)
			e.At = db.moments.Of(e.Event)
			return e, err
		}, `SELECT e.id, t.code, e.kind, e.publisher, e.withheld, e.copies FROM event e JOIN event_type t ON t.id = e.type ORDER BY e.id DESC LIMIT $1`, latest); err != nil {
			return err
		}
		o.Mailboxes, err = all(ctx, q, func(r pgx.Rows) (m store.MailboxSummary, err error) {
			var oldest *int64
			err = r.Scan(&m.ID, &m.Name, &m.ODS, &m.Remote, &m.Waiting, &oldest)
			if oldest != nil {
				m.Oldest = db.moments.Of(store.EventID(*oldest))
			}
			return m, err
		}, `SELECT m.id, m.name, m.ods, m.remote, count(i.position), min(i.position)
			FROM mailbox m LEFT JOIN inbox i ON i.mailbox = m.row GROUP BY m.row ORDER BY m.id`)
		return err
	})
	for _, m := range o.Mailboxes {
		o.Waiting += m.Waiting
	}
	return o, err
}
