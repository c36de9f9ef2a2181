package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"

	"zombiezen.com/go/sqlite"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// accept records an event with its copies.
type accept struct {
	store.Acceptance
	hashes []int64 // of Facts.Keys
	key    []byte  // digest of the idempotency key; nil without
	facts  []byte  // packed
	entry  audit.Sealed
	// Where it was matched outside the transaction:
	matched bool
	copies  []subscription.Copy
}

// AcceptEvent is broker.Journal's. It matches inside the transaction.
func (db *DB) AcceptEvent(ctx context.Context, a store.Acceptance) (store.Receipt, error) {
	op := newAccept(a)
	r, err := db.submit(ctx, op)
	if errors.Is(err, store.ErrCrowded) {
		if op.copies, err = db.matchOutside(ctx, op.lookup()); err != nil {
			return store.Receipt{}, err
		}
		op.matched = true
		r, err = db.submit(ctx, op)
	}
	return r.receipt, err
}

func newAccept(a store.Acceptance) accept {
	op := accept{Acceptance: a, hashes: store.RouteHashes(a.Facts.Keys), key: a.Idempotency.Digest(), facts: a.PackedFacts(), entry: seal(a.Audit)}
	op.Audit = audit.Entry{}
	return op
}

func (a accept) lookup() lookup { return lookup{a.Facts, a.hashes, always} }

func (a accept) apply(w *writer) (result, error) {
	if a.key != nil {
		if r, known, err := a.repeated(w); known || err != nil {
			return r, err
		}
	}
	copies, err := a.match(w)
	if errors.Is(err, store.ErrCrowded) {
		return result{err: err}, nil
	}
	if err != nil {
		return result{}, err
	}
	if err := a.write(w, copies); err != nil {
		return result{}, err
	}
	if a.key != nil {
		err := exec(w.conn, "INSERT OR REPLACE INTO idempotency (digest, event, sha256, copies) VALUES (?, ?, ?, ?)",
			a.key, a.Event, a.Body.SHA256[:], len(copies))
		if err != nil {
			return result{}, err
		}
	}
	return result{receipt: store.Receipt{Event: a.Event, Copies: len(copies)}}, nil
}

// write writes the event with its copies and its audit entry.
func (a accept) write(w *writer, copies []subscription.Copy) error {
	t := eventType{a.Code, a.Workflow}
	typ, err := w.typeNumber(t)
	if err != nil {
		return err
	}
	if err := a.insert(w, typ, copies); err != nil {
		return err
	}
	if err := w.deliver(a.Event, t, a.Body.Size, copies); err != nil {
		return err
	}
	if a.Demographic {
		if err := exec(w.conn, "INSERT INTO patient_change (event) VALUES (?)", a.Event); err != nil {
			return err
		}
	}
	w.entries = append(w.entries, a.entry)
	return nil
}

// match finds who gets a copy, or keeps the event for later routing.
func (a accept) match(w *writer) ([]subscription.Copy, error) {
	switch {
	case a.Deferred:
		return nil, w.postpone(a.Event)
	case a.Withheld:
		return nil, nil
	case a.matched:
		return a.copies, nil
	}
	return w.match(a.lookup())
}

// repeated looks for an event with the same idempotency key.
func (a accept) repeated(w *writer) (r result, known bool, err error) {
	var sum []byte
	known, err = row(w.conn, "SELECT event, sha256, copies FROM idempotency WHERE digest = ? AND event > ?", func(s *sqlite.Stmt) {
		r.receipt = store.Receipt{Event: store.EventID(s.ColumnInt64(0)), Copies: s.ColumnInt(2), Repeated: true}
		sum = blob(s, 1)
	}, a.key, w.db.moments.Position(w.db.opts.Settled().Add(-store.KeyLife)))
	switch {
	case err != nil || !known:
		return result{}, false, err
	case !bytes.Equal(sum, a.Body.SHA256[:]):
		return result{err: store.ErrKeyReused}, true, nil
	}
	w.entries = append(w.entries, a.entry)
	return r, true, nil
}

// insert writes the event and its body.
func (a accept) insert(w *writer, typ int64, copies []subscription.Copy) error {
	body := a.Body.Data
	if len(body) > store.MaxPiece {
		body = nil
	} else if body == nil {
		body = []byte{}
	}
	err := exec(w.conn, `INSERT INTO event (id, type, kind, message_id, publisher, withheld, warnings, mailboxes, codec, size, sha256, body, patient, facts)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.Event, typ, a.Kind, a.MessageID, string(a.Publisher), a.Withheld, a.Warnings, mailboxes(copies),
		int64(a.Body.Codec), a.Body.Size, a.Body.SHA256[:], body, store.PackPatient(a.Patient), a.facts)
	w.db.events.batch++
	if err != nil || body != nil {
		return err
	}
	for n, piece := range store.Pieces(a.Body.Data) {
		if err := exec(w.conn, "INSERT INTO event_piece (event, n, data) VALUES (?, ?, ?)", a.Event, n, piece); err != nil {
			return err
		}
	}
	return nil
}

// mailboxes packs who gets a copy at once; nil when the copies go through
// fanout.
func mailboxes(copies []subscription.Copy) []byte {
	if len(copies) > store.MaxFiled {
		return nil
	}
	b := make([]byte, 0, 2*len(copies))
	for _, c := range copies {
		b = binary.AppendUvarint(b, uint64(c.Mailbox))
	}
	return b
}

// deliver files the copies in inboxes, or packs them when there are many.
func (w *writer) deliver(event store.EventID, t eventType, size int, copies []subscription.Copy) error {
	if len(copies) > store.MaxFiled {
		w.spreadDue = true
		if err := exec(w.conn, "INSERT INTO fanout (event, copies) VALUES (?, ?)", event, store.PackCopies(copies)); err != nil {
			return err
		}
		return exec(w.conn, "INSERT INTO spread (event, offset) VALUES (?, 0)", event)
	}
	return w.file(event, t, size, copies)
}

// file puts copies into their inboxes. Those for mailboxes served here that are
// not registered for the workflow are parked.
func (w *writer) file(event store.EventID, t eventType, size int, copies []subscription.Copy) error {
	if len(copies) == 0 {
		return nil
	}
	typ, err := w.typeNumber(t)
	if err != nil {
		return err
	}
	known, err := w.currentTables()
	if err != nil {
		return err
	}
	for i := range copies {
		c := &copies[i]
		if box := known.byRow[c.Mailbox]; known.receivers.Refuse(t.workflow, box) {
			err = w.park(event, t, box, size, c)
		} else {
			asked, partner := w.columns(c)
			err = exec(w.conn, "INSERT INTO inbox (mailbox, position, type, size, asked, partner) VALUES (?, ?, ?, ?, ?, ?)",
				c.Mailbox, event, typ, size, asked, partner)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// park sets a copy aside instead of filing it, and says so in the audit.
func (w *writer) park(event store.EventID, t eventType, box store.Mailbox, size int, c *subscription.Copy) error {
	now := w.db.opts.Now()
	about, err := number(w.conn, "SELECT ifnull(patient, -1) FROM event WHERE id = ?", event)
	if err != nil {
		return err
	}
	w.entries = append(w.entries, seal(store.ParkedEntry(event, t.code, store.KnownPatient(&about), box, now)))
	asked, partner := w.columns(c)
	return exec(w.conn, "INSERT INTO collected (mailbox, position, type, size, asked, partner, status, at, fault) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		c.Mailbox, event, w.types[t], size, asked, partner, string(store.Parked), now.UnixMicro(), store.NotRegistered)
}

// columns are what a row keeps of who asked for a copy, valid until the next
// call.
func (w *writer) columns(c *subscription.Copy) (asked []byte, partner any) {
	w.scratch.asked = w.scratch.asked[:0]
	for i := range c.Subscriptions {
		w.scratch.asked = append(w.scratch.asked, c.Subscriptions[i][:]...)
	}
	if c.PartnerID != "" {
		partner = c.PartnerID
	}
	return w.scratch.asked, partner
}

// scratch is memory that the writer uses again.
type scratch struct {
	asked      []byte
	candidates []subscription.Candidate
}
