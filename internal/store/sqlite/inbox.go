package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
)

// List is mailbox.Boxes'. It reads nothing but the inbox's index.
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
