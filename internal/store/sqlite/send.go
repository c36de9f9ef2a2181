package sqlite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
)

const selectSent = `SELECT m.headers, m.status, m.status_at, m.expires FROM message m`

// scanSent reads a message that was sent, from four columns.
func (db *DB) scanSent(s *sqlite.Stmt, column int) (m store.Message, err error) {
	if err := json.Unmarshal(blob(s, column), &m); err != nil {
		return m, fmt.Errorf("the headers of a stored message: %w", err)
	}
	m.Sent = db.moments.Of(m.Position)
	m.StatusAt, m.Expires = moment(s, column+2), moment(s, column+3)
	m.Status, err = store.ParseState(s.ColumnText(column + 1))
	return m, err
}

func (db *DB) takeSent(out *[]store.Message) func(*sqlite.Stmt) error {
	return func(s *sqlite.Stmt) error {
		m, err := db.scanSent(s, 0)
		*out = append(*out, m)
		return err
	}
}

func odsCode(s *sqlite.Stmt, column int) nhs.ODSCode { return nhs.ODSCode(s.ColumnText(column)) }

// send stores a message with its first chunk: one piece, packed.
type send struct {
	message store.Message
	headers []byte
	first   *putPiece // nil: none
	entry   *audit.Sealed
}

// Send stores a message and makes it visible when its status is Waiting. With
// status Uploading it is kept, invisible, until Complete. first is its chunk 1,
// stored in the same transaction, or before it when it is larger than a piece;
// nil when it was put with PutChunk before, or when the message is a report. e is
// recorded with it; nil: nothing is. It returns *store.QuotaError for data that
// the mailbox has no room for.
func (db *DB) Send(ctx context.Context, m store.Message, first []byte, e *audit.Entry) error {
	headers, err := json.Marshal(m)
	if err != nil {
		return err
	}
	op := send{message: m, headers: headers, entry: sealed(e)}
	switch {
	case len(first) > store.MaxPiece:
		if _, err := db.PutChunk(ctx, m.Mailbox, m.Position, 1, bytes.NewReader(first)); err != nil {
			return err
		}
	case first != nil:
		p := newPiece(m.Position, 1, int64(m.Position), 0, first)
		op.first = &p
	}
	_, err = db.submit(ctx, op)
	return err
}

func (o send) apply(w *writer) (result, error) {
	m := &o.message
	size, first := m.Size, int64(0)
	if o.first != nil {
		size, first = int64(o.first.size), int64(o.first.size)
	} else if m.Status == store.Uploading {
		size = 0 // table upload has it
	}
	if m.Type == store.Data { // reports are owed to their mailbox
		if full, err := w.roomInBox(m.Mailbox, 1, first); err != nil || full != nil {
			return result{err: full}, err
		}
	}
	w.record(o.entry)
	err := exec(w.conn, `INSERT INTO message (position, mailbox, sender, local_id, status, status_at, expires, size, headers)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		m.Position, m.Mailbox, m.Sender, m.LocalID, m.Status.MESHStatus(), m.StatusAt.UnixMicro(), instant(m.Expires), size, o.headers)
	if err != nil {
		return result{}, err
	}
	if m.Status == store.Waiting {
		if err := w.visible(m); err != nil {
			return result{}, err
		}
	}
	if o.first == nil && m.Status == store.Waiting {
		return result{}, w.takeOver(m.Position)
	}
	if o.first == nil {
		return result{}, nil
	}
	if _, err := o.first.apply(w); err != nil || m.Status == store.Waiting {
		return result{}, err
	}
	// Of a message in chunks, Complete counts them.
	return result{}, exec(w.conn, "INSERT INTO chunk (position, chunk, generation, pieces, size) VALUES (?, 1, ?, 1, ?)",
		m.Position, o.first.generation, o.first.size)
}

// visible puts a message that was sent into its inbox.
func (w *writer) visible(m *store.Message) error {
	return exec(w.conn, "INSERT INTO inbox (mailbox, position, type, size, workflow) VALUES (?, ?, 0, ?, ?)", m.Mailbox, m.Position, m.Size, m.Workflow)
}

// takeOver has the bytes of the chunks of a complete message count with the
// message, no longer with their uploads.
func (w *writer) takeOver(position store.EventID) error {
	return exec(w.conn, "UPDATE upload SET size = 0 WHERE position = ?1 AND generation IN (SELECT generation FROM chunk WHERE position = ?1)", position)
}

// putPiece stores a piece of a chunk that does not count yet.
type putPiece struct {
	position   store.EventID
	chunk      int
	generation int64
	n          int
	codec      store.Codec
	data       []byte
	size       int   // unpacked
	mailbox    int64 // recipient; 0 for a part of a Send
}

func newPiece(position store.EventID, chunk int, generation int64, n int, plain []byte) putPiece {
	codec, data := store.Pack(plain)
	return putPiece{position: position, chunk: chunk, generation: generation, n: n, codec: codec, data: data, size: len(plain)}
}

func (p putPiece) apply(w *writer) (result, error) {
	if p.mailbox != 0 {
		if full, err := p.upload(w); err != nil || full != nil {
			return result{err: full}, err
		}
	}
	return result{}, exec(w.conn, "INSERT INTO piece (position, chunk, generation, n, codec, data) VALUES (?, ?, ?, ?, ?, ?)",
		p.position, p.chunk, p.generation, p.n, int(p.codec), notNull(p.data))
}

// upload counts a piece that is put on its own, or refuses it.
func (p putPiece) upload(w *writer) (refusal, err error) {
	begun, err := number(w.conn, "SELECT EXISTS (SELECT 1 FROM message WHERE position = ?)", p.position)
	if err != nil {
		return nil, err
	}
	if full, err := w.roomInBox(p.mailbox, 1-begun, int64(p.size)); err != nil || full != nil {
		return full, err
	}
	return nil, exec(w.conn, `INSERT INTO upload (generation, position, chunk, mailbox, size) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (generation) DO UPDATE SET size = size + excluded.size`, p.generation, p.position, p.chunk, p.mailbox, p.size)
}

// dropUpload removes the pieces of a chunk that broke off or was refused.
type dropUpload struct{ putChunk }

func (d dropUpload) apply(w *writer) (result, error) {
	return result{}, errors.Join(w.removeChunk(d.putChunk), exec(w.conn, "DELETE FROM upload WHERE generation = ?", d.generation))
}

// putChunk makes the pieces of a generation the chunk.
type putChunk struct {
	position   store.EventID
	chunk      int
	generation int64
	pieces     int
	size       int64
}

// PutChunk stores chunk n (from 1) of a message, in place of one that is there,
// and returns its size. It may come before Send. It reads a piece of at most
// 256 KiB at a time. When r fails the chunk stays as it was and the error is
// returned, wrapped. It returns *store.QuotaError when the mailbox has no room.
func (db *DB) PutChunk(ctx context.Context, mailbox int64, position store.EventID, n int, r io.Reader) (int64, error) {
	c := putChunk{position: position, chunk: n, generation: int64(db.NextPosition())}
	var err error
	c.pieces, c.size, err = store.ReadPieces(r, func(i int, data []byte) error {
		p := newPiece(position, n, c.generation, i, data)
		p.mailbox = mailbox
		_, err := db.submit(ctx, p)
		return err
	})
	if err != nil {
		_, _ = db.submit(context.WithoutCancel(ctx), dropUpload{c}) // otherwise housekeeping does, in a day
		return 0, err
	}
	_, err = db.submit(ctx, c)
	return c.size, err
}

func (c putChunk) apply(w *writer) (result, error) {
	return result{}, errors.Join(
		exec(w.conn, "DELETE FROM piece WHERE position = ? AND chunk = ? AND generation <> ?", c.position, c.chunk, c.generation),
		exec(w.conn, "UPDATE upload SET size = 0 WHERE position = ? AND chunk = ? AND generation <> ?", c.position, c.chunk, c.generation),
		exec(w.conn, "INSERT OR REPLACE INTO chunk (position, chunk, generation, pieces, size) VALUES (?, ?, ?, ?, ?)",
			c.position, c.chunk, c.generation, c.pieces, c.size))
}

// complete makes an uploading message visible.
type complete struct {
	mailbox     int64
	position    store.EventID
	at, expires time.Time
	entry       *audit.Sealed
}

// Complete makes an uploading message visible in the recipient's inbox, with
// its size over all chunks, if every chunk is there; if not it returns false
// and changes nothing. With the change e is recorded, unless it is nil. It returns
// store.ErrNotFound for what is not uploading.
func (db *DB) Complete(ctx context.Context, mailbox int64, position store.EventID, at, expires time.Time, e *audit.Entry) (bool, error) {
	r, err := db.submit(ctx, complete{mailbox, position, at, expires, sealed(e)})
	return r.n == 1, err
}

func (c complete) apply(w *writer) (result, error) {
	var found []store.Message
	err := rows(w.conn, selectSent+" WHERE m.position = ? AND m.mailbox = ? AND m.status = 'uploading'", w.db.takeSent(&found), c.position, c.mailbox)
	if err != nil {
		return result{}, err
	}
	if len(found) == 0 {
		return result{err: store.ErrNotFound}, nil
	}
	m := found[0]
	there := 0
	_, err = row(w.conn, "SELECT count(*), sum(size) FROM chunk WHERE position = ? AND chunk BETWEEN 1 AND ?", func(s *sqlite.Stmt) {
		there, m.Size = s.ColumnInt(0), s.ColumnInt64(1)
	}, c.position, m.Chunks)
	if err != nil || there != m.Chunks {
		return result{}, err
	}
	headers, err := json.Marshal(m)
	if err != nil {
		return result{}, err
	}
	err = exec(w.conn, "UPDATE message SET status = 'accepted', status_at = ?, expires = ?, size = ?, headers = ? WHERE position = ?",
		c.at.UnixMicro(), instant(c.expires), m.Size, headers, c.position)
	if err == nil {
		err = w.takeOver(c.position)
	}
	if err != nil {
		return result{}, err
	}
	w.record(c.entry)
	return result{n: 1}, w.visible(&m)
}

// SentByLocalID finds what a mailbox has sent by its local id; several messages
// may share one: at most two are returned.
func (db *DB) SentByLocalID(ctx context.Context, sender, localID string) ([]store.Message, error) {
	var out []store.Message
	if localID == "" {
		return nil, nil
	}
	err := db.readers.one(ctx, func(conn *sqlite.Conn) error {
		return rows(conn, selectSent+" WHERE m.sender = ? AND m.local_id = ? AND m.local_id <> '' ORDER BY m.position LIMIT 2", db.takeSent(&out), sender, localID)
	})
	return out, err
}

// Outbox returns what a mailbox has sent, but no copies of events, at or after
// since, in whatever state, newest first, from before on; before 0 begins with
// the newest.
func (db *DB) Outbox(ctx context.Context, sender string, since time.Time, before store.EventID, max int) ([]store.Message, error) {
	var out []store.Message
	err := db.readers.one(ctx, func(conn *sqlite.Conn) error {
		return rows(conn, selectSent+` WHERE m.sender = ?1 AND m.position >= ?2 AND (?3 = 0 OR m.position < ?3)
			ORDER BY m.position DESC LIMIT ?4`, db.takeSent(&out), sender, db.moments.Position(since), before, max)
	})
	return out, err
}
