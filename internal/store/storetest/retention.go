package storetest

import (
	"io"
	"testing"
	"time"

	"nems/internal/store"
)

func retention(t *testing.T, w *world) {
	a, b := w.mailbox("A"), w.mailbox("B")
	remote, err := w.PutMailbox(w.ctx(), store.Mailbox{ID: "FAR", ODS: "RR8", Remote: true})
	w.must(err)
	w.subscribe("A", ofPatient(jack, vaccination))
	collected := w.publish()
	w.must(w.Acknowledge(w.ctx(), a, collected.Event, w.clock.Now(), nil))
	unread := w.publish()
	w.subscribe("FAR", ofPatient(jack, vaccination))
	waiting := w.publish()
	m := w.sent(b, "", 1)
	w.must(w.Send(w.ctx(), m, []byte("hello"), nil))
	w.clock.advance(29 * 24 * time.Hour)
	fresh := w.publish()
	w.must(w.Housekeep(w.ctx()))
	if _, err := w.EventMessage(w.ctx(), collected.Event); err != nil {
		t.Errorf("too early: %v", err)
	}
	w.clock.advance(2 * 24 * time.Hour)
	w.must(w.Housekeep(w.ctx()))
	_, err = w.EventMessage(w.ctx(), collected.Event)
	w.wantError("a delivered event", err, store.ErrNotFound)
	_, err = w.Message(w.ctx(), a, collected.Event)
	w.wantError("its copy", err, store.ErrNotFound)
	w.wantInbox("what nobody collected stays with its message", a, unread.Event, waiting.Event, fresh.Event)
	for _, m := range w.inbox(a) {
		w.download(m, 1)
	}
	n, err := w.Purge(w.ctx(), w.clock.Now().Add(-30*24*time.Hour), 100)
	if err != nil || n != 2 {
		t.Errorf("purged %d, %v", n, err)
	}
	w.wantInbox("purged", a, fresh.Event)
	w.wantInbox("what another MESH has not got yet", remote, waiting.Event, fresh.Event)
	for _, m := range w.inbox(remote) {
		w.download(m, 1)
	}
	w.wantInbox("sent", b)
	w.wantError("its chunk", w.Chunk(w.ctx(), &m, 1, io.Discard), store.ErrNotFound)
}

func resetting(t *testing.T, w *world) {
	a, b := w.mailbox("A"), w.mailbox("B")
	for _, id := range []string{"A", "B"} {
		w.subscribe(id, ofPatient(jack, vaccination))
	}
	r := w.publish()
	m := w.sent(b, "x", 1)
	w.must(w.Send(w.ctx(), m, []byte("hello"), nil))
	w.must(w.Reset(w.ctx(), a))
	w.wantInbox("the one", a)
	w.wantInbox("the other", b, r.Event, m.Position)
	w.must(w.Reset(w.ctx(), 0))
	w.wantInbox("both", b)
	if found, err := w.SentByLocalID(w.ctx(), "A", "x"); err != nil || len(found) != 0 {
		t.Errorf("sent: %+v, %v", found, err)
	}
	w.publish()
	if n, err := w.Count(w.ctx(), a); n != 1 || err != nil {
		t.Errorf("subscriptions stay: %d, %v", n, err)
	}
}
