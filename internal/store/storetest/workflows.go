package storetest

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"nems/internal/store"
)

// register restricts the workflow of the tests' events to mailboxes.
func (w *world) register(receivers ...string) {
	w.Helper()
	w.must(w.PutWorkflow(w.ctx(), store.Workflow{ID: "VACCINATIONS_1", Senders: []string{"NEMS"}, Receivers: receivers}))
}

// wantParked compares the events whose copies for a mailbox are parked because
// it is not registered, and returns those deliveries.
func (w *world) wantParked(what, mailbox string, want ...store.EventID) []store.Delivery {
	w.Helper()
	parked, err := w.deliveries(store.DeliveryQuery{Mailbox: mailbox, State: store.Parked, Max: 1000})
	w.must(err)
	var got []store.EventID
	for _, d := range parked {
		got = append(got, d.Event)
		if d.ErrorCode != "17" || d.ErrorEvent != "SEND" || d.ErrorText == "" || len(d.Subscriptions) != 1 || d.Size != int64(len(message(1))) {
			w.Errorf("%s: %+v", what, d)
		}
	}
	if !slices.Equal(got, want) {
		w.Errorf("%s: expected %v parked for %s, got %v", what, want, mailbox, got)
	}
	return parked
}

// wantParkedHere compares what the metrics see.
func (w *world) wantParkedHere(what string, want ...store.ParkedHere) {
	w.Helper()
	if got, err := w.ParkedHere(w.ctx(), 10); err != nil || !slices.Equal(got, want) {
		w.Errorf("%s: expected %+v, got %+v, %v", what, want, got, err)
	}
}

// A mailbox served here that is not registered for a workflow gets nothing of
// it: its copies are parked, and go to it once it is registered.
func notRegistered(t *testing.T, w *world) {
	w.remote("FAR")
	a, b := w.mailbox("A"), w.mailbox("B")
	w.subscribe("A", ofPatient(jack, vaccination)+"&tag=abc")
	w.subscribe("B", ofPatient(jack, vaccination))
	open := w.publish()
	w.register("b")
	first := w.publish()
	other := w.publish(func(a *store.Acceptance) { a.Workflow = "OPEN_TO_ALL" })
	second := w.publish()
	if first.Copies != 3 {
		t.Errorf("a parked copy is a copy: %+v", first)
	}
	w.wantInbox("not registered", a, open.Event, other.Event)
	w.wantInbox("registered", b, open.Event, first.Event, other.Event, second.Event)
	w.wantParked("registered", "B")
	if l := w.claim("courier"); len(w.next(l)) != 4 {
		t.Error("what a remote mailbox may be given is for its MESH to say")
	}
	w.fixture.Crash(t)
	w.reopen()
	parked := w.wantParked("after a crash", "A", first.Event, second.Event)
	w.wantParkedHere("two wait", store.ParkedHere{MailboxID: "A", Copies: 2})
	if d := parked[0]; d.PartnerID == "" || !d.At.Equal(w.clock.Now()) || d.ID != store.DeliveryID(first.Event, a) {
		t.Errorf("parked: %+v", d)
	}

	w.wantError("not registered yet", w.RetryDelivery(w.ctx(), parked[0].ID, w.clock.Now(), entry("retry")), store.ErrNotFound)
	w.wantParked("not registered yet", "A", first.Event, second.Event)
	w.register("A", "B")
	third := w.publish()
	w.wantInbox("registered since", a, open.Event, other.Event, third.Event)
	w.must(w.RetryDelivery(w.ctx(), parked[0].ID, w.clock.Now(), entry("retry")))
	w.wantInbox("in its place", a, open.Event, first.Event, other.Event, third.Event)
	if got := w.download(w.inbox(a)[1], 1); !bytes.Equal(got, message(1)) {
		t.Error("the copy differs from the message")
	}
	w.wantParkedHere("one waits", store.ParkedHere{MailboxID: "A", Copies: 1})
	w.must(w.Acknowledge(w.ctx(), a, first.Event, w.clock.Now(), nil))
	w.register("B")
	w.wantError("registered no more", w.ResendDelivery(w.ctx(), parked[0].ID, w.clock.Now(), entry("resend")), store.ErrNotFound)
	w.verify()
}

// What is parked waits for its operator as long as it takes, and then for the
// mailbox to collect it.
func notRegisteredForLong(t *testing.T, w *world) {
	a := w.mailbox("A")
	w.subscribe("A", ofPatient(jack, vaccination))
	w.register()
	event := w.publish().Event
	w.clock.advance(31 * 24 * time.Hour)
	w.must(w.Housekeep(w.ctx()))
	parked := w.wantParked("beyond retention", "A", event)
	w.register("A")
	w.must(w.RetryDelivery(w.ctx(), parked[0].ID, w.clock.Now(), entry("retry")))
	if due, err := w.Overdue(w.ctx(), w.clock.Now(), 10); err != nil || len(due) != 0 {
		t.Errorf("given a moment ago and overdue: %+v, %v", due, err)
	}
	w.wantInbox("after a month", a, event)
	if got := w.download(w.inbox(a)[0], 1); !bytes.Equal(got, message(1)) {
		t.Error("the copy differs from the message")
	}
}

// Events that are routed later, and those with many copies, keep to it too.
func notRegisteredLater(t *testing.T, w *world) {
	boxes := w.audience(store.MaxFiled + 6)
	deferred := w.publish(postponed)
	w.register(audienceID(0), audienceID(1))
	many := w.publish()
	if many.Copies != len(boxes) {
		t.Errorf("%d copies", many.Copies)
	}
	if r, err := w.RouteEvent(w.ctx(), w.routed(deferred.Event)); err != nil || r.Copies != len(boxes) {
		t.Errorf("routed: %+v, %v", r, err)
	}
	w.wantAudience(boxes, many.Event) // in whatever state
	w.wantAudience(boxes, deferred.Event)
	for i, box := range boxes {
		if i < 2 {
			w.wantInbox("registered", box, deferred.Event, many.Event)
			continue
		}
		w.wantInbox("not registered", box)
		w.wantParked("not registered", audienceID(i), deferred.Event, many.Event)
	}
	alone := w.mailbox("ALONE")
	w.subscribe("ALONE", ofPatient(other, vaccination))
	a := w.acceptance(other, message(1))
	a.Deferred = true
	_, err := w.AcceptEvent(w.ctx(), a)
	w.must(err)
	r := w.routed(a.Event)
	r.Facts.Keys = a.Facts.Keys
	_, err = w.RouteEvent(w.ctx(), r)
	w.must(err)
	w.wantInbox("routed alone", alone)
	w.wantParked("routed alone", "ALONE", a.Event)
	w.verify()
}
