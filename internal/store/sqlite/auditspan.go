package sqlite

import (
	"context"
	"math"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/audit"
	"nems/internal/store"
)

// AuditSpan is operator.Journal's. Numbers of links are positions.
func (db *DB) AuditSpan(ctx context.Context, from, to time.Time) (store.AuditSpan, error) {
	s := store.AuditSpan{First: int64(db.moments.Position(from))}
	last := int64(math.MaxInt64)
	if !to.IsZero() {
		last = int64(db.moments.Position(to)) - 1
	}
	err := db.view(ctx, func(conn *sqlite.Conn) (err error) {
		s.Last, err = number(conn, "SELECT ifnull(max(id), 0) FROM audit_link WHERE id <= ?", last)
		return err
	})
	return s, err
}

// AuditLinks is operator.Journal's.
func (db *DB) AuditLinks(ctx context.Context, span store.AuditSpan, newest bool, max int) (out []store.AuditLink, err error) {
	order := "ASC"
	if newest {
		order = "DESC"
	}
	err = db.view(ctx, func(conn *sqlite.Conn) error {
		return rows(conn, "SELECT chain, seq, hash, id, at, heads, entries FROM audit_link WHERE id BETWEEN ? AND ? ORDER BY id "+order+" LIMIT ?", func(s *sqlite.Stmt) error {
			h, err := head(s)
			if err != nil {
				return err
			}
			l := store.AuditLink{ID: s.ColumnInt64(3), Link: audit.Link{Chain: h.Chain, Seq: h.Seq, Hash: h.Hash, At: moment(s, 4), Entries: blob(s, 6)}}
			l.Heads, err = audit.DecodeHeads(blob(s, 5))
			out = append(out, l)
			return err
		}, span.First, span.Last, max)
	})
	return out, err
}

// AuditSettled is ledger.Engine's: one writer numbers links in the order of their
// commits.
func (db *DB) AuditSettled(ctx context.Context) (last int64, err error) {
	err = db.readers.read(ctx, func(conn *sqlite.Conn) (err error) {
		last, err = number(conn, "SELECT ifnull(max(id), 0) FROM audit_link")
		return err
	})
	return last, err
}
