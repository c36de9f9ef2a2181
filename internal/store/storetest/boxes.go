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

func inboxPages(t *testing.T, th *harness) {
	box := th.mailbox("A")
	neighbour := th.mailbox("B")
	th.subscribe("A", ofPatient(jack, vaccination))
	th.subscribe("B", ofPatient(jack, vaccination))
	var want []store.EventID
	for i := range 25 {
		r := th.publish(func(a *store.Acceptance) { a.Workflow = fmt.Sprintf("W%d", i%5) })
		want = append(want, r.Event)
	}
	var got []store.EventID
	for after := store.EventID(0); ; {
		page, err := th.List(th.ctx(), store.InboxQuery{Mailbox: box, After: after, Max: 7})
		th.must(err)
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
	if n, err := th.Count(th.ctx(), neighbour); n != 25 || err != nil {
		t.Errorf("the neighbour has %d, %v", n, err)
	}
	if n, err := th.Count(th.ctx(), 999); n != 0 || err != nil {
		t.Errorf("no such mailbox has %d, %v", n, err)
	}
	_, err := th.List(th.ctx(), store.InboxQuery{Mailbox: 999, Max: 1})
	th.wantError("no such mailbox", err, store.ErrNotFound)
}

func acknowledging(t *testing.T, th *harness) {
	box := th.mailbox("A")
	th.subscribe("A", ofPatient(jack, vaccination))
	first, second := th.publish(), th.publish()
	at := th.clock.Now().Add(time.Minute)
	for range 2 { // the second time is no error
		th.must(th.Acknowledge(th.ctx(), box, first.Event, at, nil))
	}
	th.wantInbox("acknowledged", box, second.Event)
	m, err := th.Message(th.ctx(), box, first.Event)
	if err != nil || m.Status != store.Acknowledged || !m.StatusAt.Equal(at) {
		t.Errorf("acknowledged: %+v, %v", m, err)
	}
	if !bytes.Equal(th.download(m, 1), message(1)) {
		t.Error("an acknowledged copy can still be read")
	}
	th.wantError("no such message", th.Acknowledge(th.ctx(), box, 1, at, nil), store.ErrNotFound)
	th.wantError("another's message", th.Acknowledge(th.ctx(), box+1, first.Event, at, nil), store.ErrNotFound)
	history, err := th.History(th.ctx(), box, epoch.Add(-time.Hour), 0, 10)
	th.must(err)
	if len(history) != 2 || history[0].Position != second.Event || history[1].Position != first.Event {
		t.Errorf("history, newest first: %+v", history)
	}
	history, err = th.History(th.ctx(), box, epoch.Add(-time.Hour), second.Event, 10)
	if err != nil || len(history) != 1 || history[0].Position != first.Event {
		t.Errorf("history before the second: %+v, %v", history, err)
	}
}

func mailboxesAndWorkflows(t *testing.T, th *harness) {
	row := th.mailbox("MixedCase1")
	m, err := th.Mailbox(th.ctx(), "mixedcase1")
	want := store.Mailbox{Row: row, ID: "MixedCase1", Name: "Box MixedCase1", ODS: "RR8", Password: "password"}
	if err != nil || m != want {
		t.Errorf("expected %+v, got %+v, %v", want, m, err)
	}
	again, err := th.PutMailbox(th.ctx(), store.Mailbox{ID: "MIXEDCASE1", ODS: "X26", Remote: true})
	if err != nil || again != row {
		t.Errorf("put again: row %d instead of %d, %v", again, row, err)
	}
	_, err = th.Mailbox(th.ctx(), "NONE")
	th.wantError("no such mailbox", err, store.ErrNotFound)
	th.mailbox("SECOND")
	if of, err := th.Lookup(th.ctx(), "RR8"); err != nil || len(of) != 1 || of[0].ID != "SECOND" {
		t.Errorf("of RR8: %+v, %v", of, err)
	}
	if of, err := th.Lookup(th.ctx(), "RX3EP"); err != nil || len(of) != 0 {
		t.Errorf("of an organisation without mailboxes: %+v, %v", of, err)
	}
	if all, err := th.Mailboxes(th.ctx()); err != nil || len(all) != 2 {
		t.Errorf("all: %+v, %v", all, err)
	}
	f := store.Workflow{ID: "W1", Senders: []string{"A", "B"}, Receivers: []string{"C"}}
	th.must(th.PutWorkflow(th.ctx(), f))
	got, ok, err := th.Restricted(th.ctx(), "W1")
	if diff := cmp.Diff(f, got); diff != "" || !ok || err != nil {
		t.Errorf("workflow: %v %v %s", ok, err, diff)
	}
	if _, ok, err = th.Restricted(th.ctx(), "OPEN"); ok || err != nil {
		t.Errorf("an open workflow: %v %v", ok, err)
	}
}

// sent is a message from A to B.
func (th *harness) sent(to int64, localID string, chunks int) store.Message {
	now := th.clock.Now()
	return store.Message{
		Position: th.NextPosition(), Mailbox: to, Sender: "A", Recipient: "B", Workflow: "W1", Type: store.Data,
		Status: store.Waiting, StatusAt: now, LocalID: localID, Subject: "subject", FileName: "file.dat",
		ContentType: "text/plain", Checksum: "abc", Compressed: true, SenderODS: "RR8", RecipientODS: "RR8", Chunks: chunks,
		Size: 5, Expires: now.Add(5 * 24 * time.Hour),
	}
}

func sending(t *testing.T, th *harness) {
	th.mailbox("A")
	b := th.mailbox("B")
	m := th.sent(b, "local", 1)
	th.must(th.Send(th.ctx(), m, []byte("hello"), nil))
	all := th.inbox(b)
	if len(all) != 1 {
		t.Fatalf("%d messages", len(all))
	}
	m.Sent = th.Moment(m.Position)
	if diff := cmp.Diff(m, all[0], cmp.AllowUnexported(nhs.NHSNumber{})); diff != "" {
		t.Errorf("it came back changed: %s", diff)
	}
	if got := th.download(all[0], 1); string(got) != "hello" {
		t.Errorf("body %q", got)
	}
	second := th.sent(b, "local", 1)
	th.must(th.Send(th.ctx(), second, []byte{}, nil))
	if got := th.download(second, 1); len(got) != 0 {
		t.Errorf("empty body %q", got)
	}
	found, err := th.SentByLocalID(th.ctx(), "a", "local")
	if err != nil || len(found) != 2 || found[0].Position != m.Position {
		t.Errorf("by local id: %+v, %v", found, err)
	}
	th.clock.advance(time.Minute)
	th.must(th.Acknowledge(th.ctx(), b, m.Position, th.clock.Now(), nil))
	found, err = th.Outbox(th.ctx(), "A", epoch.Add(-time.Hour), 0, 10)
	if err != nil || len(found) != 2 || found[0].Position != second.Position || found[1].Status != store.Acknowledged ||
		!found[1].StatusAt.Equal(th.clock.Now()) {
		t.Errorf("outbox: %+v, %v", found, err)
	}
	th.must(th.Send(th.ctx(), th.sent(b, "local", 1), []byte("third"), nil))
	if found, err := th.SentByLocalID(th.ctx(), "a", "local"); err != nil || len(found) != 2 {
		t.Errorf("of three by local id: %+v, %v", found, err)
	}
	for _, none := range []struct{ sender, local string }{{"B", "local"}, {"A", "other"}, {"A", ""}} {
		if found, err := th.SentByLocalID(th.ctx(), none.sender, none.local); err != nil || len(found) != 0 {
			t.Errorf("%v: %+v, %v", none, found, err)
		}
	}
}

func sendingInChunks(t *testing.T, th *harness) {
	b := th.mailbox("B")
	m := th.sent(b, "", 3)
	m.Status, m.Expires = store.Uploading, time.Time{}
	bodies := [][]byte{bytes.Repeat([]byte("1"), 10), make([]byte, 1<<20+1), bytes.Repeat([]byte("3"), 256<<10)}
	_, _ = rand.Read(bodies[1])
	th.must(th.Send(th.ctx(), m, bodies[0], nil))
	th.wantInbox("uploading", b)
	put := func(n int, body []byte) {
		size, err := th.PutChunk(th.ctx(), b, m.Position, n, iotest.HalfReader(bytes.NewReader(body)))
		if err != nil || size != int64(len(body)) {
			t.Errorf("chunk %d: %d bytes, %v", n, size, err)
		}
	}
	put(2, []byte("replaced later"))
	expires := th.clock.Now().Add(time.Hour)
	if ok, err := th.Complete(th.ctx(), b, m.Position, th.clock.Now(), expires, nil); ok || err != nil {
		t.Errorf("chunk 3 is missing: %v, %v", ok, err)
	}
	put(3, bodies[2])
	put(2, bodies[1])
	broken := io.MultiReader(bytes.NewReader(make([]byte, 300<<10)), iotest.ErrReader(errors.New("broken off")))
	if _, err := th.PutChunk(th.ctx(), b, m.Position, 2, broken); err == nil {
		t.Error("a broken chunk was taken")
	}
	if ok, err := th.Complete(th.ctx(), b, m.Position, th.clock.Now(), expires, nil); !ok || err != nil {
		t.Fatalf("complete: %v, %v", ok, err)
	}
	got, err := th.Message(th.ctx(), b, m.Position)
	th.must(err)
	if got.Status != store.Waiting || got.Size != int64(10+len(bodies[1])+len(bodies[2])) || !got.Expires.Equal(expires) {
		t.Errorf("complete: %+v", got)
	}
	for i, body := range bodies {
		if !bytes.Equal(th.download(got, i+1), body) {
			t.Errorf("chunk %d differs", i+1)
		}
	}
	th.wantInbox("complete", b, m.Position)
	_, err = th.Complete(th.ctx(), b, m.Position, th.clock.Now(), expires, nil)
	th.wantError("complete twice", err, store.ErrNotFound)
	th.wantError("chunk 4", th.Chunk(th.ctx(), &got, 4, io.Discard), store.ErrNotFound)
	// What is complete stays whole however old its chunks are.
	th.clock.advance(2 * 24 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	if !bytes.Equal(th.download(got, 2), bodies[1]) {
		t.Error("a chunk was taken for a leftover")
	}
}

// A client that puts a chunk again, while its first attempt is still under way, has
// one of both stored whole.
func chunkPutTwiceAtOnce(t *testing.T, th *harness) {
	b := th.mailbox("B")
	m := th.sent(b, "", 1)
	m.Status = store.Uploading
	th.must(th.Send(th.ctx(), m, []byte("replaced later"), nil))
	slow, again := bytes.Repeat([]byte("1"), 700<<10), bytes.Repeat([]byte("2"), 600<<10)
	overtaken := func() {
		_, err := th.PutChunk(th.ctx(), b, m.Position, 1, bytes.NewReader(again))
		th.must(err)
	}
	_, err := th.PutChunk(th.ctx(), b, m.Position, 1, io.MultiReader(bytes.NewReader(slow[:300<<10]), &calling{f: overtaken}, bytes.NewReader(slow[300<<10:])))
	th.must(err)
	whole, err := th.Complete(th.ctx(), b, m.Position, th.clock.Now(), th.clock.Now().Add(time.Hour), nil)
	if err != nil || !whole {
		t.Fatalf("complete: %v, %v", whole, err)
	}
	got, err := th.Message(th.ctx(), b, m.Position)
	th.must(err)
	if body := th.download(got, 1); !bytes.Equal(body, again) || got.Size != int64(len(again)) {
		t.Errorf("%d bytes of %d, the last of them %q", len(body), got.Size, body[max(0, len(body)-1):])
	}
}

// calling is a reader that yields nothing, and calls f first.
type calling struct{ f func() }

func (c *calling) Read([]byte) (int, error) {
	c.f()
	return 0, io.EOF
}

func brokenUploads(t *testing.T, th *harness) {
	b := th.mailbox("B")
	m := th.sent(b, "x", 2)
	m.Status = store.Uploading
	th.must(th.Send(th.ctx(), m, []byte("one"), nil))
	orphan := th.NextPosition()
	_, err := th.PutChunk(th.ctx(), b, orphan, 1, bytes.NewReader([]byte("orphan")))
	th.must(err)
	th.clock.advance(25 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	_, err = th.Message(th.ctx(), b, m.Position)
	th.wantError("an upload of yesterday", err, store.ErrNotFound)
	th.wantError("its chunk", th.Chunk(th.ctx(), &m, 1, io.Discard), store.ErrNotFound)
	th.wantError("a chunk without a message", th.Chunk(th.ctx(), &store.Message{Position: orphan}, 1, io.Discard), store.ErrNotFound)
}

func reports(t *testing.T, th *harness) {
	a, b := th.mailbox("A"), th.mailbox("B")
	m := th.sent(b, "x", 1)
	th.must(th.Send(th.ctx(), m, []byte("hello"), nil))
	due, err := th.Overdue(th.ctx(), m.Expires.Add(-time.Second), 10)
	if err != nil || len(due) != 0 {
		t.Errorf("too early: %+v, %v", due, err)
	}
	th.clock.advance(6 * 24 * time.Hour)
	due, err = th.Overdue(th.ctx(), th.clock.Now(), 10)
	if err != nil || len(due) != 1 || due[0].Position != m.Position {
		t.Fatalf("overdue: %+v, %v", due, err)
	}
	report := store.Message{Position: th.NextPosition(), Mailbox: a, Sender: "", Recipient: "A", Workflow: "W1", Type: store.Report,
		Status: store.Waiting, StatusAt: th.clock.Now(), LinkedID: "id", ErrorCode: "14", Chunks: 1}
	given := due[0]
	given.Status, given.StatusAt, given.ErrorCode, given.LinkedID = store.Undeliverable, th.clock.Now(), "14", "id"
	th.must(th.SetStatus(th.ctx(), given, &report))
	th.wantInbox("given up", b)
	th.wantInbox("the report", a, report.Position)
	got, err := th.Message(th.ctx(), b, m.Position)
	if err != nil || got.Status != store.Undeliverable || got.ErrorCode != "14" || got.LinkedID != "id" {
		t.Errorf("given up: %+v, %v", got, err)
	}
	if due, err = th.Overdue(th.ctx(), th.clock.Now(), 10); err != nil || len(due) != 0 {
		t.Errorf("given up already: %+v, %v", due, err)
	}
	th.must(th.Acknowledge(th.ctx(), b, m.Position, th.clock.Now(), nil))
	if got, err = th.Message(th.ctx(), b, m.Position); err != nil || got.Status != store.Undeliverable {
		t.Errorf("acknowledged afterwards: %+v, %v", got, err)
	}
	given.Position = 1
	th.wantError("no such message", th.SetStatus(th.ctx(), given, nil), store.ErrNotFound)
}

func overdueCopies(t *testing.T, th *harness) {
	th.remote("FAR") // its copies are for the courier to judge
	a, b := th.mailbox("A"), th.mailbox("B")
	th.subscribe("A", ofPatient(jack, vaccination))
	th.subscribe("B", ofPatient(jack, vaccination))
	r := th.publish()
	th.must(th.Acknowledge(th.ctx(), a, r.Event, th.clock.Now(), nil))
	later := th.publish()
	m, err := th.Message(th.ctx(), b, r.Event)
	th.must(err)
	if due, err := th.Overdue(th.ctx(), m.Expires.Add(-time.Second), 10); err != nil || len(due) != 0 {
		t.Errorf("too early: %+v, %v", due, err)
	}
	due, err := th.Overdue(th.ctx(), m.Expires, 1)
	if err != nil || len(due) != 1 || due[0].Position != r.Event || due[0].Mailbox != b {
		t.Fatalf("overdue: %+v, %v", due, err)
	}
	due[0].Status, due[0].StatusAt, due[0].ErrorText = store.Undeliverable, m.Expires, "not collected"
	th.must(th.SetStatus(th.ctx(), due[0], nil))
	th.wantInbox("given up", b, later.Event)
	got, err := th.Message(th.ctx(), b, r.Event)
	if err != nil || got.Status != store.Undeliverable || got.ErrorText != "not collected" {
		t.Errorf("given up: %+v, %v", got, err)
	}
	due, err = th.Overdue(th.ctx(), m.Expires.Add(time.Hour), 10)
	if err != nil || len(due) != 2 || due[0].Position != later.Event {
		t.Errorf("the later ones: %+v, %v", due, err)
	}
}
