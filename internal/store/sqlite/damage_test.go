package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/sqlite"
	"nems/internal/store/storetest"
	"nems/internal/subscription"
)

// oneEvent is a store with one event in the mailbox A.
func oneEvent(t *testing.T) (db *sqlite.DB, path string, box int64, event store.EventID) {
	dir := t.TempDir()
	db = start(t, dir, sqlite.Options{AuditDelay: time.Millisecond})
	box, err := db.PutMailbox(t.Context(), store.Mailbox{ID: "A", ODS: "RR8"})
	if err != nil {
		t.Fatal(err)
	}
	n := storetest.Numbered(1)
	if err := db.Subscribe(t.Context(), storetest.AboutPatient(t, n, "A"), audit.Entry{Action: "subscribe", ODS: "RR8"}); err != nil {
		t.Fatal(err)
	}
	r, err := publishing(db)(t.Context(), n)
	if err != nil || r.Copies != 1 {
		t.Fatal(r, err)
	}
	return db, filepath.Join(dir, "nems.db"), box, r.Event
}

func TestDamagedBodyIsNotDelivered(t *testing.T) {
	db, path, box, event := oneEvent(t)
	m, err := db.Message(t.Context(), box, event)
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range []string{
		"UPDATE event SET body = CAST(substr(body, 1, 50) || x'00' || substr(body, 52) AS BLOB)",
		"UPDATE event SET body = x''", "UPDATE event SET body = NULL", "UPDATE event SET sha256 = x'00'", "UPDATE event SET codec = 9",
	} {
		ask(t, raw(t, path), script)
		var b bytes.Buffer
		if err := db.Chunk(t.Context(), &m, 1, &b); !errors.Is(err, store.ErrDamaged) || b.Len() > 0 {
			t.Errorf("%s: %v, %d bytes written", script, err, b.Len())
		}
	}
}

func TestEditedAuditIsFound(t *testing.T) {
	for _, script := range []string{
		"UPDATE audit_link SET entries = CAST(replace(entries, 'RR8', 'X26') AS BLOB) WHERE seq = 1",
		"DELETE FROM audit_link WHERE seq = 1", "UPDATE audit_link SET seq = seq + 1", "UPDATE audit_link SET at = at + 1",
		"UPDATE audit_link SET hash = zeroblob(32) WHERE seq = 2", "DELETE FROM audit_link WHERE seq = 2", "DELETE FROM audit_link",
	} {
		db, path, _, _ := oneEvent(t)
		heads, err := db.Heads(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkpoint := audit.Checkpoint{At: time.Now(), Heads: heads}
		verify := func() audit.Report {
			r, err := audit.Verify(db.Links(t.Context(), time.Time{}, time.Time{}), []audit.Checkpoint{checkpoint})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		if r := verify(); r.Found != 0 || r.Entries != 2 {
			t.Fatalf("before: %+v", r)
		}
		ask(t, raw(t, path), script)
		if r := verify(); r.Found == 0 || !r.Vouched.IsZero() {
			t.Errorf("%s was not found", script)
		}
	}
}

// A batch with a member that cannot be stored must not fail the others.
func TestOneBadEventRefusesItselfAlone(t *testing.T) {
	db, _, box, event := oneEvent(t)
	errs := make(chan error, 40)
	for i := range 40 {
		go func() {
			id := db.NextPosition()
			if i == 7 {
				id = event // taken
			}
			_, err := db.AcceptEvent(t.Context(), store.Acceptance{Event: id, Code: fmt.Sprint("new-type-", i), Workflow: "W", Body: store.Compress([]byte("x"), [32]byte{}),
				Facts: subscription.Facts{EventCode: "x", At: db.Moment(id)}})
			errs <- err
		}()
	}
	failed := 0
	for range 40 {
		if err := <-errs; err != nil {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d of 40 failed, expected the one", failed)
	}
	if n, err := db.Count(t.Context(), box); n != 1 || err != nil {
		t.Errorf("%d in the inbox, %v", n, err)
	}
}

func TestRecordsBeyondTheLimitAreCounted(t *testing.T) {
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "nems.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const limit, recorded = 16_384, 17_000
	for range recorded { // nobody commits yet
		db.Record(audit.Entry{Action: "read"})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Run(ended); err != nil { // commits what waits, and the rest's number
		t.Fatal(err)
	}
	counted, alone := 0, 0
	for l, err := range db.Links(t.Context(), time.Time{}, time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		entries, err := l.Unpack()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if alone++; e.Action == "audit-overflow" {
				counted = e.Count
			}
		}
	}
	if alone != limit+1 || counted != recorded-limit {
		t.Errorf("%d entries, %d counted of %d", alone, counted, recorded)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
