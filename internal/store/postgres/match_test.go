package postgres

import (
	"crypto/sha256"
	"testing"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
)

// A publish that was matched by a server which another has taken over from is
// matched again by the one that confirms it: the old one may not have known the
// newest subscriptions.
func TestMatchingCountsOnTheServerThatCommits(t *testing.T) {
	db, err := Open(t.Context(), pgtest.Shared(t).Database(t), Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Serve(t, db)
	if _, err := db.PutMailbox(t.Context(), store.Mailbox{ID: "A", ODS: "RR8", Password: "password"}); err != nil {
		t.Fatal(err)
	}
	patient := storetest.Numbered(1)
	if err := db.Subscribe(t.Context(), storetest.AboutPatient(t, patient, "A"), audit.Entry{Action: "subscribe"}); err != nil {
		t.Fatal(err)
	}
	for name, timeline := range map[string]int64{"nobody": 0, "another server": 1 << 40} {
		body := []byte(name)
		a := storetest.EventAbout(db.NextPosition(), patient, store.Body{Codec: store.Plain, Data: body, Size: len(body), SHA256: sha256.Sum256(body)})
		op := &accept{Acceptance: a, hashes: store.RouteHashes(a.Facts.Keys), entry: seal(a.Audit), matched: timeline}
		r, err := db.writer.committer.Submit(t.Context(), task{publish: op})
		if err != nil || r.receipt.Copies != 1 {
			t.Errorf("matched by %s: expected one copy; received %d, %v", name, r.receipt.Copies, err)
		}
	}
}
