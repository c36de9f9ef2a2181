package storetest

import (
	"slices"
	"testing"
	"time"

	"nems/internal/store"
)

// What waits for remote mailboxes is told of each, the deepest first: what was
// sent, or parked, waits no longer.
func backlogs(t *testing.T, th *harness) {
	th.wantBacklogs("no mailboxes")
	th.remote("FAR")
	first := th.publish().Event
	th.clock.advance(time.Minute)
	th.remote("NEAR")
	second := th.publish().Event
	third := th.publish().Event
	_, err := th.PutMailbox(th.ctx(), store.Mailbox{ID: "IDLE", ODS: "RR8", Remote: true})
	th.must(err)
	th.mailbox("HERE")
	th.subscribe("HERE", ofPatient(jack, vaccination))
	th.wantBacklogs("at first", store.Backlog{MailboxID: "FAR", Waiting: 3, Oldest: th.Moment(first)},
		store.Backlog{MailboxID: "NEAR", Waiting: 2, Oldest: th.Moment(second)}, store.Backlog{MailboxID: "IDLE"})

	lanes, err := th.ClaimLanes(th.ctx(), "one", lease, 10)
	th.must(err)
	far := lanes[slices.IndexFunc(lanes, func(l store.Lane) bool { return l.MailboxID == "FAR" })]
	for i, d := range th.next(far)[:2] {
		d.At, d.State = th.clock.Now(), []store.State{store.Sent, store.Parked}[i]
		th.must(th.Settle(th.ctx(), far, d, lease))
	}
	th.wantBacklogs("one is sent, one parked", store.Backlog{MailboxID: "NEAR", Waiting: 2, Oldest: th.Moment(second)},
		store.Backlog{MailboxID: "FAR", Waiting: 1, Oldest: th.Moment(third), Parked: 1}, store.Backlog{MailboxID: "IDLE"})
	if some, err := th.Backlogs(th.ctx(), 1); err != nil || len(some) != 1 || some[0].MailboxID != "NEAR" {
		t.Errorf("the deepest alone: %+v, %v", some, err)
	}
}

func (th *harness) wantBacklogs(what string, want ...store.Backlog) {
	th.Helper()
	if got, err := th.Backlogs(th.ctx(), 10); err != nil || !slices.Equal(got, want) {
		th.Errorf("%s: expected %+v; received %+v, %v", what, want, got, err)
	}
}

// What waits in mailboxes here is told of each, those that have waited longest
// first; what is parked for them is not theirs yet, and told apart.
func waitingHere(t *testing.T, th *harness) {
	a, b := th.mailbox("A"), th.mailbox("B")
	th.mailbox("EMPTY")
	th.wantUncollected("nothing was published")
	th.subscribe("A", ofPatient(jack, vaccination))
	first := th.publish().Event
	th.subscribe("B", ofPatient(jack, vaccination))
	th.clock.advance(time.Minute)
	second := th.publish().Event
	third := th.publish().Event
	th.wantUncollected("both", store.Uncollected{MailboxID: "A", Oldest: th.Moment(first)}, store.Uncollected{MailboxID: "B", Oldest: th.Moment(second)})
	for _, event := range []store.EventID{first, second} {
		th.must(th.Acknowledge(th.ctx(), a, event, th.clock.Now(), nil))
	}
	th.wantUncollected("A has collected", store.Uncollected{MailboxID: "B", Oldest: th.Moment(second)}, store.Uncollected{MailboxID: "A", Oldest: th.Moment(third)})
	if some, err := th.Uncollected(th.ctx(), 1); err != nil || len(some) != 1 || some[0].MailboxID != "B" {
		t.Errorf("who has waited longest alone: %+v, %v", some, err)
	}

	th.wantParkedHere("all are registered")
	th.register("A")
	th.publish()
	th.register()
	th.publish()
	th.wantParkedHere("the most first", store.ParkedHere{MailboxID: "B", Copies: 2}, store.ParkedHere{MailboxID: "A", Copies: 1})
	if some, err := th.ParkedHere(th.ctx(), 1); err != nil || len(some) != 1 || some[0].MailboxID != "B" {
		t.Errorf("who has the most alone: %+v, %v", some, err)
	}
	for _, event := range []store.EventID{second, third} {
		th.must(th.Acknowledge(th.ctx(), b, event, th.clock.Now(), nil))
	}
	fourth := th.inbox(a)[1].Position
	th.must(th.Acknowledge(th.ctx(), a, third, th.clock.Now(), nil))
	th.wantUncollected("what is parked cannot be collected", store.Uncollected{MailboxID: "A", Oldest: th.Moment(fourth)})
}
