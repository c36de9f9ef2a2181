package mailbox_test

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/mailbox"
	"nems/internal/store"
	"nems/internal/store/sqlite"
	"nems/internal/store/sqlite/sqlitetest"
)

var _ mailbox.Boxes = (*sqlite.DB)(nil)

// failingBoxes is a store that fails on demand.
type failingBoxes struct {
	sqlitetest.DB
	// Fault is called before and after a method's work (done says which). If it
	// returns an error, the method returns that error. An error after a change is
	// an unknown outcome. A nil Fault means that nothing fails.
	Fault func(method string, done bool) error
}

// newBoxes makes the tests' mailboxes and workflows in a new store.
func newBoxes(t testing.TB, now func() time.Time) *failingBoxes {
	t.Helper()
	b := &failingBoxes{DB: sqlitetest.Open(t, sqlite.Options{Now: now})}
	for _, m := range testMailboxes {
		if _, err := b.PutMailbox(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	b.restrict(t, testWorkflows...)
	return b
}

// restrict registers who may use workflows.
func (b *failingBoxes) restrict(t testing.TB, workflows ...store.Workflow) {
	t.Helper()
	for _, w := range workflows {
		if err := b.PutWorkflow(ctx, w); err != nil {
			t.Fatal(err)
		}
	}
}

// failing does a method's work between its two chances to fail.
func (b *failingBoxes) failing(method string, work func() error) error {
	fault := b.Fault
	if fault == nil {
		return work()
	}
	if err := fault(method, false); err != nil {
		return err
	}
	if err := work(); err != nil {
		return err
	}
	return fault(method, true)
}

func (b *failingBoxes) Send(ctx context.Context, m store.Message, first []byte, e *audit.Entry) error {
	return b.failing("Send", func() error { return b.DB.Send(ctx, m, first, e) })
}

func (b *failingBoxes) Acknowledge(ctx context.Context, mailbox int64, position store.EventID, at time.Time, e *audit.Entry) error {
	return b.failing("Acknowledge", func() error { return b.DB.Acknowledge(ctx, mailbox, position, at, e) })
}

func (b *failingBoxes) SetStatus(ctx context.Context, m store.Message, report *store.Message) error {
	return b.failing("SetStatus", func() error { return b.DB.SetStatus(ctx, m, report) })
}

func (b *failingBoxes) Chunk(ctx context.Context, m *store.Message, n int, w io.Writer) error {
	return b.failing("Chunk", func() error { return b.DB.Chunk(ctx, m, n, w) })
}

func (b *failingBoxes) RecordRoom(mailbox string) error {
	return b.failing("RecordRoom", func() error { return b.DB.RecordRoom(mailbox) })
}

// recorded returns the audit entries of the mailboxes.
func (b *failingBoxes) recorded(t testing.TB) (all []audit.Entry) {
	t.Helper()
	// Whatever was recorded before a commit is in that commit or an earlier one.
	if err := b.PutWitness(ctx, "recorded", nil); err != nil {
		t.Fatal(err)
	}
	for link, err := range b.Links(ctx, time.Time{}, time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		entries, err := link.Unpack()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entries...)
	}
	return slices.DeleteFunc(all, func(e audit.Entry) bool { return e.Action == audit.ActionPublish || e.Action == audit.ActionSubscribe })
}

// stored counts messages that were sent, in any state, and pieces of chunks. A
// small chunk has one piece.
func (b *failingBoxes) stored(t testing.TB) (messages, pieces int) {
	t.Helper()
	return b.Rows(t, "message"), b.Rows(t, "piece")
}

func decode(t testing.TB, body string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), into); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
}
