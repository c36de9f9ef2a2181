package sqlite

import (
	"bytes"
	"crypto/sha256"
	"path/filepath"
	"testing"
	"testing/fstest"

	"zombiezen.com/go/sqlite"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/storetest"
	"nems/internal/subscription"
)

// TestUpgrade: messages that were sent before inboxes kept their workflow ids are
// listed with them afterwards, and of events that were accepted before their
// patients were noted it is not known whom they are about.
func TestUpgrade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nems.db")
	conn := atVersion(t, path, 3)
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

// TestSubscriptionsAreRefiled: subscriptions that were filed before classes are
// found as those are that came after, once they are approved too, and leave
// nothing behind.
func TestSubscriptionsAreRefiled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nems.db")
	earlier := storetest.EarlierSubscriptions(t)
	conn := atVersion(t, path, 17)
	must := func(query string, args ...any) {
		t.Helper()
		if err := exec(conn, query, args...); err != nil {
			t.Fatal(err)
		}
	}
	must("INSERT INTO event_code (id, code) VALUES (1, ?)", earlier[0].Criteria.Events[0])
	for _, e := range earlier {
		must("INSERT INTO mailbox (row, id, name, ods, password, remote) VALUES (?, ?, '', 'RR8', 'p', 0)", e.Box, e.Mailbox)
		must(`INSERT INTO subscription (id, asid, ods, mailbox, endpoint, criteria, hash, same, status, reason, created, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0, 1)`,
			e.ID[:], string(e.ASID), string(e.ODS), e.Box, e.Mailbox, e.Criteria.Text, e.Hash, e.Box, store.StatusNumber(e.Status))
		must("INSERT INTO route (hash, code, id, candidate, since) VALUES (?, 1, ?, ?, 0)", e.Hash, e.ID[:], e.Packed)
	}
	// One that nothing can read: it is set aside by the first event.
	must(`INSERT INTO subscription (id, asid, ods, mailbox, endpoint, criteria, hash, status, reason, created, version) VALUES (?, '', 'RR8', 1, '', ?, ?, 2, '', 0, 1)`,
		[]byte("0123456789abcdef"), earlier[2].Criteria.Text, earlier[2].Hash)
	must("INSERT INTO route (hash, code, id, candidate, since) VALUES (?, 1, ?, 'broken', 0)", earlier[2].Hash, []byte("0123456789abcdef"))
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}

	db, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Serve(t, db)
	storetest.WantMatched(t, db, earlier)
	if q, err := db.QuarantinedAfter(t.Context(), subscription.ID{}, 2); err != nil || len(q) != 1 {
		t.Errorf("quarantined: %v, %v", q, err)
	}
	for i := range earlier {
		if e := &earlier[i]; e.Status == subscription.Requested {
			if err := db.Approve(t.Context(), e.ID, audit.Entry{}); err != nil {
				t.Fatal(err)
			}
			e.Status = subscription.Active
		}
	}
	storetest.WantMatched(t, db, earlier)
	for _, e := range earlier {
		if err := db.Delete(t.Context(), e.ID, audit.Entry{}); err != nil {
			t.Fatal(err)
		}
	}
	err = db.readers.one(t.Context(), func(conn *sqlite.Conn) error {
		left, err := number(conn, "SELECT count(*) FROM route")
		if left != 0 {
			t.Errorf("%d rows are left", left)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// atVersion makes a database as an earlier version of its schema has it.
func atVersion(t *testing.T, path string, version int) *sqlite.Conn {
	t.Helper()
	conn, err := openWriter(path, mainAppID, "FULL", 1024)
	if err != nil {
		t.Fatal(err)
	}
	old := fstest.MapFS{}
	for _, name := range migrationNames(mainMigrations)[:version] {
		text, err := mainMigrations.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		old[name] = &fstest.MapFile{Data: text}
	}
	if err := migrate(conn, mainAppID, old); err != nil {
		t.Fatal(err)
	}
	return conn
}
