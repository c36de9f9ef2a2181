package sqlite

import (
	"context"
	"iter"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/audit"
	"nems/internal/store"
)

// startChain begins the chain of this start. It binds the last link of the
// chain before it, which bound the one before that.
func (w *writer) startChain() error {
	var seen []audit.Head
	err := rows(w.conn, "SELECT chain, seq, hash FROM audit_link ORDER BY id DESC LIMIT 1", func(s *sqlite.Stmt) error {
		h, err := head(s)
		seen = append(seen, h)
		return err
	})
	if err != nil {
		return err
	}
	w.chain = audit.NewChain(int64(w.db.NextPosition()), seen)
	return nil
}

func head(s *sqlite.Stmt) (audit.Head, error) {
	h := audit.Head{Chain: s.ColumnInt64(0), Seq: s.ColumnInt64(1)}
	if s.ColumnBytes(2, h.Hash[:]) != len(h.Hash) {
		return h, audit.ErrEncoding
	}
	return h, nil
}

// appendLink chains the entries of the batch.
func (w *writer) appendLink() (*audit.Link, error) {
	link := w.chain.Next(w.db.opts.Now(), w.entries)
	err := exec(w.conn, "INSERT INTO audit_link (id, chain, seq, at, heads, hash, entries) VALUES (?, ?, ?, ?, ?, ?, ?)",
		w.db.NextPosition(), link.Chain, link.Seq, link.At.UnixMicro(), headsColumn(link.Heads), link.Hash[:], link.Entries)
	return &link, err
}

func headsColumn(heads []audit.Head) []byte {
	if len(heads) == 0 {
		return nil
	}
	return audit.EncodeHeads(heads)
}

// Heads is database.Ends'. There is one: the last link that is on disk.
func (db *DB) Heads(ctx context.Context) ([]audit.Head, error) {
	var heads []audit.Head
	err := db.readers.one(ctx, func(conn *sqlite.Conn) error {
		return rows(conn, "SELECT chain, seq, hash FROM audit_link ORDER BY id DESC LIMIT 1", func(s *sqlite.Stmt) error {
			h, err := head(s)
			heads = append(heads, h)
			return err
		})
	})
	return heads, err
}

// linkPage is how many links Links reads at a time.
const linkPage = 256

// Links is database.Whole's. It reads a few links at a time.
func (db *DB) Links(ctx context.Context, from, to time.Time) iter.Seq2[audit.Link, error] {
	return func(yield func(audit.Link, error) bool) {
		after := store.EventID(-1)
		if !from.IsZero() {
			after = store.EventID(from.UnixMicro()<<12 - 1)
		}
		for {
			page, next, err := db.linkPage(ctx, after)
			if err != nil {
				yield(audit.Link{}, err)
				return
			}
			for _, l := range page {
				if !to.IsZero() && !l.At.Before(to) {
					return
				}
				if !yield(l, nil) {
					return
				}
			}
			if len(page) < linkPage {
				return
			}
			after = next
		}
	}
}

func (db *DB) linkPage(ctx context.Context, after store.EventID) (page []audit.Link, last store.EventID, err error) {
	err = db.view(ctx, func(conn *sqlite.Conn) error {
		return rows(conn, `SELECT chain, seq, hash, id, at, heads, entries FROM audit_link
			WHERE id > ? ORDER BY id LIMIT ?`, func(s *sqlite.Stmt) error {
			h, err := head(s)
			if err != nil {
				return err
			}
			l := audit.Link{Chain: h.Chain, Seq: h.Seq, Hash: h.Hash, At: moment(s, 4), Entries: blob(s, 6)}
			if l.Heads, err = audit.DecodeHeads(blob(s, 5)); err != nil {
				return err
			}
			last = store.EventID(s.ColumnInt64(3))
			page = append(page, l)
			return nil
		}, after, linkPage)
	})
	return page, last, err
}
