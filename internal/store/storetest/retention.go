package storetest

import (
	"io"
	"testing"
	"time"

	"nems/internal/store"
)

func retention(t *testing.T, th *harness) {
	a, b := th.mailbox("A"), th.mailbox("B")
	remote, err := th.PutMailbox(th.ctx(), store.Mailbox{ID: "FAR", ODS: "RR8", Remote: true})
	th.must(err)
	th.subscribe("A", ofPatient(jack, vaccination))
	collected := th.publish()
	th.must(th.Acknowledge(th.ctx(), a, collected.Event, th.clock.Now(), nil))
	unread := th.publish()
	th.subscribe("FAR", ofPatient(jack, vaccination))
	waiting := th.publish()
	m := th.sent(b, "", 1)
	th.must(th.Send(th.ctx(), m, []byte("hello"), nil))
	th.clock.advance(29 * 24 * time.Hour)
	fresh := th.publish()
	th.must(th.Housekeep(th.ctx()))
	if _, err := th.EventMessage(th.ctx(), collected.Event); err != nil {
		t.Errorf("too early: %v", err)
	}
	th.clock.advance(2 * 24 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	_, err = th.EventMessage(th.ctx(), collected.Event)
	th.wantError("a delivered event", err, store.ErrNotFound)
	_, err = th.Message(th.ctx(), a, collected.Event)
	th.wantError("its copy", err, store.ErrNotFound)
	th.wantInbox("what nobody collected stays with its message", a, unread.Event, waiting.Event, fresh.Event)
	for _, m := range th.inbox(a) {
		th.download(m, 1)
	}
	n, err := th.Purge(th.ctx(), th.clock.Now().Add(-30*24*time.Hour), 100)
	if err != nil || n != 2 {
		t.Errorf("purged %d, %v", n, err)
	}
	th.wantInbox("purged", a, fresh.Event)
	th.wantInbox("what another MESH has not got yet", remote, waiting.Event, fresh.Event)
	for _, m := range th.inbox(remote) {
		th.download(m, 1)
	}
	th.wantInbox("sent", b)
	th.wantError("its chunk", th.Chunk(th.ctx(), &m, 1, io.Discard), store.ErrNotFound)
}

func resetting(t *testing.T, th *harness) {
	a, b := th.mailbox("A"), th.mailbox("B")
	for _, id := range []string{"A", "B"} {
		th.subscribe(id, ofPatient(jack, vaccination))
	}
	r := th.publish()
	m := th.sent(b, "x", 1)
	th.must(th.Send(th.ctx(), m, []byte("hello"), nil))
	th.must(th.Reset(th.ctx(), a))
	th.wantInbox("the one", a)
	th.wantInbox("the other", b, r.Event, m.Position)
	th.must(th.Reset(th.ctx(), 0))
	th.wantInbox("both", b)
	if found, err := th.SentByLocalID(th.ctx(), "A", "x"); err != nil || len(found) != 0 {
		t.Errorf("sent: %+v, %v", found, err)
	}
	th.publish()
	if n, err := th.Count(th.ctx(), a); n != 1 || err != nil {
		t.Errorf("subscriptions stay: %d, %v", n, err)
	}
}
