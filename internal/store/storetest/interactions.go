package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
)

// recorded are the audit's entries of some actions, in their order.
func (w *world) recorded(actions ...audit.Action) (all []audit.Entry) {
	w.Helper()
	for l, err := range w.Links(w.ctx(), time.Time{}, time.Time{}) {
		w.must(err)
		entries, err := l.Unpack()
		w.must(err)
		for _, e := range entries {
			if slices.Contains(actions, e.Action) {
				all = append(all, e)
			}
		}
	}
	return all
}

// What is done to mailboxes is recorded with it: about the patient of the event,
// and only when it was done.
func interactions(t *testing.T, w *world) {
	a, b := w.mailbox("A"), w.mailbox("B")
	w.subscribe("A", ofPatient(jack, vaccination))
	r := w.publish(func(a *store.Acceptance) { a.Patient = jack })
	w.wantCopyAbout("waiting", a, r.Event, jack)
	entry := func(action audit.Action) *audit.Entry {
		return &audit.Entry{At: epoch, Action: action, Mailbox: "A", Object: "message", Status: 200}
	}
	at, later := w.clock.Now(), w.clock.Now().Add(time.Hour)
	w.wantError("another's", w.Acknowledge(w.ctx(), b, r.Event, at, entry("refused")), store.ErrNotFound)
	for range 2 { // the second time changes nothing, and is told of
		w.must(w.Acknowledge(w.ctx(), a, r.Event, at, entry("acknowledge")))
	}
	w.wantCopyAbout("collected", a, r.Event, jack)
	m, chunked := w.sent(b, "whole", 1), w.sent(b, "chunked", 2)
	chunked.Status = store.Uploading
	w.must(w.Send(w.ctx(), m, []byte("hello"), entry("send")))
	w.must(w.Acknowledge(w.ctx(), b, m.Position, at, entry("acknowledge-sent")))
	w.must(w.Send(w.ctx(), chunked, []byte("one"), entry("send")))
	if whole, err := w.Complete(w.ctx(), b, chunked.Position, at, later, entry("too early")); whole || err != nil {
		t.Errorf("complete without its second chunk: %v, %v", whole, err)
	}
	_, err := w.PutChunk(w.ctx(), b, chunked.Position, 2, strings.NewReader("two"))
	w.must(err)
	if whole, err := w.Complete(w.ctx(), b, chunked.Position, at, later, entry("complete")); !whole || err != nil {
		t.Errorf("complete: %v, %v", whole, err)
	}
	w.fixture.Stop(t)
	w.reopen()
	var got []audit.Action
	for _, e := range w.recorded("refused", "acknowledge", "send", "acknowledge-sent", "too early", "complete") {
		got = append(got, e.Action)
		want := nhs.NHSNumber{}
		if e.Action == "acknowledge" {
			want = jack
		}
		if e.Patient != want || e.Mailbox != "A" || e.Object != "message" {
			t.Errorf("%s: of %s, about %s and %q", e.Action, e.Mailbox, e.Object, e.Patient.Digits())
		}
	}
	slices.Sort(got) // on PostgreSQL they join later commits
	if want := []audit.Action{"acknowledge", "acknowledge", "acknowledge-sent", "complete", "send", "send"}; !slices.Equal(got, want) {
		t.Errorf("recorded: %v", got)
	}
	w.verify()
}

func (w *world) wantCopyAbout(what string, mailbox int64, position store.EventID, want nhs.NHSNumber) {
	w.Helper()
	m, err := w.Message(w.ctx(), mailbox, position)
	w.must(err)
	if err := w.Chunk(w.ctx(), &m, 1, &aware{&m, want}); err != nil {
		w.Errorf("%s: %v", what, err)
	}
}

// aware fails where a message is written before it is known whom it is about.
type aware struct {
	m    *store.Message
	want nhs.NHSNumber
}

func (a *aware) Write(p []byte) (int, error) {
	if a.m.Patient != a.want {
		return 0, fmt.Errorf("the copy is about %q", a.m.Patient.Digits())
	}
	return len(p), nil
}

// A store that can no longer commit says so before entries are lost.
func noRoom(t *testing.T, w *world) {
	w.must(w.RecordRoom("A"))
	w.fixture.Stop(t)
	taken := 0
	for ; w.RecordRoom("A") == nil && taken < 1<<16; taken++ {
		w.Record(entry("download"))
	}
	if err := w.RecordRoom("A"); !errors.Is(err, store.ErrBusy) || taken < 1000 {
		t.Errorf("after %d entries: %v", taken, err)
	}
}
