package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/store/storetest"
	"nems/internal/subscription"
)

func opened(t *testing.T, path string, o Options) *DB {
	t.Helper()
	db, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// incompressible is an event that nobody subscribed to, with a body that fills
// the disk.
func incompressible(db *DB, size int) store.Acceptance {
	id := db.NextPosition()
	random := rand.NewChaCha8([32]byte{byte(id), byte(id >> 12)})
	body := make([]byte, size)
	_, _ = random.Read(body)
	return store.Acceptance{Event: id, Code: "vaccinations-1", Workflow: "W", Body: store.Compress(body, [32]byte{}),
		Facts: subscription.Facts{EventCode: "vaccinations-1", At: new(store.Moments).Of(id)}, Audit: audit.Entry{Action: "publish"}}
}

// A disk that cannot be read is no defect: the caller is told to come back. A
// damaged file is.
func TestDiskThatCannotBeRead(t *testing.T) {
	db := opened(t, filepath.Join(t.TempDir(), "nems.db"), Options{})
	storetest.Serve(t, db)
	for code, passes := range map[sqlite.ResultCode]bool{
		sqlite.ResultIOErrRead: true, sqlite.ResultCantOpen: true, sqlite.ResultCorrupt: false,
	} {
		for name, read := range map[string]func(context.Context, func(*sqlite.Conn) error) error{"one": db.readers.one, "read": db.readers.read} {
			err := read(t.Context(), func(*sqlite.Conn) error { return fmt.Errorf("reading: %w", code.ToError()) })
			if errors.Is(err, store.ErrBusy) != passes || sqlite.ErrCode(err) != code {
				t.Errorf("%s, %v: %v", name, code, err)
			}
		}
	}
}

// A disk that is full refuses events, keeps what it has, and takes events
// again when there is room.
func TestFullDisk(t *testing.T) {
	db := opened(t, filepath.Join(t.TempDir(), "nems.db"), Options{})
	pages, err := number(db.writer.conn, "PRAGMA page_count")
	if err != nil {
		t.Fatal(err)
	}
	if err := exec(db.writer.conn, fmt.Sprintf("PRAGMA max_page_count=%d", pages+20)); err != nil {
		t.Fatal(err)
	}
	stop := storetest.Serve(t, db)
	var kept []store.EventID
	refused := 0
	for range 20 {
		a := incompressible(db, 20_000)
		switch _, err := db.AcceptEvent(t.Context(), a); {
		case err == nil:
			kept = append(kept, a.Event)
		case errors.Is(err, store.ErrBusy):
			refused++
			if _, err := db.EventMessage(t.Context(), a.Event); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("a refused event: %v", err)
			}
		default:
			t.Errorf("expected ErrBusy, got %v", err)
		}
	}
	if len(kept) == 0 || refused == 0 {
		t.Errorf("%d kept, %d refused", len(kept), refused)
	}
	stop()
	db = opened(t, db.path, Options{}) // max_page_count is the connection's: now there is room
	storetest.Serve(t, db)
	if _, err := db.AcceptEvent(t.Context(), incompressible(db, 20_000)); err != nil {
		t.Errorf("with room again: %v", err)
	}
	for _, event := range kept {
		if _, err := db.EventMessage(t.Context(), event); errors.Is(err, store.ErrNotFound) {
			t.Errorf("event %d was lost", event)
		}
	}
	r, err := audit.Verify(db.Links(t.Context(), time.Time{}, time.Time{}), nil)
	if err != nil || r.Found != 0 || r.Entries != len(kept)+1 {
		t.Errorf("audit: %+v, %v", r, err)
	}
}

// The spreader goes on at the step where it was stopped.
func TestSpreadingGoesOnWhereItStopped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nems.db")
	db := opened(t, path, Options{})
	n, err := nhs.ParseNHSNumber("9912003888")
	if err != nil {
		t.Fatal(err)
	}
	criteria, err := subscription.ParseCriteria("/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + n.Digits() + "&MessageHeader.event=vaccinations-1")
	if err != nil {
		t.Fatal(err)
	}
	const boxes = 2*spreadStep + 200
	perform := func(ops ...operation) result {
		t.Helper()
		out := make([]store.Outcome[result], len(ops))
		if err := db.writer.commit(ops, out); err != nil || out[0].Err != nil {
			t.Fatal(err, out[0].Err)
		}
		return out[0].Value
	}
	var ops []operation
	for i := range boxes {
		id := fmt.Sprint("BOX", i)
		s := subscription.Subscription{ID: subscription.NewID(time.Now()), ODS: "RR8", Mailbox: id, Criteria: criteria, Status: subscription.Active}
		ops = append(ops, putMailbox{store.Mailbox{ID: id, ODS: "RR8"}}, subscribe{[]creation{{store.Creation{Subscription: s}.File(time.Now())}}})
	}
	perform(ops...)
	key := criteria.Key()
	a := incompressible(db, 100)
	a.Facts.Keys = []subscription.RouteKey{key}
	wide := accept{Acceptance: a, hashes: []int64{key.Hash()}, matched: true}
	if wide.copies, err = db.matchOutside(t.Context(), wide.lookup()); err != nil {
		t.Fatal(err)
	}
	if r := perform(wide); r.receipt.Copies != boxes {
		t.Fatalf("%d copies", r.receipt.Copies)
	}
	if r := perform(spreadCopies{}); r.n != spreadStep {
		t.Fatalf("a step of %d", r.n)
	}
	filed := func() int64 {
		n, err := number(db.writer.conn, "SELECT count(*) FROM inbox")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := filed(); n != spreadStep {
		t.Errorf("%d rows after a step", n)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = opened(t, path, Options{})
	for _, want := range []int{spreadStep, 200, 0} {
		if r := perform(spreadCopies{}); r.n != want {
			t.Errorf("expected a step of %d, got %d", want, r.n)
		}
	}
	if n := filed(); n != boxes {
		t.Errorf("%d rows in the end", n)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// Pages that retention frees go back to the file system.
func TestFileShrinks(t *testing.T) {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	db := opened(t, filepath.Join(t.TempDir(), "nems.db"), Options{Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
	stop := storetest.Serve(t, db)
	for range 60 {
		if _, err := db.AcceptEvent(t.Context(), incompressible(db, 200_000)); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	now = now.Add(31 * 24 * time.Hour)
	mu.Unlock()
	if err := db.Housekeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	db = opened(t, db.path, Options{})
	free, err := number(db.writer.conn, "PRAGMA freelist_count")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := number(db.writer.conn, "PRAGMA page_count")
	if err != nil {
		t.Fatal(err)
	}
	if events, err := number(db.writer.conn, "SELECT count(*) FROM event"); events != 0 || err != nil {
		t.Errorf("%d events, %v", events, err)
	}
	if free >= sweptStep || pages > 2*sweptStep {
		t.Errorf("%d pages, %d of them free", pages, free)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
