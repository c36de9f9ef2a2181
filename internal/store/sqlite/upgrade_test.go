package sqlite

import (
	"bytes"
	"crypto/sha256"
	"path/filepath"
	"testing"
	"testing/fstest"

	"nems/internal/store"
)

// TestUpgrade: messages that were sent before inboxes kept their workflow ids are
// listed with them afterwards, and of events that were accepted before their
// patients were noted it is not known whom they are about.
func TestUpgrade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nems.db")
	conn, err := openWriter(path, mainAppID, "FULL", 1024)
	if err != nil {
		t.Fatal(err)
	}
	old := fstest.MapFS{}
	for _, name := range []string{"migrations/0001_events.sql", "migrations/0002_subscriptions.sql", "migrations/0003_registry.sql"} {
		text, err := mainMigrations.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		old[name] = &fstest.MapFile{Data: text}
	}
	if err := migrate(conn, mainAppID, old); err != nil {
		t.Fatal(err)
	}
	message := []byte("<Bundle/>")
	sum := sha256.Sum256(message)
	for query, args := range map[string][]any{
		"INSERT INTO mailbox (row, id, name, ods, password, remote) VALUES (1, 'A', '', 'RR8', 'p', 0)":                                                 nil,
		"INSERT INTO inbox (mailbox, position, type, size) VALUES (1, 4096, 0, 5)":                                                                      nil,
		"INSERT INTO message (position, mailbox, sender, local_id, status, status_at, headers) VALUES (4096, 1, 'B', '', 'accepted', 0, ?)":             {[]byte(`{"Workflow":"WF_1"}`)},
		"INSERT INTO event (id, type, kind, message_id, publisher, withheld, codec, size, sha256, body) VALUES (8192, 1, 'new', '', '', 0, 0, 9, ?, ?)": {sum[:], message},
	} {
		if err := exec(conn, query, args...); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	page, err := db.List(t.Context(), store.InboxQuery{Mailbox: 1, Max: 10})
	if err != nil || len(page) != 1 || page[0].Workflow != "WF_1" {
		t.Errorf("%+v, %v", page, err)
	}
	if e, err := db.Event(t.Context(), 8192); err != nil || e.Patient != nil || !bytes.Equal(e.Message, message) {
		t.Errorf("%+v, %v", e, err)
	}
}
