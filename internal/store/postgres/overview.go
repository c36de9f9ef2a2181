package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
)

// mostCounted is how many events an overview counts. Where there are more, it
// takes the planner's estimate.
const mostCounted = 10_000

// Overview is operator.Sight's.
func (db *DB) Overview(ctx context.Context, latest int) (o store.Overview, err error) {
	err = db.view(ctx, func(ctx context.Context, q querier) error {
		var estimate int64
		err := q.QueryRow(ctx, `SELECT (SELECT count(*) FROM (SELECT FROM event LIMIT $1) few),
			(SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint
				FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'event'::regclass),
			(SELECT coalesce(sum(used), 0)::bigint FROM quota_use WHERE quota = $2)`, mostCounted+1, int16(store.OrganisationQuota)).
			Scan(&o.Events.N, &estimate, &o.Subscriptions.N)
		if err != nil {
			return err
		}
		if o.Events.About = o.Events.N > mostCounted; o.Events.About {
			o.Events.N = max(o.Events.N, estimate)
		}
		if o.Latest, err = all(ctx, q, func(r pgx.Rows) (e store.EventSummary, err error) {
			err = r.Scan(&e.Event, &e.Code, &e.Kind, &e.Publisher, &e.Withheld, &e.Copies)
			e.At = db.moments.Of(e.Event)
			return e, err
		}, `SELECT e.id, t.code, e.kind, e.publisher, e.withheld, e.copies FROM event e JOIN event_type t ON t.id = e.type ORDER BY e.id DESC LIMIT $1`, latest); err != nil {
			return err
		}
		boxes, err := all(ctx, q, func(r pgx.Rows) (m store.MailboxSummary, err error) {
			var oldest *int64
			err = r.Scan(&m.ID, &m.Name, &m.ODS, &m.Remote, &m.Waiting.N, &oldest)
			if oldest != nil {
				m.Oldest = db.moments.Of(store.EventID(*oldest))
			}
			return m, err
		}, `SELECT m.id, m.name, m.ods, m.remote, (SELECT count(*) FROM (SELECT FROM inbox i WHERE i.mailbox = m.row LIMIT $1) few),
			(SELECT min(position) FROM inbox i WHERE i.mailbox = m.row) FROM mailbox m ORDER BY upper(m.id) LIMIT $2`, store.MostWaiting+1, store.MostBoxes+1)
		o.List(boxes)
		return err
	})
	return o, err
}
