package storetest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/nhs"
	"nems/internal/store"
)

func inboxPages(t *testing.T, w *world) {
	box := w.mailbox("A")
	neighbour := w.mailbox("B")
	w.subscribe("A", ofPatient(jack, vaccination))
	w.subscribe("B", ofPatient(jack, vaccination))
	var want []store.EventID
	for i := range 25 {
		r := w.publish(func(a *store.Acceptance) { a.Workflow = fmt.Sprintf("W%d", i%5) })
		want = append(want, r.Event)
	}
	var got []store.EventID
	for after := store.EventID(0); ; {
		page, err := w.List(w.ctx(), store.InboxQuery{Mailbox: box, After: after, Max: 7})
		w.must(err)
		if len(page) == 0 {
			break
		}
		for _, m := range page {
			after = m.Position
			if want := fmt.Sprintf("W%d", len(got)%5); m.Workflow != want {
				t.Errorf("message %d: workflow %q, expected %q", len(got), m.Workflow, want)
			}
			got = append(got, after)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages: expected %v, got %v", want, got)
	}
	if n, err := w.Count(w.ctx(), neighbour); n != 25 || err != nil {
		t.Errorf("the neighbour has %d, %v", n, err)
	}
	if n, err := w.Count(w.ctx(), 999); n != 0 || err != nil {
		t.Errorf("no such mailbox has %d, %v", n, err)
	}
	_, err := w.List(w.ctx(), store.InboxQuery{Mailbox: 999, Max: 1})
	w.wantError("no such mailbox", err, store.ErrNotFound)
}

func acknowledging(t *testing.T, w *world) {
	box := w.mailbox("A")
	w.subscribe("A", ofPatient(jack, vaccination))
	first, second := w.publish(), w.publish()
	at := w.clock.Now().Add(time.Minute)
	for range 2 { // the second time is no error
		w.must(w.Acknowledge(w.ctx(), box, first.Event, at, nil))
	}
	w.wantInbox("acknowledged", box, second.Event)
	m, err := w.Message(w.ctx(), box, first.Event)
	if err != nil || m.Status != store.Acknowledged || !m.StatusAt.Equal(at) {
		t.Errorf("acknowledged: %+v, %v", m, err)
	}
	if !bytes.Equal(w.download(m, 1), message(1)) {
		t.Error("an acknowledged copy can still be read")
	}
	w.wantError("no such message", w.Acknowledge(w.ctx(), box, 1, at, nil), store.ErrNotFound)
	w.wantError("another's message", w.Acknowledge(w.ctx(), box+1, first.Event, at, nil), store.ErrNotFound)
	history, err := w.History(w.ctx(), box, epoch.Add(-time.Hour), 0, 10)
	w.must(err)
	if len(history) != 2 || history[0].Position != second.Event || history[1].Position != first.Event {
		t.Errorf("history, newest first: %+v", history)
	}
	history, err = w.History(w.ctx(), box, epoch.Add(-time.Hour), second.Event, 10)
	if err != nil || len(history) != 1 || history[0].Position != first.Event {
		t.Errorf("history before the second: %+v, %v", history, err)
	}
}

func mailboxesAndWorkflows(t *testing.T, w *world) {
	row := w.mailbox("MixedCase1")
	m, err := w.Mailbox(w.ctx(), "mixedcase1")
	want := store.Mailbox{Row: row, ID: "MixedCase1", Name: "Box MixedCase1", ODS: "RR8", Password: "password"}
	if err != nil || m != want {
		t.Errorf("expected %+v, got %+v, %v", want, m, err)
	}
	again, err := w.PutMailbox(w.ctx(), store.Mailbox{ID: "MIXEDCASE1", ODS: "X26", Remote: true})
	if err != nil || again != row {
		t.Errorf("put again: row %d instead of %d, %v", again, row, err)
	}
	_, err = w.Mailbox(w.ctx(), "NONE")
	w.wantError("no such mailbox", err, store.ErrNotFound)
	w.mailbox("SECOND")
	if of, err := w.Lookup(w.ctx(), "RR8"); err != nil || len(of) != 1 || of[0].ID != "SECOND" {
		t.Errorf("of RR8: %+v, %v", of, err)
	}
	if of, err := w.Lookup(w.ctx(), "RX3EP"); err != nil || len(of) != 0 {
		t.Errorf("of an organisation without mailboxes: %+v, %v", of, err)
	}
	if all, err := w.Mailboxes(w.ctx()); err != nil || len(all) != 2 {
		t.Errorf("all: %+v, %v", all, err)
	}
	f := store.Workflow{ID: "W1", Senders: []string{"A", "B"}, Receivers: []string{"C"}}
	w.must(w.PutWorkflow(w.ctx(), f))
	got, ok, err := w.Restricted(w.ctx(), "W1")
	if diff := cmp.Diff(f, got); diff != "" || !ok || err != nil {
		t.Errorf("workflow: %v %v %s", ok, err, diff)
	}
	if _, ok, err = w.Restricted(w.ctx(), "OPEN"); ok || err != nil {
		t.Errorf("an open workflow: %v %v", ok, err)
	}
}

// sent is a message from A to B.
func (w *world) sent(to int64, localID string, chunks int) store.Message {
	now := w.clock.Now()
	return store.Message{
		Position: w.NextPosition(), Mailbox: to, Sender: "A", Recipient: "B", Workflow: "W1", Type: store.Data,
		Status: store.Waiting, StatusAt: now, LocalID: localID, Subject: "subject", FileName: "file.dat",
		ContentType: "text/plain", Checksum: "abc", Compressed: true, SenderODS: "RR8", RecipientODS: "RR8", Chunks: chunks,
		Size: 5, Expires: now.Add(5 * 24 * time.Hour),
	}
}

func sending(t *testing.T, w *world) {
	w.mailbox("A")
	b := w.mailbox("B")
	m := w.sent(b, "local", 1)
	w.must(w.Send(w.ctx(), m, []byte("hello"), nil))
	all := w.inbox(b)
	if len(all) != 1 {
		t.Fatalf("%d messages", len(all))
	}
	m.Sent = w.Moment(m.Position)
	if diff := cmp.Diff(m, all[0], cmp.AllowUnexported(nhs.NHSNumber{})); diff != "" {
		t.Errorf("it came back changed: %s", diff)
	}
	if got := w.download(all[0], 1); string(got) != "hello" {
		t.Errorf("body %q", got)
	}
	second := w.sent(b, "local", 1)
	w.must(w.Send(w.ctx(), second, []byte{}, nil))
	if got := w.download(second, 1); len(got) != 0 {
		t.Errorf("empty body %q", got)
	}
	found, err := w.SentByLocalID(w.ctx(), "a", "local")
	if err != nil || len(found) != 2 || found[0].Position != m.Position {
		t.Errorf("by local id: %+v, %v", found, err)
	}
	w.clock.advance(time.Minute)
	w.must(w.Acknowledge(w.ctx(), b, m.Position, w.clock.Now(), nil))
	found, err = w.Outbox(w.ctx(), "A", epoch.Add(-time.Hour), 0, 10)
	if err != nil || len(found) != 2 || found[0].Position != second.Position || found[1].Status != store.Acknowledged ||
		!found[1].StatusAt.Equal(w.clock.Now()) {
		t.Errorf("outbox: %+v, %v", found, err)
	}
	w.must(w.Send(w.ctx(), w.sent(b, "local", 1), []byte("third"), nil))
	if found, err := w.SentByLocalID(w.ctx(), "a", "local"); err != nil || len(found) != 2 {
		t.Errorf("of three by local id: %+v, %v", found, err)
	}
	for _, none := range []struct{ sender, local string }{{"B", "local"}, {"A", "other"}, {"A", ""}} {
		if found, err := w.SentByLocalID(w.ctx(), none.sender, none.local); err != nil || len(found) != 0 {
			t.Errorf("%v: %+v, %v", none, found, err)
		}
	}
}

func sendingInChunks(t *testing.T, w *world) {
	b := w.mailbox("B")
	m := w.sent(b, "", 3)
	m.Status, m.Expires = store.Uploading, time.Time{}
	bodies := [][]byte{bytes.Repeat([]byte("1"), 10), make([]byte, 1<<20+1), bytes.Repeat([]byte("3"), 256<<10)}
	_, _ = rand.Read(bodies[1])
	w.must(w.Send(w.ctx(), m, bodies[0], nil))
	w.wantInbox("uploading", b)
	put := func(n int, body []byte) {
		size, err := w.PutChunk(w.ctx(), b, m.Position, n, iotest.HalfReader(bytes.NewReader(body)))
		if err != nil || size != int64(len(body)) {
			t.Errorf("chunk %d: %d bytes, %v", n, size, err)
		}
	}
	put(2, []byte("replaced later"))
	expires := w.clock.Now().Add(time.Hour)
	if ok, err := w.Complete(w.ctx(), b, m.Position, w.clock.Now(), expires, nil); ok || err != nil {
		t.Errorf("chunk 3 is missing: %v, %v", ok, err)
	}
	put(3, bodies[2])
	put(2, bodies[1])
	broken := io.MultiReader(bytes.NewReader(make([]byte, 300<<10)), iotest.ErrReader(errors.New("broken off")))
	if _, err := w.PutChunk(w.ctx(), b, m.Position, 2, broken); err == nil {
		t.Error("a broken chunk was taken")
	}
	if ok, err := w.Complete(w.ctx(), b, m.Position, w.clock.Now(), expires, nil); !ok || err != nil {
		t.Fatalf("complete: %v, %v", ok, err)
	}
	got, err := w.Message(w.ctx(), b, m.Position)
	w.must(err)
	if got.Status != store.Waiting || got.Size != int64(10+len(bodies[1])+len(bodies[2])) || !got.Expires.Equal(expires) {
		t.Errorf("complete: %+v", got)
	}
	for i, body := range bodies {
		if !bytes.Equal(w.download(got, i+1), body) {
			t.Errorf("chunk %d differs", i+1)
		}
	}
	w.wantInbox("complete", b, m.Position)
	_, err = w.Complete(w.ctx(), b, m.Position, w.clock.Now(), expires, nil)
	w.wantError("complete twice", err, store.ErrNotFound)
	w.wantError("chunk 4", w.Chunk(w.ctx(), &got, 4, io.Discard), store.ErrNotFound)
	// What is complete stays whole however old its chunks are.
	w.clock.advance(2 * 24 * time.Hour)
	w.must(w.Housekeep(w.ctx()))
	if !bytes.Equal(w.download(got, 2), bodies[1]) {
		t.Error("a chunk was taken for a leftover")
	}
}

// A client that puts a chunk again, while its first attempt is still under way, has
// one of both stored whole.
func chunkPutTwiceAtOnce(t *testing.T, w *world) {
	b := w.mailbox("B")
	m := w.sent(b, "", 1)
	m.Status = store.Uploading
	w.must(w.Send(w.ctx(), m, []byte("replaced later"), nil))
	slow, again := bytes.Repeat([]byte("1"), 700<<10), bytes.Repeat([]byte("2"), 600<<10)
	overtaken := func() {
		_, err := w.PutChunk(w.ctx(), b, m.Position, 1, bytes.NewReader(again))
		w.must(err)
	}
	_, err := w.PutChunk(w.ctx(), b, m.Position, 1, io.MultiReader(bytes.NewReader(slow[:300<<10]), &calling{f: overtaken}, bytes.NewReader(slow[300<<10:])))
	w.must(err)
	whole, err := w.Complete(w.ctx(), b, m.Position, w.clock.Now(), w.clock.Now().Add(time.Hour), nil)
	if err != nil || !whole {
		t.Fatalf("complete: %v, %v", whole, err)
	}
	got, err := w.Message(w.ctx(), b, m.Position)
	w.must(err)
	if body := w.download(got, 1); !bytes.Equal(body, again) || got.Size != int64(len(again)) {
		t.Errorf("%d bytes of %d, the last of them %q", len(body), got.Size, body[max(0, len(body)-1):])
	}
}

// calling is a reader that yields nothing, and calls f first.
type calling struct{ f func() }

func (c *calling) Read([]byte) (int, error) {
	c.f()
	return 0, io.EOF
}

func brokenUploads(t *testing.T, w *world) {
	b := w.mailbox("B")
	m := w.sent(b, "x", 2)
	m.Status = store.Uploading
	w.must(w.Send(w.ctx(), m, []byte("one"), nil))
	orphan := w.NextPosition()
	_, err := w.PutChunk(w.ctx(), b, orphan, 1, bytes.NewReader([]byte("orphan")))
	w.must(err)
	w.clock.advance(25 * time.Hour)
	w.must(w.Housekeep(w.ctx()))
	_, err = w.Message(w.ctx(), b, m.Position)
	w.wantError("an upload of yesterday", err, store.ErrNotFound)
	w.wantError("its chunk", w.Chunk(w.ctx(), &m, 1, io.Discard), store.ErrNotFound)
	w.wantError("a chunk without a message", w.Chunk(w.ctx(), &store.Message{Position: orphan}, 1, io.Discard), store.ErrNotFound)
}

func reports(t *testing.T, w *world) {
	a, b := w.mailbox("A"), w.mailbox("B")
	m := w.sent(b, "x", 1)
	w.must(w.Send(w.ctx(), m, []byte("hello"), nil))
	due, err := w.Overdue(w.ctx(), m.Expires.Add(-time.Second), 10)
	if err != nil || len(due) != 0 {
		t.Errorf("too early: %+v, %v", due, err)
	}
	w.clock.advance(6 * 24 * time.Hour)
	due, err = w.Overdue(w.ctx(), w.clock.Now(), 10)
	if err != nil || len(due) != 1 || due[0].Position != m.Position {
		t.Fatalf("overdue: %+v, %v", due, err)
	}
	report := store.Message{Position: w.NextPosition(), Mailbox: a, Sender: "", Recipient: "A", Workflow: "W1", Type: store.Report,
		Status: store.Waiting, StatusAt: w.clock.Now(), LinkedID: "id", ErrorCode: "14", Chunks: 1}
	given := due[0]
	given.Status, given.StatusAt, given.ErrorCode, given.LinkedID = store.Undeliverable, w.clock.Now(), "14", "id"
	w.must(w.SetStatus(w.ctx(), given, &report))
	w.wantInbox("given up", b)
	w.wantInbox("the report", a, report.Position)
	got, err := w.Message(w.ctx(), b, m.Position)
	if err != nil || got.Status != store.Undeliverable || got.ErrorCode != "14" || got.LinkedID != "id" {
		t.Errorf("given up: %+v, %v", got, err)
	}
	if due, err = w.Overdue(w.ctx(), w.clock.Now(), 10); err != nil || len(due) != 0 {
		t.Errorf("given up already: %+v, %v", due, err)
	}
	w.must(w.Acknowledge(w.ctx(), b, m.Position, w.clock.Now(), nil))
	if got, err = w.Message(w.ctx(), b, m.Position); err != nil || got.Status != store.Undeliverable {
		t.Errorf("acknowledged afterwards: %+v, %v", got, err)
	}
	given.Position = 1
	w.wantError("no such message", w.SetStatus(w.ctx(), given, nil), store.ErrNotFound)
}

func overdueCopies(t *testing.T, w *world) {
	w.remote("FAR") // its copies are for the courier to judge
	a, b := w.mailbox("A"), w.mailbox("B")
	w.subscribe("A", ofPatient(jack, vaccination))
	w.subscribe("B", ofPatient(jack, vaccination))
	r := w.publish()
	w.must(w.Acknowledge(w.ctx(), a, r.Event, w.clock.Now(), nil))
	later := w.publish()
	m, err := w.Message(w.ctx(), b, r.Event)
	w.must(err)
	if due, err := w.Overdue(w.ctx(), m.Expires.Add(-time.Second), 10); err != nil || len(due) != 0 {
		t.Errorf("too early: %+v, %v", due, err)
	}
	due, err := w.Overdue(w.ctx(), m.Expires, 1)
	if err != nil || len(due) != 1 || due[0].Position != r.Event || due[0].Mailbox != b {
		t.Fatalf("overdue: %+v, %v", due, err)
	}
	due[0].Status, due[0].StatusAt, due[0].ErrorText = store.Undeliverable, m.Expires, "not collected"
	w.must(w.SetStatus(w.ctx(), due[0], nil))
	w.wantInbox("given up", b, later.Event)
	got, err := w.Message(w.ctx(), b, r.Event)
	if err != nil || got.Status != store.Undeliverable || got.ErrorText != "not collected" {
		t.Errorf("given up: %+v, %v", got, err)
	}
	due, err = w.Overdue(w.ctx(), m.Expires.Add(time.Hour), 10)
	if err != nil || len(due) != 2 || due[0].Position != later.Event {
		t.Errorf("the later ones: %+v, %v", due, err)
	}
}
