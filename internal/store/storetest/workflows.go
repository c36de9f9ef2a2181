package storetest

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"nems/internal/store"
)

// register restricts the workflow of the tests' events to mailboxes.
func (th *harness) register(receivers ...string) {
	th.Helper()
	th.must(th.PutWorkflow(th.ctx(), store.Workflow{ID: "VACCINATIONS_1", Senders: []string{"NEMS"}, Receivers: receivers}))
}

// wantParked compares the events whose copies for a mailbox are parked because
// it is not registered, and returns those deliveries.
func (th *harness) wantParked(what, mailbox string, want ...store.EventID) []store.Delivery {
	th.Helper()
	parked, err := th.deliveries(store.DeliveryQuery{Mailbox: mailbox, State: store.Parked, Max: 1000})
	th.must(err)
	var got []store.EventID
	for _, d := range parked {
		got = append(got, d.Event)
		if d.ErrorCode != "17" || d.ErrorEvent != "SEND" || d.ErrorText == "" || len(d.Subscriptions) != 1 || d.Size != int64(len(message(1))) {
			th.Errorf("%s: %+v", what, d)
		}
	}
	if !slices.Equal(got, want) {
		th.Errorf("%s: expected %v parked for %s, got %v", what, want, mailbox, got)
	}
	return parked
}

// wantParkedHere compares what the metrics see.
func (th *harness) wantParkedHere(what string, want ...store.ParkedHere) {
	th.Helper()
	if got, err := th.ParkedHere(th.ctx(), 10); err != nil || !slices.Equal(got, want) {
		th.Errorf("%s: expected %+v, got %+v, %v", what, want, got, err)
	}
}

// A mailbox served here that is not registered for a workflow gets nothing of
// it: its copies are parked, and go to it once it is registered.
func notRegistered(t *testing.T, th *harness) {
	th.remote("FAR")
	a, b := th.mailbox("A"), th.mailbox("B")
	th.subscribe("A", ofPatient(jack, vaccination)+"&tag=abc")
	th.subscribe("B", ofPatient(jack, vaccination))
	open := th.publish()
	th.register("b")
	first := th.publish()
	other := th.publish(func(a *store.Acceptance) { a.Workflow = "OPEN_TO_ALL" })
	second := th.publish()
	if first.Copies != 3 {
		t.Errorf("a parked copy is a copy: %+v", first)
	}
	th.wantInbox("not registered", a, open.Event, other.Event)
	th.wantInbox("registered", b, open.Event, first.Event, other.Event, second.Event)
	th.wantParked("registered", "B")
	if l := th.claim("courier"); len(th.next(l)) != 4 {
		t.Error("what a remote mailbox may be given is for its MESH to say")
	}
	th.fixture.Crash(t)
	th.reopen()
	parked := th.wantParked("after a crash", "A", first.Event, second.Event)
	th.wantParkedHere("two wait", store.ParkedHere{MailboxID: "A", Copies: 2})
	if d := parked[0]; d.PartnerID == "" || !d.At.Equal(th.clock.Now()) || d.ID != store.DeliveryID(first.Event, a) {
		t.Errorf("parked: %+v", d)
	}

	th.wantError("not registered yet", th.RetryDelivery(th.ctx(), parked[0].ID, th.clock.Now(), entry("retry")), store.ErrNotFound)
	th.wantParked("not registered yet", "A", first.Event, second.Event)
	th.register("A", "B")
	third := th.publish()
	th.wantInbox("registered since", a, open.Event, other.Event, third.Event)
	th.must(th.RetryDelivery(th.ctx(), parked[0].ID, th.clock.Now(), entry("retry")))
	th.wantInbox("in its place", a, open.Event, first.Event, other.Event, third.Event)
	if got := th.download(th.inbox(a)[1], 1); !bytes.Equal(got, message(1)) {
		t.Error("the copy differs from the message")
	}
	th.wantParkedHere("one waits", store.ParkedHere{MailboxID: "A", Copies: 1})
	th.must(th.Acknowledge(th.ctx(), a, first.Event, th.clock.Now(), nil))
	th.register("B")
	th.wantError("registered no more", th.ResendDelivery(th.ctx(), parked[0].ID, th.clock.Now(), entry("resend")), store.ErrNotFound)
	th.verify()
}

// What is parked waits for its operator as long as it takes, and then for the
// mailbox to collect it.
func notRegisteredForLong(t *testing.T, th *harness) {
	a := th.mailbox("A")
	th.subscribe("A", ofPatient(jack, vaccination))
	th.register()
	event := th.publish().Event
	th.clock.advance(31 * 24 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	parked := th.wantParked("beyond retention", "A", event)
	th.register("A")
	th.must(th.RetryDelivery(th.ctx(), parked[0].ID, th.clock.Now(), entry("retry")))
	if due, err := th.Overdue(th.ctx(), th.clock.Now(), 10); err != nil || len(due) != 0 {
		t.Errorf("given a moment ago and overdue: %+v, %v", due, err)
	}
	th.wantInbox("after a month", a, event)
	if got := th.download(th.inbox(a)[0], 1); !bytes.Equal(got, message(1)) {
		t.Error("the copy differs from the message")
	}
}

// Events that are routed later, and those with many copies, keep to it too.
func notRegisteredLater(t *testing.T, th *harness) {
	boxes := th.audience(store.MaxFiled + 6)
	deferred := th.publish(postponed)
	th.register(audienceID(0), audienceID(1))
	many := th.publish()
	if many.Copies != len(boxes) {
		t.Errorf("%d copies", many.Copies)
	}
	if r, err := th.RouteEvent(th.ctx(), th.routed(deferred.Event)); err != nil || r.Copies != len(boxes) {
		t.Errorf("routed: %+v, %v", r, err)
	}
	th.wantAudience(boxes, many.Event) // in whatever state
	th.wantAudience(boxes, deferred.Event)
	for i, box := range boxes {
		if i < 2 {
			th.wantInbox("registered", box, deferred.Event, many.Event)
			continue
		}
		th.wantInbox("not registered", box)
		th.wantParked("not registered", audienceID(i), deferred.Event, many.Event)
	}
	alone := th.mailbox("ALONE")
	th.subscribe("ALONE", ofPatient(other, vaccination))
	a := th.acceptance(other, message(1))
	a.Deferred = true
	_, err := th.AcceptEvent(th.ctx(), a)
	th.must(err)
	r := th.routed(a.Event)
	r.Facts.Keys = a.Facts.Keys
	_, err = th.RouteEvent(th.ctx(), r)
	th.must(err)
	th.wantInbox("routed alone", alone)
	th.wantParked("routed alone", "ALONE", a.Event)
	th.verify()
}
