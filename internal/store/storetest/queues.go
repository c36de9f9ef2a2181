package storetest

import (
	"slices"
	"testing"
	"time"

	"nems/internal/store"
)

// What waits for remote mailboxes is told of each, the deepest first: what was
// sent, or parked, waits no longer.
func backlogs(t *testing.T, w *world) {
	w.wantBacklogs("no mailboxes")
	w.remote("FAR")
	first := w.publish().Event
	w.clock.advance(time.Minute)
	w.remote("NEAR")
	second := w.publish().Event
	third := w.publish().Event
	_, err := w.PutMailbox(w.ctx(), store.Mailbox{ID: "IDLE", ODS: "RR8", Remote: true})
	w.must(err)
	w.mailbox("HERE")
	w.subscribe("HERE", ofPatient(jack, vaccination))
	w.wantBacklogs("at first", store.Backlog{MailboxID: "FAR", Waiting: 3, Oldest: w.Moment(first)},
		store.Backlog{MailboxID: "NEAR", Waiting: 2, Oldest: w.Moment(second)}, store.Backlog{MailboxID: "IDLE"})

	lanes, err := w.ClaimLanes(w.ctx(), "one", lease, 10)
	w.must(err)
	far := lanes[slices.IndexFunc(lanes, func(l store.Lane) bool { return l.MailboxID == "FAR" })]
	for i, d := range w.next(far)[:2] {
		d.At, d.State = w.clock.Now(), []store.State{store.Sent, store.Parked}[i]
		w.must(w.Settle(w.ctx(), far, d, lease))
	}
	w.wantBacklogs("one is sent, one parked", store.Backlog{MailboxID: "NEAR", Waiting: 2, Oldest: w.Moment(second)},
		store.Backlog{MailboxID: "FAR", Waiting: 1, Oldest: w.Moment(third), Parked: 1}, store.Backlog{MailboxID: "IDLE"})
	if some, err := w.Backlogs(w.ctx(), 1); err != nil || len(some) != 1 || some[0].MailboxID != "NEAR" {
		t.Errorf("the deepest alone: %+v, %v", some, err)
	}
}

func (w *world) wantBacklogs(what string, want ...store.Backlog) {
	w.Helper()
	if got, err := w.Backlogs(w.ctx(), 10); err != nil || !slices.Equal(got, want) {
		w.Errorf("%s: expected %+v; received %+v, %v", what, want, got, err)
	}
}

// What waits in mailboxes here is told of each, those that have waited longest
// first; what is parked for them is not theirs yet, and told apart.
func waitingHere(t *testing.T, w *world) {
	a, b := w.mailbox("A"), w.mailbox("B")
	w.mailbox("EMPTY")
	w.wantUncollected("nothing was published")
	w.subscribe("A", ofPatient(jack, vaccination))
	first := w.publish().Event
	w.subscribe("B", ofPatient(jack, vaccination))
	w.clock.advance(time.Minute)
	second := w.publish().Event
	third := w.publish().Event
	w.wantUncollected("both", store.Uncollected{MailboxID: "A", Oldest: w.Moment(first)}, store.Uncollected{MailboxID: "B", Oldest: w.Moment(second)})
	for _, event := range []store.EventID{first, second} {
		w.must(w.Acknowledge(w.ctx(), a, event, w.clock.Now(), nil))
	}
	w.wantUncollected("A has collected", store.Uncollected{MailboxID: "B", Oldest: w.Moment(second)}, store.Uncollected{MailboxID: "A", Oldest: w.Moment(third)})
	if some, err := w.Uncollected(w.ctx(), 1); err != nil || len(some) != 1 || some[0].MailboxID != "B" {
		t.Errorf("who has waited longest alone: %+v, %v", some, err)
	}

	w.wantParkedHere("all are registered")
	w.register("A")
	w.publish()
	w.register()
	w.publish()
	w.wantParkedHere("the most first", store.ParkedHere{MailboxID: "B", Copies: 2}, store.ParkedHere{MailboxID: "A", Copies: 1})
	if some, err := w.ParkedHere(w.ctx(), 1); err != nil || len(some) != 1 || some[0].MailboxID != "B" {
		t.Errorf("who has the most alone: %+v, %v", some, err)
	}
	for _, event := range []store.EventID{second, third} {
		w.must(w.Acknowledge(w.ctx(), b, event, w.clock.Now(), nil))
	}
	fourth := w.inbox(a)[1].Position
	w.must(w.Acknowledge(w.ctx(), a, third, w.clock.Now(), nil))
	w.wantUncollected("what is parked cannot be collected", store.Uncollected{MailboxID: "A", Oldest: w.Moment(fourth)})
}
