package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
)

const selectMailbox = "SELECT row, id, name, ods, password, remote FROM mailbox"

func scanMailbox(r pgx.Rows) (m store.Mailbox, err error) {
	return m, r.Scan(&m.Row, &m.ID, &m.Name, &m.ODS, &m.Password, &m.Remote)
}

// putBox is an operation of one statement that changes mailboxes or workflows.
type putBox struct {
	sql  string
	args []any
}

func (p putBox) apply(ctx context.Context, w *writer) (result, error) {
	var row int
	_, err := one(ctx, w.conn, []any{&row}, p.sql, p.args...)
	w.boxesChanged = true
	return result{n: row}, err
}

// PutMailbox is operator.Boxes'.
func (db *DB) PutMailbox(ctx context.Context, m store.Mailbox) (int64, error) {
	if _, err := store.MailboxKey(m.ID); err != nil {
		return 0, err
	}
	defer db.known.doubt()
	r, err := db.submit(ctx, puttingMailbox(m))
	return int64(r.n), err
}

func puttingMailbox(m store.Mailbox) putBox {
	return putBox{`INSERT INTO mailbox (id, name, ods, password, remote) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (upper(id)) DO UPDATE SET name = $2, ods = $3, password = $4, remote = $5,
		since = pg_current_xact_id() RETURNING row`,
		[]any{m.ID, m.Name, string(m.ODS), m.Password, m.Remote}}
}

// Mailbox is broker.Mailboxes'.
func (db *DB) Mailbox(ctx context.Context, id string) (store.Mailbox, error) {
	id, err := store.MailboxKey(id)
	if err != nil {
		return store.Mailbox{}, store.ErrNotFound
	}
	return db.findBox(ctx, func(k *known) (store.Mailbox, bool) {
		m, ok := k.byID[id]
		return m, ok
	})
}

// Mailboxes is database.Whole's.
func (db *DB) Mailboxes(ctx context.Context) ([]store.Mailbox, error) {
	return db.mailboxes(ctx, selectMailbox+" ORDER BY row")
}

// Lookup is mailbox.Boxes'.
func (db *DB) Lookup(ctx context.Context, ods string) ([]store.Mailbox, error) {
	return db.mailboxes(ctx, selectMailbox+" WHERE upper(ods) = upper($1) ORDER BY row", ods)
}

func (db *DB) mailboxes(ctx context.Context, sql string, args ...any) (out []store.Mailbox, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		out, err = all(ctx, q, scanMailbox, sql, args...)
		return err
	})
	return out, err
}

// PutWorkflow is operator.Boxes'.
func (db *DB) PutWorkflow(ctx context.Context, f store.Workflow) error {
	defer db.known.doubt()
	_, err := db.submit(ctx, putBox{`INSERT INTO workflow (id, senders, receivers) VALUES ($1, coalesce($2::text[], '{}'), coalesce($3::text[], '{}'))
		ON CONFLICT (id) DO UPDATE SET senders = excluded.senders, receivers = excluded.receivers RETURNING 0`, []any{f.ID, f.Senders, f.Receivers}})
	return err
}

// Restricted is mailbox.Boxes'.
func (db *DB) Restricted(ctx context.Context, id string) (f store.Workflow, ok bool, err error) {
	if err := db.upToDate(ctx, time.Now().Add(-knownFor)); err != nil {
		return store.Workflow{}, false, err
	}
	db.known.mu.RLock()
	defer db.known.mu.RUnlock()
	f, ok = db.known.workflows[id]
	return f, ok, nil
}
