package sqlite

import (
	"context"
	"encoding/json"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
)

// putMailbox keeps or replaces a mailbox.
type putMailbox struct{ store.Mailbox }

// PutMailbox is operator.Boxes'.
func (db *DB) PutMailbox(ctx context.Context, m store.Mailbox) (int64, error) {
	if _, err := store.MailboxKey(m.ID); err != nil {
		return 0, err
	}
	r, err := db.submit(ctx, putMailbox{m})
	return int64(r.n), err
}

func (p putMailbox) apply(w *writer) (result, error) {
	err := exec(w.conn, `INSERT INTO mailbox (row, id, name, ods, password, remote)
		VALUES ((SELECT 1 + max(last, ifnull((SELECT max(row) FROM mailbox), 0)) FROM mailbox_number), ?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (id) DO UPDATE SET name = ?2, ods = ?3, password = ?4, remote = ?5`,
		p.ID, p.Name, string(p.ODS), p.Password, p.Remote)
	if err != nil {
		return result{}, err
	}
	w.changeTables()
	n, err := number(w.conn, "SELECT row FROM mailbox WHERE id = ?", p.ID)
	return result{n: int(n)}, err
}

// Mailbox is broker.Mailboxes'.
func (db *DB) Mailbox(ctx context.Context, id string) (store.Mailbox, error) {
	t, err := db.knownTables(ctx)
	if err != nil {
		return store.Mailbox{}, err
	}
	return t.find(id)
}

// Mailboxes is database.Whole's.
func (db *DB) Mailboxes(ctx context.Context) ([]store.Mailbox, error) {
	return db.mailboxes(ctx, selectMailbox+" ORDER BY row")
}

// Lookup is mailbox.Boxes'.
func (db *DB) Lookup(ctx context.Context, ods string) ([]store.Mailbox, error) {
	return db.mailboxes(ctx, selectMailbox+" WHERE ods = ? ORDER BY row", ods)
}

const selectMailbox = "SELECT row, id, name, ods, password, remote FROM mailbox"

func (db *DB) mailboxes(ctx context.Context, query string, args ...any) ([]store.Mailbox, error) {
	var out []store.Mailbox
	err := db.readers.one(ctx, func(conn *sqlite.Conn) error {
		return rows(conn, query, func(s *sqlite.Stmt) error {
			out = append(out, scanMailbox(s))
			return nil
		}, args...)
	})
	return out, err
}

// putWorkflow keeps or replaces a restricted workflow.
type putWorkflow struct{ id, senders, receivers string }

// PutWorkflow is operator.Boxes'.
func (db *DB) PutWorkflow(ctx context.Context, f store.Workflow) error {
	senders, err := json.Marshal(f.Senders)
	if err != nil {
		return err
	}
	receivers, err := json.Marshal(f.Receivers)
	if err != nil {
		return err
	}
	_, err = db.submit(ctx, putWorkflow{f.ID, string(senders), string(receivers)})
	return err
}

func (p putWorkflow) apply(w *writer) (result, error) {
	w.changeTables()
	return result{}, exec(w.conn, "INSERT OR REPLACE INTO workflow (id, senders, receivers) VALUES (?, ?, ?)", p.id, p.senders, p.receivers)
}

// Restricted is mailbox.Boxes'.
func (db *DB) Restricted(ctx context.Context, id string) (f store.Workflow, ok bool, err error) {
	t, err := db.knownTables(ctx)
	if err != nil {
		return store.Workflow{}, false, err
	}
	f, ok = t.workflows[id]
	return f, ok, nil
}
