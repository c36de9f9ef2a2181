package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
)

// The columns of a message wherever it stands. A copy of an event needs no
// look-up beyond event_type; a message that was sent has its row in message.
const (
	messageColumns = `c.position, c.type, c.size, c.partner, m.headers, m.status, m.status_at, m.expires`
	messageJoin    = ` LEFT JOIN message m ON c.type = 0 AND m.position = c.position`
	fromInbox      = `SELECT ` + messageColumns + `, 'accepted', 0::bigint, NULL::bytea FROM inbox c` + messageJoin
	fromCollected  = `SELECT ` + messageColumns + `, c.status, c.at, c.fault FROM collected c` + messageJoin
)

// storedMessage is a row of fromInbox or fromCollected.
type storedMessage struct {
	position store.EventID
	typ      int32
	size     int64
	partner  *string
	sent     sentColumns
	status   string
	at       int64
	fault    []byte
}

func scanStored(r pgx.Rows) (s storedMessage, err error) {
	return s, r.Scan(&s.position, &s.typ, &s.size, &s.partner, &s.sent.headers, &s.sent.status, &s.sent.at, &s.sent.expires, &s.status, &s.at, &s.fault)
}

// message makes of a row what it says to the consumers.
func (db *DB) message(ctx context.Context, q querier, s storedMessage, box store.Mailbox) (store.Message, error) {
	if s.typ == 0 {
		return db.sent(s.sent)
	}
	t, err := db.typeName(ctx, q, s.typ)
	if err != nil {
		return store.Message{}, err
	}
	state, err := store.ParseState(s.status)
	if err != nil {
		return store.Message{}, err
	}
	c := store.Copy{Event: s.position, Code: t.code, Workflow: t.workflow, PartnerID: orEmpty(s.partner), Size: s.size,
		Status: state, At: s.at, Fault: s.fault}
	return c.Message(&db.opts.Options, db.moments.Of(c.Event), box)
}

// messages reads rows of fromInbox or fromCollected.
func (db *DB) messages(ctx context.Context, q querier, box store.Mailbox, sql string, args ...any) ([]store.Message, error) {
	rows, err := all(ctx, q, scanStored, sql, args...)
	if err != nil {
		return nil, err
	}
	out := make([]store.Message, len(rows))
	for i, s := range rows {
		if out[i], err = db.message(ctx, q, s, box); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// List returns a page of the unread messages of a mailbox, oldest first.
func (db *DB) List(ctx context.Context, q store.InboxQuery) (page []store.Listed, err error) {
	if _, err := db.box(ctx, q.Mailbox); err != nil {
		return nil, err
	}
	err = db.read(ctx, func(ctx context.Context, c querier) error {
		rows, err := all(ctx, c, scanListed, "SELECT position, type, workflow FROM inbox WHERE mailbox = $1 AND position > $2 ORDER BY position LIMIT $3",
			q.Mailbox, int64(q.After), q.Max)
		if err != nil {
			return err
		}
		page = make([]store.Listed, len(rows))
		for i, r := range rows {
			if page[i], err = db.listed(ctx, c, r); err != nil {
				return err
			}
		}
		return nil
	})
	return page, err
}

// inboxRow is a row of an inbox's index.
type inboxRow struct {
	position store.EventID
	typ      int32
	workflow *string
}

func scanListed(r pgx.Rows) (l inboxRow, err error) {
	return l, r.Scan(&l.position, &l.typ, &l.workflow)
}

// listed names the workflow of a row.
func (db *DB) listed(ctx context.Context, q querier, r inboxRow) (store.Listed, error) {
	if r.typ == 0 {
		return store.Listed{Position: r.position, Workflow: orEmpty(r.workflow)}, nil
	}
	t, err := db.typeName(ctx, q, r.typ)
	return store.Listed{Position: r.position, Workflow: t.workflow}, err
}

// Count returns how many unread messages wait in a mailbox.
func (db *DB) Count(ctx context.Context, mailbox int64) (n int, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, "SELECT count(*) FROM inbox WHERE mailbox = $1", mailbox).Scan(&n)
	})
	return n, err
}

// Message returns one message of a mailbox in whatever state, or
// store.ErrNotFound.
func (db *DB) Message(ctx context.Context, mailbox int64, position store.EventID) (m store.Message, err error) {
	box, err := db.box(ctx, mailbox)
	if err != nil {
		return m, err
	}
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		// One statement: between two, an acknowledgement could hide it from both.
		const at = " WHERE c.mailbox = $1 AND c.position = $2"
		found, err := db.messages(ctx, q, box, fromInbox+at+" UNION ALL "+fromCollected+at, mailbox, int64(position))
		if err == nil && len(found) == 0 {
			found, err = db.sentMessages(ctx, q, " WHERE m.position = $1 AND m.mailbox = $2", int64(position), mailbox)
		}
		m, err = store.First(found, err)
		return err
	})
	return m, err
}

// History returns messages that came to a mailbox at or after since, in
// whatever state but Uploading, newest first, from before on; before 0 begins
// with the newest.
func (db *DB) History(ctx context.Context, mailbox int64, since time.Time, before store.EventID, max int) (out []store.Message, err error) {
	box, err := db.box(ctx, mailbox)
	if err != nil {
		return nil, err
	}
	const within = ` WHERE c.mailbox = $1 AND c.position >= $2 AND ($3::bigint = 0 OR c.position < $3)`
	const page = within + ` ORDER BY c.position DESC LIMIT $4`
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		out, err = db.messages(ctx, q, box, "("+fromInbox+page+") UNION ALL ("+fromCollected+page+") ORDER BY 1 DESC LIMIT $4",
			mailbox, int64(db.moments.Position(since)), int64(before), max)
		return err
	})
	return out, err
}
