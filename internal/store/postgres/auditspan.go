package postgres

import (
	"context"
	"strconv"
	"sync"
	"time"

	"nems/internal/store"
)

// AuditSpan is operator.Journal's. Numbers of links are given before they are
// committed: the snapshot keeps out what commits later with a smaller one.
func (db *DB) AuditSpan(ctx context.Context, from, to time.Time) (s store.AuditSpan, err error) {
	// The sums keep the planner from walking along the primary key.
	sql, args := "SELECT coalesce(min(id + 0), 1), coalesce(max(id + 0), 0), pg_current_snapshot()::text FROM audit_link WHERE ($1::bigint IS NULL OR at >= $1) AND ($2::bigint IS NULL OR at < $2)",
		[]any{instant(from), instant(to)}
	if from.IsZero() && to.IsZero() {
		sql, args = "SELECT coalesce(min(id), 1), coalesce(max(id), 0), pg_current_snapshot()::text FROM audit_link", nil
	}
	err = db.view(ctx, func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, sql, args...).Scan(&s.First, &s.Last, &s.Seen)
	})
	return s, err
}

// AuditLinks is operator.Journal's.
func (db *DB) AuditLinks(ctx context.Context, s store.AuditSpan, newest bool, max int) (out []store.AuditLink, err error) {
	order := "ASC"
	if newest {
		order = "DESC"
	}
	err = db.view(ctx, func(ctx context.Context, q querier) error {
		found, err := all(ctx, q, scanLink, `SELECT id, chain, seq, at, heads, hash, entries FROM audit_link
			WHERE id BETWEEN $1 AND $2 AND pg_visible_in_snapshot(xid, $3::pg_snapshot) ORDER BY id `+order+` LIMIT $4`, s.First, s.Last, s.Seen, max)
		out = make([]store.AuditLink, len(found))
		for i, l := range found {
			out[i] = store.AuditLink{Link: l.Link, ID: l.id}
		}
		return err
	})
	return out, err
}

// auditSettling finds out up to which number all links are there. Nodes number
// links before they commit them, so a smaller number may appear after a larger
// one: the newest link of a round is settled when all transactions that were
// under way in that round have ended.
type auditSettling struct {
	sync.Mutex
	settled int64
	newest  int64  // of the round before
	under   uint64 // transactions from here on began after that round
}

// AuditSettled is ledger.Engine's. What it returns was the newest link at an
// earlier call.
func (db *DB) AuditSettled(ctx context.Context) (int64, error) {
	var newest int64
	var oldest, next string
	err := db.read(ctx, func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, "SELECT coalesce(max(id), 0), pg_snapshot_xmin(pg_current_snapshot())::text, pg_snapshot_xmax(pg_current_snapshot())::text FROM audit_link").
			Scan(&newest, &oldest, &next)
	})
	if err != nil {
		return 0, err
	}
	running, err := strconv.ParseUint(oldest, 10, 64)
	if err != nil {
		return 0, err
	}
	s := &db.auditSettling
	s.Lock()
	defer s.Unlock()
	if s.under != 0 && running < s.under {
		return s.settled, nil // some of them have not ended
	}
	s.settled, s.newest = s.newest, newest
	s.under, err = strconv.ParseUint(next, 10, 64)
	return s.settled, err
}

// reset forgets what was so on another server.
func (s *auditSettling) reset() {
	s.Lock()
	defer s.Unlock()
	s.settled, s.newest, s.under = 0, 0, 0
}
