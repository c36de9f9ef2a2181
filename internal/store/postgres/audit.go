package postgres

import (
	"context"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/audit"
)

// seal prepares an audit entry for the committer.
func seal(e audit.Entry) audit.Sealed { return audit.Seal(e) }

// queueLink chains the entries of the batch. The first link of a chain binds
// the ends of the others that it names.
func (w *writer) queueLink(b *pgx.Batch) *audit.Link {
	if len(w.entries) == 0 {
		return nil
	}
	link := w.chain.Next(w.db.opts.Now(), w.entries)
	var bound []byte
	if len(link.Heads) > 0 {
		bound = audit.EncodeHeads(link.Heads)
	}
	b.Queue("INSERT INTO audit_link (chain, seq, at, heads, hash, entries) VALUES ($1, $2, $3, $4, $5, $6)",
		link.Chain, link.Seq, link.At.UnixMicro(), bound, link.Hash[:], link.Entries)
	if w.begun {
		b.Queue("UPDATE audit_chain SET seq = $2, hash = $3 WHERE chain = $1", link.Chain, link.Seq, link.Hash[:])
		return &link
	}
	b.Queue("INSERT INTO audit_chain (chain, seq, hash) VALUES ($1, $2, $3)", link.Chain, link.Seq, link.Hash[:])
	for _, h := range link.Heads {
		b.Queue("UPDATE audit_chain SET bound = greatest(bound, $2) WHERE chain = $1", h.Chain, h.Seq)
	}
	return &link
}

// heads reads the ends of the chains that no chain has bound.
func heads(ctx context.Context, q querier) ([]audit.Head, error) {
	return all(ctx, q, func(r pgx.Rows) (audit.Head, error) {
		var h audit.Head
		var hash []byte
		err := r.Scan(&h.Chain, &h.Seq, &hash)
		if err == nil && copy(h.Hash[:], hash) != len(h.Hash) {
			err = audit.ErrEncoding
		}
		return h, err
	}, "SELECT chain, seq, hash FROM audit_chain WHERE seq > bound ORDER BY chain")
}

// Heads is database.Ends'.
func (db *DB) Heads(ctx context.Context) (out []audit.Head, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		out, err = heads(ctx, q)
		return err
	})
	return out, err
}

// linkPage is how many links Links reads at a time.
const linkPage = 256

// Links is database.Whole's. They are those of one moment.
func (db *DB) Links(ctx context.Context, from, to time.Time) iter.Seq2[audit.Link, error] {
	return func(yield func(audit.Link, error) bool) {
		var seen string
		err := db.view(ctx, func(ctx context.Context, q querier) error {
			return q.QueryRow(ctx, "SELECT pg_current_snapshot()::text").Scan(&seen)
		})
		for after := int64(0); err == nil; {
			var page []storedLink
			page, err = db.links(ctx, seen, from, to, after)
			for _, l := range page {
				if !yield(l.Link, nil) {
					return
				}
				after = l.id
			}
			if err == nil && len(page) < linkPage {
				return
			}
		}
		yield(audit.Link{}, err)
	}
}

// storedLink is a link with its row's number.
type storedLink struct {
	audit.Link
	id int64
}

func (db *DB) links(ctx context.Context, seen string, from, to time.Time, after int64) (page []storedLink, err error) {
	err = db.view(ctx, func(ctx context.Context, q querier) error {
		page, err = all(ctx, q, scanLink, `SELECT id, chain, seq, at, heads, hash, entries FROM audit_link
			WHERE id > $1 AND pg_visible_in_snapshot(xid, $2::pg_snapshot) AND ($3::bigint IS NULL OR at >= $3) AND ($4::bigint IS NULL OR at < $4)
			ORDER BY id LIMIT $5`, after, seen, instant(from), instant(to), linkPage)
		return err
	})
	return page, err
}

func scanLink(r pgx.Rows) (l storedLink, err error) {
	var at int64
	var bound, hash []byte
	if err := r.Scan(&l.id, &l.Chain, &l.Seq, &at, &bound, &hash, &l.Entries); err != nil {
		return l, err
	}
	l.At = time.UnixMicro(at).UTC()
	if copy(l.Hash[:], hash) != len(l.Hash) {
		return l, audit.ErrEncoding
	}
	l.Heads, err = audit.DecodeHeads(bound)
	return l, err
}
