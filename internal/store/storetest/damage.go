package storetest

import (
	"testing"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

// Spoiled says what Fixture.Spoil makes unreadable of subscriptions.
type Spoiled string

// What is stored of a subscription twice over.
const (
	// SpoiledCriteria: the text of the criteria, which reading parses.
	SpoiledCriteria Spoiled = "criteria"
	// SpoiledCandidates: what matching reads.
	SpoiledCandidates Spoiled = "candidates"
)

// A subscription that cannot be read matches no more, stays to be read as far as
// it can be, and is listed until its owner deletes it. The others go on.
func quarantined(t *testing.T, th *harness) {
	for _, what := range []Spoiled{SpoiledCriteria, SpoiledCandidates} {
		t.Run(string(what), func(t *testing.T) {
			box := th.mailbox(string(what))
			spoiled := th.subscribe(string(what), ofPatient(jack, vaccination))
			th.wantQuarantined("at first")
			th.fixture.Spoil(t, what)
			th.clock.advance(time.Millisecond) // ids of one moment have no order
			sound := th.subscribe(string(what), ofPatient(other, vaccination))

			read, err := th.Subscription(th.ctx(), spoiled.ID)
			th.must(err)
			if read.ODS != spoiled.ODS || read.Criteria.Text == "" {
				t.Errorf("reading it: %+v", read)
			}
			list, err := th.Subscriptions(th.ctx(), store.SubscriptionQuery{ODS: spoiled.ODS, Max: 10})
			if err != nil || len(list) != 2 || list[0].ID != spoiled.ID || list[1].ID != sound.ID {
				t.Errorf("listing both: %d, %v", len(list), err)
			}
			if what == SpoiledCriteria { // until then it may match, as it was meant to
				th.wantQuarantined("found by reading", spoiled.ID.String())
			}
			if r := th.publish(); r.Copies != 0 {
				t.Errorf("it matches still: %+v", r)
			}
			r, err := th.AcceptEvent(th.ctx(), th.acceptance(other, message(1)))
			if th.must(err); r.Copies != 1 {
				t.Errorf("the sound one does not match: %+v", r)
			}
			th.wantInbox("of the sound one alone", box, r.Event)
			th.wantQuarantined("found", spoiled.ID.String())
			for _, s := range list {
				th.must(th.Delete(th.ctx(), s.ID, entry("delete")))
			}
			th.wantQuarantined("deleted")
		})
	}
}

// wantQuarantined waits for a list: who finds an unreadable one does not wait
// for the commit that sets it aside.
func (th *harness) wantQuarantined(when string, want ...string) {
	th.Helper()
	th.eventually(when+": the quarantined subscriptions are listed", func() bool {
		list, err := th.QuarantinedAfter(th.ctx(), subscription.ID{}, 100)
		th.must(err)
		if len(list) != len(want) {
			return false
		}
		for i, q := range list {
			if q.ID.String() != want[i] || q.Reason == "" || !q.At.Equal(th.clock.Now()) {
				th.Errorf("%s: expected %v; received %+v", when, want, list)
			}
		}
		return true
	})
}
