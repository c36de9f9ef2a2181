package sqlite

import (
	"context"
	"encoding/binary"
	"errors"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
	"nems/internal/subscription"
)

// spreadStep is how many copies one transaction files.
const spreadStep = 500

var errPacked = errors.New("packed copies cannot be read")

// packCopies writes copies one after the other: mailbox, number of
// subscriptions and their ids, partner id behind its length.
func packCopies(copies []subscription.Copy) []byte {
	b := []byte{1} // version
	for _, c := range copies {
		b = binary.AppendUvarint(b, uint64(c.Mailbox))
		b = binary.AppendUvarint(b, uint64(len(c.Subscriptions)))
		for i := range c.Subscriptions {
			b = append(b, c.Subscriptions[i][:]...)
		}
		b = binary.AppendUvarint(b, uint64(len(c.PartnerID)))
		b = append(b, c.PartnerID...)
	}
	return b
}

// unpackCopies reads up to max copies from offset on, and says where to go on;
// 0 as offset means the start.
func unpackCopies(b []byte, offset, max int) (copies []subscription.Copy, next int, err error) {
	if len(b) == 0 || b[0] != 1 || offset < 0 || offset > len(b) {
		return nil, 0, errPacked
	}
	if offset == 0 {
		offset = 1
	}
	p := packed{rest: b[offset:]}
	for len(p.rest) > 0 && len(copies) < max {
		c := subscription.Copy{Mailbox: int64(p.number())}
		ids := p.number()
		if ids > uint64(len(p.rest)/16) {
			return nil, 0, errPacked
		}
		for range ids {
			c.Subscriptions = append(c.Subscriptions, subscription.ID(p.take(16)))
		}
		c.PartnerID = string(p.take(p.number()))
		if p.failed {
			return nil, 0, errPacked
		}
		copies = append(copies, c)
	}
	return copies, len(b) - len(p.rest), nil
}

// packed reads from the front of rest; once it failed it yields zero values.
type packed struct {
	rest   []byte
	failed bool
}

func (p *packed) number() uint64 {
	v, n := binary.Uvarint(p.rest)
	if n <= 0 {
		p.failed, p.rest = true, nil
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

func (p *packed) take(n uint64) []byte {
	if n > uint64(len(p.rest)) {
		p.failed, p.rest = true, nil
		return make([]byte, min(n, 16))
	}
	b := p.rest[:n]
	p.rest = p.rest[n:]
	return b
}

// spreadCopies files the next copies of the oldest event that has some left.
// Its cursor moves in the same transaction: a crash neither skips nor repeats.
type spreadCopies struct{}

func (spreadCopies) apply(w *writer) (result, error) {
	var event, offset, typ int64
	var size int
	var b []byte
	found, err := row(w.conn, `SELECT s.event, s.offset, f.copies, e.type, e.size
		FROM spread s JOIN fanout f ON f.event = s.event JOIN event e ON e.id = s.event ORDER BY s.event LIMIT 1`,
		func(s *sqlite.Stmt) {
			event, offset, b = s.ColumnInt64(0), s.ColumnInt64(1), blob(s, 2)
			typ, size = s.ColumnInt64(3), s.ColumnInt(4)
		})
	if err != nil || !found {
		return result{}, err
	}
	copies, next, err := unpackCopies(b, int(offset), spreadStep)
	if err != nil {
		return result{}, err
	}
	for i := range copies {
		if err := w.file(store.EventID(event), typ, size, &copies[i]); err != nil {
			return result{}, err
		}
	}
	if next < len(b) {
		return result{n: len(copies)}, exec(w.conn, "UPDATE spread SET offset = ? WHERE event = ?", next, event)
	}
	return result{n: len(copies)}, exec(w.conn, "DELETE FROM spread WHERE event = ?", event)
}

// spreadLoop spreads whenever an event with many copies was accepted, and at
// the start what a crash left over. Its steps share commits with publishes.
func (db *DB) spreadLoop(ctx context.Context) {
	for {
		for ctx.Err() == nil {
			r, err := db.submit(ctx, spreadCopies{})
			if err != nil {
				db.opts.Log.Warn("large fan-out waits", "error", err)
			}
			if err != nil || r.n == 0 {
				break
			}
		}
		select {
		case <-db.spread:
		case <-ctx.Done():
			return
		}
	}
}

// wakeSpreader makes the spreader look again, after a failure.
func (db *DB) wakeSpreader() {
	select {
	case db.spread <- struct{}{}:
	default:
	}
}
