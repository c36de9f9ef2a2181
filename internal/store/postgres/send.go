package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/audit"
	"nems/internal/store"
)

// sentColumns are the columns of table message that make a store.Message.
type sentColumns struct {
	headers []byte
	status  *string
	at      *int64
	expires *int64
}

const selectSent = `SELECT m.headers, m.status, m.status_at, m.expires FROM message m`

func (c sentColumns) message() (m store.Message, err error) {
	if err := json.Unmarshal(c.headers, &m); err != nil {
		return m, fmt.Errorf("the headers of a stored message: %w", err)
	}
	m.StatusAt, m.Expires = moment(c.at), moment(c.expires)
	m.Status, err = store.ParseState(orEmpty(c.status))
	return m, err
}

// sentMessages reads rows of table message.
func (db *DB) sentMessages(ctx context.Context, q querier, where string, args ...any) ([]store.Message, error) {
	return all(ctx, q, func(r pgx.Rows) (store.Message, error) {
		var c sentColumns
		if err := r.Scan(&c.headers, &c.status, &c.at, &c.expires); err != nil {
			return store.Message{}, err
		}
		return db.sent(c)
	}, selectSent+where, args...)
}

// sent makes of a row what it says to the consumers.
func (db *DB) sent(c sentColumns) (store.Message, error) {
	m, err := c.message()
	m.Sent = db.moments.Of(m.Position)
	return m, err
}

// Send stores a message and makes it visible when its status is Waiting. With
// status Uploading it is kept, invisible, until Complete. first is its chunk 1,
// stored in the same transaction; nil when it was put with PutChunk before, or
// when the message is a report. It returns *store.QuotaError for data that the
// mailbox has no room for. e joins the next commit of the node's chain; nil:
// nothing does.
func (db *DB) Send(ctx context.Context, m store.Message, first []byte, e *audit.Entry) error {
	b := &pgx.Batch{}
	size := m.Size
	if first != nil {
		size = int64(len(first))
	} else if m.Status == store.Uploading {
		size = 0 // table upload has it
	}
	if err := queueSent(b, &m, size); err != nil {
		return err
	}
	if first == nil && m.Status == store.Waiting {
		queueTakeOver(b, m.Position)
	}
	if first != nil {
		c := putChunk{position: m.Position, chunk: 1, generation: int64(m.Position), size: int64(len(first))}
		for n, piece := range store.Pieces(first) {
			c.queuePiece(b, n, piece)
			c.pieces = n + 1
		}
		c.queue(b)
	}
	more := uploaded{mailbox: m.Mailbox, position: m.Position, bytes: int64(len(first))}
	if m.Type == store.Report { // owed to its mailbox
		more = uploaded{}
	}
	err := db.put(ctx, b, more)
	if err == nil && e != nil {
		db.Record(*e)
	}
	return err
}

// queueTakeOver has the bytes of the chunks of a complete message count with the
// message, no longer with their uploads.
func queueTakeOver(b *pgx.Batch, position store.EventID) {
	b.Queue("UPDATE upload SET size = 0 WHERE position = $1 AND generation IN (SELECT generation FROM chunk WHERE position = $1)", int64(position))
}

// queueSent writes a message that somebody sent, and its row in the inbox.
func queueSent(b *pgx.Batch, m *store.Message, size int64) error {
	headers, err := json.Marshal(m)
	if err != nil {
		return err
	}
	b.Queue(`INSERT INTO message (position, mailbox, sender, local_id, status, status_at, expires, headers, size) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		int64(m.Position), m.Mailbox, m.Sender, m.LocalID, m.Status.MESHStatus(), m.StatusAt.UnixMicro(), instant(m.Expires), headers, size)
	if m.Status == store.Waiting {
		queueVisible(b, m)
	}
	return nil
}

func queueVisible(b *pgx.Batch, m *store.Message) {
	b.Queue("INSERT INTO inbox (mailbox, position, type, size, workflow) VALUES ($1, $2, 0, $3, $4)", m.Mailbox, int64(m.Position), m.Size, m.Workflow)
}

// Complete makes an uploading message visible in the recipient's inbox, with
// its size over all chunks, if every chunk is there; if not it returns false
// and changes nothing. With the change e is recorded, as by Send. It returns
// store.ErrNotFound for what is not uploading.
func (db *DB) Complete(ctx context.Context, mailbox int64, position store.EventID, at, expires time.Time, e *audit.Entry) (whole bool, err error) {
	err = db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		found, err := db.sentMessages(ctx, tx, " WHERE m.position = $1 AND m.mailbox = $2 AND m.status = 'uploading' FOR UPDATE", int64(position), mailbox)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return store.ErrNotFound
		}
		m, there := found[0], 0
		err = tx.QueryRow(ctx, "SELECT count(*), coalesce(sum(size), 0)::bigint FROM chunk WHERE position = $1 AND chunk BETWEEN 1 AND $2", int64(position), m.Chunks).
			Scan(&there, &m.Size)
		if err != nil || there != m.Chunks {
			return err
		}
		headers, err := json.Marshal(m)
		if err != nil {
			return err
		}
		whole = true
		b := &pgx.Batch{}
		b.Queue("UPDATE message SET status = 'accepted', status_at = $2, expires = $3, headers = $4, size = $5 WHERE position = $1",
			int64(position), at.UnixMicro(), instant(expires), headers, m.Size)
		queueTakeOver(b, position)
		queueVisible(b, &m)
		return tx.SendBatch(ctx, b).Close()
	})
	if whole = whole && err == nil; whole && e != nil {
		db.Record(*e)
	}
	return whole, err
}

// SentByLocalID finds what a mailbox has sent by its local id; several messages
// may share one: at most two are returned.
func (db *DB) SentByLocalID(ctx context.Context, sender, localID string) (out []store.Message, err error) {
	if localID == "" {
		return nil, nil
	}
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		out, err = db.sentMessages(ctx, q, " WHERE upper(m.sender) = upper($1) AND m.local_id = $2 AND m.local_id <> '' ORDER BY m.position LIMIT 2", sender, localID)
		return err
	})
	return out, err
}

// Outbox returns what a mailbox has sent, but no copies of events, at or after
// since, in whatever state, newest first, from before on; before 0 begins with
// the newest.
func (db *DB) Outbox(ctx context.Context, sender string, since time.Time, before store.EventID, max int) (out []store.Message, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		out, err = db.sentMessages(ctx, q, ` WHERE upper(m.sender) = upper($1) AND m.position >= $2 AND ($3::bigint = 0 OR m.position < $3)
			ORDER BY m.position DESC LIMIT $4`, sender, int64(db.moments.Position(since)), int64(before), max)
		return err
	})
	return out, err
}

// SetStatus stores m's Status, StatusAt, LinkedID, ErrorCode, ErrorEvent and
// ErrorText and, in the same transaction, puts report into its mailbox unless
// it is nil. A message whose status is not Waiting leaves the inbox. It returns
// store.ErrNotFound for a message that is not there.
func (db *DB) SetStatus(ctx context.Context, m store.Message, report *store.Message) error {
	var why, headers []byte
	var err error
	if m.EventCode != "" {
		why = m.Fault()
	} else {
		headers, err = json.Marshal(m)
	}
	if err != nil {
		return err
	}
	return db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := setStatus(ctx, tx, &m, why, headers); err != nil || report == nil {
			return err
		}
		b := &pgx.Batch{}
		if err := queueSent(b, report, report.Size); err != nil {
			return err
		}
		return tx.SendBatch(ctx, b).Close()
	})
}

func setStatus(ctx context.Context, q querier, m *store.Message, why, headers []byte) (err error) {
	at, moved := m.StatusAt.UnixMicro(), false
	if m.Status != store.Waiting {
		if moved, err = collect(ctx, q, m.Mailbox, m.Position, m.Status, at, why); err != nil {
			return err
		}
	}
	if !moved {
		tag, err := q.Exec(ctx, "UPDATE collected SET status = $3, at = $4, fault = $5 WHERE mailbox = $1 AND position = $2",
			m.Mailbox, int64(m.Position), m.Status.MESHStatus(), at, why)
		if err != nil {
			return err
		}
		moved = tag.RowsAffected() > 0
	}
	if headers != nil {
		tag, err := q.Exec(ctx, "UPDATE message SET status = $3, status_at = $4, headers = $5 WHERE position = $1 AND mailbox = $2",
			int64(m.Position), m.Mailbox, m.Status.MESHStatus(), at, headers)
		if err != nil {
			return err
		}
		moved = moved || tag.RowsAffected() > 0
	}
	if !moved {
		return store.ErrNotFound
	}
	return nil
}
