package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"nems/internal/store"
)

func overviews(t *testing.T, th *harness) {
	th.mailbox("A")
	th.mailbox("B")
	ended := th.subscription("A", ofPatient(other, vaccination))
	ended.End = epoch.Add(time.Hour)
	th.must(th.Subscribe(th.ctx(), ended, entry("subscribe")))
	deleted := th.subscribe("B", ofPatient(other, vaccination))
	th.must(th.Delete(th.ctx(), deleted.ID, entry("delete")))
	th.subscribe("A", ofPatient(jack, vaccination))
	var latest store.EventID
	for range 3 {
		latest = th.publish().Event
	}
	th.wantOverview("at first", 3, 2, 3, latest)
	th.fixture.Crash(t)
	th.reopen()
	th.wantOverview("after a crash", 3, 2, 3, latest)

	th.clock.advance(2 * time.Hour)
	th.must(th.Housekeep(th.ctx())) // which notes the figures
	latest = th.publish().Event
	th.wantOverview("when one has ended", 4, 1, 4, latest)
	removed, err := th.Purge(th.ctx(), epoch.Add(time.Hour), 2)
	if th.must(err); removed != 2 {
		t.Fatalf("expected to remove 2; removed %d", removed)
	}
	th.wantOverview("after a purge", 2, 1, 2, latest)
	th.fixture.Stop(t)
	th.reopen()
	th.wantOverview("after a restart", 2, 1, 2, latest)
}

func (th *harness) wantOverview(when string, events, subscriptions, waiting int64, latest store.EventID) {
	th.Helper()
	o, err := th.Overview(th.ctx(), 1)
	th.must(err)
	want := [3]store.Figure{{N: events}, {N: subscriptions}, {N: waiting}}
	if got := [3]store.Figure{o.Events, o.Subscriptions, o.Waiting}; got != want {
		th.Errorf("%s: expected %+v events, subscriptions and copies; received %+v", when, want, got)
	}
	if len(o.Latest) != 1 || o.Latest[0].Event != latest || o.Latest[0].Copies != 1 {
		th.Errorf("%s: expected event %d with one copy as the latest; received %+v", when, latest, o.Latest)
	}
	if len(o.Mailboxes) != 2 || o.Mailboxes[0].ID != "A" || o.Mailboxes[0].Waiting.N != waiting || o.Mailboxes[0].Oldest.IsZero() ||
		o.Mailboxes[1].Waiting != (store.Figure{}) || !o.Mailboxes[1].Oldest.IsZero() {
		th.Errorf("%s: mailboxes: %+v", when, o.Mailboxes)
	}
}

// More than an overview counts shows as such.
func largeOverviews(t *testing.T, th *harness) {
	for n := range store.MostBoxes + 1 {
		th.mailbox(fmt.Sprintf("BOX%03d", n))
	}
	th.subscribe("BOX000", ofPatient(jack, vaccination))
	for range store.MostWaiting {
		th.publish()
	}
	o, err := th.Overview(th.ctx(), 1)
	th.must(err)
	if all := (store.Figure{N: store.MostWaiting}); o.Mailboxes[0].Waiting != all {
		t.Errorf("expected %+v; received %+v", all, o.Mailboxes[0].Waiting)
	}
	th.publish()
	o, err = th.Overview(th.ctx(), 1)
	th.must(err)
	more := store.Figure{N: store.MostWaiting, AtLeast: true}
	if o.Mailboxes[0].Waiting != more || o.Waiting != more || len(o.Mailboxes) != store.MostBoxes || !o.MoreMailboxes {
		t.Errorf("expected %+v and %d mailboxes of more; received %+v, %+v, %d, %t",
			more, store.MostBoxes, o.Mailboxes[0].Waiting, o.Waiting, len(o.Mailboxes), o.MoreMailboxes)
	}
}

// WithoutViewers holds every connection for what people look at, by as many
// reads as look starts, none of which ends by itself, and shows that machines do
// not notice, that whoever looks meanwhile is told to come back, and that the
// reads end with their contexts.
func WithoutViewers(t *testing.T, db Store, look func(ctx context.Context, started func()) error, viewers int) {
	box, err := db.PutMailbox(t.Context(), store.Mailbox{ID: "A", ODS: "RR8", Password: "password"})
	if err != nil {
		t.Fatal(err)
	}
	s := AboutPatient(t, Numbered(1), "A")
	ctx, cancel := context.WithCancel(t.Context())
	var hanging, started sync.WaitGroup
	for range viewers {
		started.Add(1)
		hanging.Go(func() {
			if err := look(ctx, started.Done); err == nil {
				t.Error("a read that hangs: expected it to be broken off")
			}
		})
	}
	started.Wait()
	defer hanging.Wait()
	defer cancel()

	if err := db.Subscribe(t.Context(), s, entry("subscribe")); err != nil {
		t.Error(err)
	}
	r, err := db.AcceptEvent(t.Context(), EventAbout(db.NextPosition(), Numbered(1), store.Body{}))
	if err != nil || r.Copies != 1 {
		t.Errorf("publishing: expected one copy; received %d, %v", r.Copies, err)
	}
	if _, err := db.Message(t.Context(), box, r.Event); err != nil {
		t.Errorf("collecting: %v", err)
	}
	if err := db.Acknowledge(t.Context(), box, r.Event, epoch, nil); err != nil {
		t.Errorf("acknowledging: %v", err)
	}
	gone, leave := context.WithDeadline(t.Context(), time.Now())
	defer leave()
	for name, f := range map[string]func() error{
		"the overview": func() error { _, err := db.Overview(gone, 1); return err },
		"a search": func() error {
			_, err := db.Subscriptions(gone, store.SubscriptionQuery{ODS: "RR8", Max: 1})
			return err
		},
		"a count": func() error {
			_, err := db.CountSubscriptions(gone, store.SubscriptionQuery{ODS: "RR8", Max: 1})
			return err
		},
		"metrics": func() error { _, err := db.Backlogs(gone, 1); return err },
		"a list":  func() error { _, err := db.DeliveryPage(gone, store.DeliveryQuery{Mailbox: "A", Max: 1}); return err },
	} {
		if err := f(); !errors.Is(err, store.ErrBusy) {
			t.Errorf("%s: expected %v; received %v", name, store.ErrBusy, err)
		}
	}
}
