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
func (th *harness) recorded(actions ...audit.Action) (all []audit.Entry) {
	th.Helper()
	for l, err := range th.Links(th.ctx(), time.Time{}, time.Time{}) {
		th.must(err)
		entries, err := l.Unpack()
		th.must(err)
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
func interactions(t *testing.T, th *harness) {
	a, b := th.mailbox("A"), th.mailbox("B")
	th.subscribe("A", ofPatient(jack, vaccination))
	r := th.publish(func(a *store.Acceptance) { a.Patient = jack })
	th.wantCopyAbout("waiting", a, r.Event, jack)
	entry := func(action audit.Action) *audit.Entry {
		return &audit.Entry{At: epoch, Action: action, Mailbox: "A", Object: "message", Status: 200}
	}
	at, later := th.clock.Now(), th.clock.Now().Add(time.Hour)
	th.wantError("another's", th.Acknowledge(th.ctx(), b, r.Event, at, entry("refused")), store.ErrNotFound)
	for range 2 { // the second time changes nothing, and is told of
		th.must(th.Acknowledge(th.ctx(), a, r.Event, at, entry("acknowledge")))
	}
	th.wantCopyAbout("collected", a, r.Event, jack)
	m, chunked := th.sent(b, "whole", 1), th.sent(b, "chunked", 2)
	chunked.Status = store.Uploading
	th.must(th.Send(th.ctx(), m, []byte("hello"), entry("send")))
	th.must(th.Acknowledge(th.ctx(), b, m.Position, at, entry("acknowledge-sent")))
	th.must(th.Send(th.ctx(), chunked, []byte("one"), entry("send")))
	if whole, err := th.Complete(th.ctx(), b, chunked.Position, at, later, entry("too early")); whole || err != nil {
		t.Errorf("complete without its second chunk: %v, %v", whole, err)
	}
	_, err := th.PutChunk(th.ctx(), b, chunked.Position, 2, strings.NewReader("two"))
	th.must(err)
	if whole, err := th.Complete(th.ctx(), b, chunked.Position, at, later, entry("complete")); !whole || err != nil {
		t.Errorf("complete: %v, %v", whole, err)
	}
	th.fixture.Stop(t)
	th.reopen()
	var got []audit.Action
	for _, e := range th.recorded("refused", "acknowledge", "send", "acknowledge-sent", "too early", "complete") {
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
	th.verify()
}

func (th *harness) wantCopyAbout(what string, mailbox int64, position store.EventID, want nhs.NHSNumber) {
	th.Helper()
	m, err := th.Message(th.ctx(), mailbox, position)
	th.must(err)
	if err := th.Chunk(th.ctx(), &m, 1, &aware{&m, want}); err != nil {
		th.Errorf("%s: %v", what, err)
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
func noRoom(t *testing.T, th *harness) {
	th.must(th.RecordRoom("A"))
	th.fixture.Stop(t)
	taken := 0
	for ; th.RecordRoom("A") == nil && taken < 1<<16; taken++ {
		th.Record(entry("download"))
	}
	if err := th.RecordRoom("A"); !errors.Is(err, store.ErrBusy) || taken < 1000 {
		t.Errorf("after %d entries: %v", taken, err)
	}
}
