package storetest

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/store"
	"nems/internal/subscription"
)

// acceptedEvents are found by their ids, with what they were matched by.
func acceptedEvents(t *testing.T, th *harness) {
	th.mailbox("MAILBOX1")
	born := time.Date(2017, 10, 2, 0, 0, 0, 0, time.UTC)
	known := func(a *store.Acceptance) {
		a.Patient, a.MessageID = jack, "0a0aa0f4-8f5c-4a1c-9b5a-2f3f7a1d0001"
		a.Facts.BirthDate, a.Facts.Registered = born, new(true)
	}
	direct := th.publish(known)
	th.publish() // between them
	later := th.publish(known, postponed)
	withheld := th.publish(known, func(a *store.Acceptance) { a.Withheld = true })
	refused := th.publish(postponed)

	wantFacts := func(what string, event store.EventID, want *subscription.Facts) store.AcceptedEvent {
		t.Helper()
		e, err := th.AcceptedEvent(th.ctx(), event)
		th.must(err)
		if want != nil {
			want.EventCode, want.At = vaccination, th.Moment(event)
		}
		if diff := cmp.Diff(want, e.Facts); diff != "" || e.Event != event || e.Code != vaccination || !e.At.Equal(th.Moment(event)) || e.Publisher == "" || e.Size == 0 {
			t.Errorf("%s: %v (-expected +received):\n%s", what, e.Event, diff)
		}
		return e
	}
	expected := th.acceptance(jack, nil)
	known(&expected)
	facts := expected.Facts
	if e := wantFacts("matched at once", direct.Event, &facts); e.Patient != jack || e.Waiting || e.Withheld || e.MessageID != "0a0aa0f4-8f5c-4a1c-9b5a-2f3f7a1d0001" {
		t.Errorf("matched at once: %+v", e.Event)
	}
	if e := wantFacts("not routed yet", later.Event, nil); !e.Waiting || e.Refusal != "" {
		t.Errorf("not routed yet: waiting %t, refusal %q", e.Waiting, e.Refusal)
	}
	_, err := th.RouteEvent(th.ctx(), th.routed(later.Event, func(r *store.Routing) { r.Facts.BirthDate, r.Facts.Registered = born, new(true) }))
	th.must(err)
	if e := wantFacts("routed", later.Event, &facts); e.Waiting {
		t.Error("routed: it waits still")
	}
	if e := wantFacts("withheld", withheld.Event, &facts); !e.Withheld {
		t.Error("withheld: it is not")
	}
	_, err = th.RouteEvent(th.ctx(), th.routed(refused.Event, func(r *store.Routing) { r.Refusal = "no such patient" }))
	th.must(err)
	if e := wantFacts("refused", refused.Event, nil); e.Waiting || e.Refusal != "no such patient" {
		t.Errorf("refused: waiting %t, refusal %q", e.Waiting, e.Refusal)
	}
	_, err = th.AcceptedEvent(th.ctx(), direct.Event+1)
	th.wantError("no such event", err, store.ErrNotFound)

	for _, id := range []string{"0a0aa0f4-8f5c-4a1c-9b5a-2f3f7a1d0001", "0A0AA0F4-8F5C-4A1C-9B5A-2F3F7A1D0001"} {
		got, err := th.EventByMessageID(th.ctx(), id, time.Time{})
		if th.must(err); got != withheld.Event {
			t.Errorf("by %s: expected the newest, %d; received %d", id, withheld.Event, got)
		}
	}
	_, err = th.EventByMessageID(th.ctx(), "0a0aa0f4-8f5c-4a1c-9b5a-2f3f7a1d0001", th.clock.Now().Add(time.Hour))
	th.wantError("since later", err, store.ErrNotFound)
}

// explainedCopies are listed by event, subscriptions by route key.
func explainedCopies(t *testing.T, th *harness) {
	boxes := []string{"MAILBOX1", "MAILBOX2", "MAILBOX3"}
	var subscriptions []subscription.ID
	for _, id := range boxes {
		th.mailbox(id)
		subscriptions = append(subscriptions, th.subscribe(id, ofPatient(jack, vaccination)).ID)
	}
	event := th.publish().Event
	th.publish()
	box, err := th.Mailbox(th.ctx(), "MAILBOX2")
	th.must(err)
	th.must(th.Acknowledge(th.ctx(), box.Row, event, th.clock.Now(), nil))

	var after int64
	for i, want := range boxes {
		got, err := th.EventDeliveries(th.ctx(), event, after, 1)
		th.must(err)
		if len(got) != 1 || got[0].MailboxID != want || got[0].Event != event || !cmp.Equal(got[0].Subscriptions, subscriptions[i:i+1]) ||
			(got[0].State == store.Acknowledged) != (i == 1) {
			t.Fatalf("copy %d: expected one of %s; received %+v", i, want, got)
		}
		after = got[0].Mailbox
	}
	if got, err := th.EventDeliveries(th.ctx(), event, after, 1); err != nil || len(got) != 0 {
		t.Errorf("behind the last: %+v, %v", got, err)
	}

	slices.SortFunc(subscriptions, func(a, b subscription.ID) int { return bytes.Compare(a[:], b[:]) })
	key := subscription.RouteKey{Kind: subscription.ByPatient, Value: jack.Digits()}
	for i, want := range subscriptions {
		var last subscription.ID
		if i > 0 {
			last = subscriptions[i-1]
		}
		got, err := th.SubscriptionsUnder(th.ctx(), key, last, 1)
		th.must(err)
		if len(got) != 1 || got[0].ID != want {
			t.Errorf("subscription %d: received %+v", i, got)
		}
	}
	key.Kind = subscription.ByPractice
	if got, err := th.SubscriptionsUnder(th.ctx(), key, subscription.ID{}, 1); err != nil || len(got) != 0 {
		t.Errorf("under another key: %+v, %v", got, err)
	}
}
