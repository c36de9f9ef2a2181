package sqlite

import (
	"cmp"
	"context"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
)

// The columns of a message wherever it stands. A copy of an event needs no
// look-up beyond event_type; a message that was sent has its row in message.
const (
	copyColumns = `c.position, c.type, c.size, c.partner, t.code, t.workflow, m.headers, m.status, m.status_at, m.expires, c.mailbox`
	copyJoins   = ` LEFT JOIN event_type t ON t.id = c.type
		LEFT JOIN message m ON m.position = CASE c.type WHEN 0 THEN c.position END`
	// Their parameters have a sign, as in List.
	selectInbox     = `SELECT ` + copyColumns + `, 'accepted', 0, NULL FROM inbox c` + copyJoins
	selectCollected = `SELECT ` + copyColumns + `, c.status, c.at, c.fault FROM collected c` + copyJoins
)

// scanMessage reads a row of selectInbox or selectCollected.
func (db *DB) scanMessage(s *sqlite.Stmt, box store.Mailbox) (store.Message, error) {
	if s.ColumnInt64(1) == 0 {
		return db.scanSent(s, 6)
	}
	state, err := store.ParseState(s.ColumnText(11))
	if err != nil {
		return store.Message{}, err
	}
	c := store.Copy{
		Event: store.EventID(s.ColumnInt64(0)), Code: s.ColumnText(4), Workflow: s.ColumnText(5), PartnerID: s.ColumnText(3), Size: s.ColumnInt64(2),
		Status: state, At: s.ColumnInt64(12), Fault: blob(s, 13),
	}
	return c.Message(&db.opts, db.moments.Of(c.Event), box)
}

// List returns a page of the unread messages of a mailbox, oldest first: it reads
// nothing but the inbox's index. The page must not be changed: others may be given
// it too.
func (db *DB) List(ctx context.Context, q store.InboxQuery) ([]store.Listed, error) {
	if _, err := db.box(ctx, q.Mailbox); err != nil {
		return nil, err
	}
	commits := db.committer.Transactions() // before the page is read
	if page, ok := db.known.pages.get(commits, q); ok {
		return page, nil
	}
	page := make([]store.Listed, 0, min(max(q.Max, 0), pageMost))
	err := db.readers.one(ctx, func(conn *sqlite.Conn) error {
		// Where an index does not take all parameters, SQLite plans anew for each
		// of their values, unless a sign makes them expressions.
		return rows(conn, "SELECT position, type, workflow FROM inbox WHERE mailbox = +? AND position > +? ORDER BY position", func(s *sqlite.Stmt) error {
			if len(page) >= q.Max {
				return errEnough
			}
			workflow, err := db.inboxWorkflow(conn, s)
			page = append(page, store.Listed{Position: store.EventID(s.ColumnInt64(0)), Workflow: workflow})
			return err
		}, q.Mailbox, q.After)
	})
	if err != nil {
		return nil, err
	}
	db.known.pages.put(commits, q, page)
	return page, nil
}

// inboxWorkflow is the workflow id of a row of position, type and workflow.
func (db *DB) inboxWorkflow(conn *sqlite.Conn, s *sqlite.Stmt) (string, error) {
	typ := s.ColumnInt64(1)
	if typ == 0 {
		return s.ColumnText(2), nil
	}
	t, err := db.typeName(conn, typ)
	return t.workflow, err
}

// Count returns how many unread messages wait in a mailbox.
func (db *DB) Count(ctx context.Context, mailbox int64) (int, error) {
	var n int64
	err := db.readers.one(ctx, func(conn *sqlite.Conn) (err error) {
		n, err = number(conn, "SELECT count(*) FROM inbox WHERE mailbox = ?", mailbox)
		return err
	})
	return int(n), err
}

// Message returns one message of a mailbox in whatever state, or
// store.ErrNotFound.
func (db *DB) Message(ctx context.Context, mailbox int64, position store.EventID) (store.Message, error) {
	b, err := db.box(ctx, mailbox)
	if err != nil {
		return store.Message{}, err
	}
	var found []store.Message
	// A message that was sent has its row with its state, whatever else holds
	// it: nearly always one statement finds what is asked for.
	err = db.readers.one(ctx, func(conn *sqlite.Conn) error {
		return rows(conn, selectSent+" WHERE m.position = ? AND m.mailbox = ?", db.takeSent(&found), position, mailbox)
	})
	if err == nil && len(found) == 0 {
		err = db.readers.read(ctx, func(conn *sqlite.Conn) error {
			for _, query := range []string{selectInbox, selectCollected} {
				err := rows(conn, query+" WHERE c.mailbox = +? AND c.position = +?", func(s *sqlite.Stmt) error {
					m, err := db.scanMessage(s, b)
					found = append(found, m)
					return err
				}, mailbox, position)
				if err != nil || len(found) > 0 {
					return err
				}
			}
			return nil
		})
	}
	return store.First(found, err)
}

// History returns messages that came to a mailbox at or after since, in
// whatever state but Uploading, newest first, from before on; before 0 begins
// with the newest.
func (db *DB) History(ctx context.Context, mailbox int64, since time.Time, before store.EventID, max int) ([]store.Message, error) {
	var out []store.Message
	b, err := db.box(ctx, mailbox)
	if err != nil {
		return nil, err
	}
	err = db.readers.read(ctx, func(conn *sqlite.Conn) error {
		for _, query := range []string{selectInbox, selectCollected} {
			err := rows(conn, query+` WHERE c.mailbox = +?1 AND c.position >= +?2 AND (?3 = 0 OR c.position < +?3)
				ORDER BY c.position DESC LIMIT +?4`, func(s *sqlite.Stmt) error {
				m, err := db.scanMessage(s, b)
				out = append(out, m)
				return err
			}, mailbox, db.moments.Position(since), before, max)
			if err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortFunc(out, func(a, b store.Message) int { return cmp.Compare(b.Position, a.Position) })
	return out[:min(len(out), max)], err
}
