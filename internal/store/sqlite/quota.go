package sqlite

import (
	"context"
	"errors"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
)

// room returns the *store.QuotaError that a new subscription is refused with.
func (c *creation) room(w *writer, mailbox int64) (refusal, err error) {
	refusal, err = w.roomFor(store.QuotaUse{Quota: store.SystemQuota, Owner: string(c.ASID), Used: 1},
		store.QuotaUse{Quota: store.OrganisationQuota, Owner: string(c.ODS), Used: 1})
	if err != nil || refusal != nil {
		return refusal, err
	}
	// At most as many entries of the index as the quota allows are looked at; what
	// has ended has no same. Without a quota LIMIT is negative, which means none.
	used, err := number(w.conn, "SELECT count(*) FROM (SELECT 1 FROM subscription WHERE hash = ? AND mailbox = ? AND same IS NOT NULL LIMIT ?)",
		c.Hash, mailbox, w.db.quotas.Route)
	if err != nil {
		return nil, err
	}
	return w.db.quotas.Room(store.RouteQuota, used, 1), nil
}

// roomFor returns the *store.QuotaError of the first owner that cannot have more.
// Triggers keep the counters (migration "quota").
func (w *writer) roomFor(more ...store.QuotaUse) (refusal, err error) {
	for _, m := range more {
		used, err := number(w.conn, "SELECT ifnull((SELECT used FROM quota_use WHERE quota = ? AND owner = ?), 0)", int64(m.Quota), m.Owner)
		if err != nil {
			return nil, err
		}
		if full := w.db.quotas.Room(m.Quota, used, m.Used); full != nil {
			return full, nil
		}
	}
	return nil, nil
}

// quotaDrift finds the counters that do not agree with the tables. All is read
// in one state of the database.
func quotaDrift(ctx context.Context, conn *sqlite.Conn) ([]store.QuotaDrift, error) {
	type counter struct {
		quota store.Quota
		owner string
	}
	short := map[counter]int64{}
	seen := 0
	count := func(query string, each func(*sqlite.Stmt)) error {
		return rows(conn, query, func(s *sqlite.Stmt) error {
			each(s)
			if seen++; seen%sweptStep == 0 {
				return ctx.Err()
			}
			return nil
		})
	}
	err := errors.Join(
		count("SELECT asid, ods FROM subscription WHERE status <> 3", func(s *sqlite.Stmt) {
			short[counter{store.SystemQuota, s.ColumnText(0)}]++
			short[counter{store.OrganisationQuota, s.ColumnText(1)}]++
		}),
		count("SELECT mailbox, size FROM message WHERE status IN ('uploading', 'accepted')", func(s *sqlite.Stmt) {
			short[counter{store.MessagesQuota, s.ColumnText(0)}]++
			short[counter{store.BytesQuota, s.ColumnText(0)}] += s.ColumnInt64(1)
		}),
		count("SELECT mailbox, size FROM upload", func(s *sqlite.Stmt) {
			short[counter{store.BytesQuota, s.ColumnText(0)}] += s.ColumnInt64(1)
		}),
		count("SELECT quota, owner, used FROM quota_use", func(s *sqlite.Stmt) {
			short[counter{store.Quota(s.ColumnInt64(0)), s.ColumnText(1)}] -= s.ColumnInt64(2)
		}))
	var out []store.QuotaDrift
	for c, n := range short {
		if n != 0 {
			out = append(out, store.QuotaDrift{Quota: c.quota, Owner: c.owner, Short: n})
		}
	}
	return out, err
}

// makeUp adds to counters what they were short of.
type makeUp struct{ drift []store.QuotaDrift }

func (o makeUp) apply(w *writer) (result, error) {
	for _, d := range o.drift {
		err := exec(w.conn, "INSERT INTO quota_use VALUES (?, ?, ?) ON CONFLICT (quota, owner) DO UPDATE SET used = used + excluded.used", int64(d.Quota), d.Owner, d.Short)
		if err != nil {
			return result{}, err
		}
	}
	return result{}, nil
}

// RecountQuotas is database.Quotas'.
func (db *DB) RecountQuotas(ctx context.Context) (drift []store.QuotaDrift, err error) {
	err = db.readers.read(ctx, func(conn *sqlite.Conn) error {
		drift, err = quotaDrift(ctx, conn)
		return err
	})
	if err != nil || len(drift) == 0 {
		return drift, err
	}
	_, err = db.submit(ctx, makeUp{drift})
	return drift, err
}
