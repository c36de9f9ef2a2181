package sqlite

import (
	"context"
	"encoding/json"
	"sync"

	"zombiezen.com/go/sqlite"

	"nems/internal/nhs"
	"nems/internal/store"
)

// known remembers what nearly every request asks for and operators rarely
// change: mailboxes and restricted workflows, both tables whole. A commit that
// changes one of them drops everything before its caller hears of it, so that
// nobody sees an answer older than a change that was answered. What is
// remembered must not be changed.
type known struct {
	mu        sync.Mutex
	changes   uint64 // commits that dropped what was known
	tables    *tables
	typeNames sync.Map // event_type.id (int64) to eventType: rows never change
	pages     pages
}

// tables is one state of the two tables.
type tables struct {
	byID      map[string]store.Mailbox // by the id in capitals
	byRow     map[int64]store.Mailbox
	workflows map[string]store.Workflow
	receivers store.Receivers // of workflows
}

// find returns the mailbox with an id, or store.ErrNotFound.
func (t *tables) find(id string) (store.Mailbox, error) {
	key, err := store.MailboxKey(id)
	m, ok := t.byID[key]
	if err != nil || !ok {
		return store.Mailbox{}, store.ErrNotFound
	}
	return m, nil
}

// drop forgets the tables.
func (k *known) drop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changes++
	k.tables = nil
}

// known returns the tables, reading them if they were dropped.
func (db *DB) knownTables(ctx context.Context) (*tables, error) {
	k := &db.known
	k.mu.Lock()
	t, changes := k.tables, k.changes
	k.mu.Unlock()
	if t != nil {
		return t, nil
	}
	err := db.readers.read(ctx, func(conn *sqlite.Conn) (err error) {
		t, err = readTables(conn)
		return err
	})
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.changes == changes { // otherwise it may be the state before
		k.tables = t
	}
	return t, nil
}

func readTables(conn *sqlite.Conn) (*tables, error) {
	t := &tables{byID: map[string]store.Mailbox{}, byRow: map[int64]store.Mailbox{}, workflows: map[string]store.Workflow{}, receivers: store.Receivers{}}
	err := rows(conn, selectMailbox, func(s *sqlite.Stmt) error {
		m := scanMailbox(s)
		if key, err := store.MailboxKey(m.ID); err == nil { // others were put before ids were checked
			t.byID[key] = m
		}
		t.byRow[m.Row] = m
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, rows(conn, "SELECT id, senders, receivers FROM workflow", func(s *sqlite.Stmt) error {
		w := store.Workflow{ID: s.ColumnText(0)}
		if err := json.Unmarshal([]byte(s.ColumnText(1)), &w.Senders); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(s.ColumnText(2)), &w.Receivers); err != nil {
			return err
		}
		t.workflows[w.ID] = w
		t.receivers.Add(w)
		return nil
	})
}

func scanMailbox(s *sqlite.Stmt) store.Mailbox {
	return store.Mailbox{Row: s.ColumnInt64(0), ID: s.ColumnText(1), Name: s.ColumnText(2),
		ODS: nhs.ODSCode(s.ColumnText(3)), Password: s.ColumnText(4), Remote: s.ColumnBool(5)}
}

// box finds a mailbox by its row; store.ErrNotFound when there is none.
func (db *DB) box(ctx context.Context, number int64) (store.Mailbox, error) {
	t, err := db.knownTables(ctx)
	if err != nil {
		return store.Mailbox{}, err
	}
	m, ok := t.byRow[number]
	if !ok {
		return m, store.ErrNotFound
	}
	return m, nil
}

// typeName returns the code and the workflow id of an event type's number.
func (db *DB) typeName(conn *sqlite.Conn, number int64) (eventType, error) {
	if t, ok := db.known.typeNames.Load(number); ok {
		return t.(eventType), nil //nolint:forcetypeassert // it holds nothing else
	}
	var t eventType
	found, err := row(conn, "SELECT code, workflow FROM event_type WHERE id = ?", func(s *sqlite.Stmt) {
		t = eventType{s.ColumnText(0), s.ColumnText(1)}
	}, number)
	if err == nil && found {
		db.known.typeNames.Store(number, t)
	}
	return t, err
}
