package operator

import (
	"context"
	"errors"
	"strconv"
	"time"

	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
)

// EventQuestion asks why an event reached subscriptions, or not. Of Subscription,
// Mailbox and Patient at most one is given; without any, all subscriptions are meant
// that share a patient or place with the event.
type EventQuestion struct {
	Event string `json:"event" jsonschema:"the event's number, its MessageHeader.id, or the MESH message id or local id of one of its copies"`
	// Since limits the search for a MessageHeader.id.
	Since        time.Time `json:"since,omitzero" jsonschema:"how far back to look for a MessageHeader.id"`
	Subscription string    `json:"subscription,omitempty" jsonschema:"of this subscription only: its id"`
	Mailbox      string    `json:"mailbox,omitempty" jsonschema:"of the subscriptions of this mailbox only"`
	Patient      string    `json:"patient,omitempty" jsonschema:"of the subscriptions to this patient only: an NHS number"`
}

// MessageQuestion asks which subscriptions a message would reach that is not
// published. The other members are as in EventQuestion.
type MessageQuestion struct {
	Message      string `json:"message" jsonschema:"the message: XML"`
	Subscription string `json:"subscription,omitempty" jsonschema:"of this subscription only: its id"`
	Mailbox      string `json:"mailbox,omitempty" jsonschema:"of the subscriptions of this mailbox only"`
	Patient      string `json:"patient,omitempty" jsonschema:"of the subscriptions to this patient only: an NHS number"`
}

// explainEvent explains an event that was accepted. That somebody looked is recorded.
func (d Desk) explainEvent(ctx context.Context, s Search[EventQuestion]) (none Explained, err error) {
	q := s.Filter
	about, err := newAbout(q.Subscription, q.Mailbox, q.Patient)
	if err != nil {
		return none, err
	}
	l, err := list[explainPlace](d, "explain", q, s.Paging)
	if err != nil {
		return none, err
	}
	id, err := d.eventNamed(ctx, q.Event, q.Since)
	if err != nil {
		return none, err
	}
	event, err := d.Store.AcceptedEvent(ctx, id)
	if err != nil {
		return none, named(err, "event", q.Event)
	}
	if s.After == "" {
		d.recordExplain(strconv.FormatInt(int64(event.Event), 10), event.Code, about, event.Patient)
	}
	x := explaining{desk: d, about: about, event: event, names: d.names(ctx)}
	return x.page(ctx, l)
}

// explainMessage says whom a message would reach, and stores nothing but the entry
// that somebody looked.
func (d Desk) explainMessage(ctx context.Context, s Search[MessageQuestion]) (none Explained, err error) {
	q := s.Filter
	about, err := newAbout(q.Subscription, q.Mailbox, q.Patient)
	if err != nil {
		return none, err
	}
	l, err := list[explainPlace](d, "explain message", q, s.Paging)
	if err != nil {
		return none, err
	}
	if d.Check == nil {
		return none, conflict("a message is checked by a service that runs: start it")
	}
	checked, err := d.Check(ctx, []byte(q.Message))
	var refusal *refuse.Refusal
	if errors.As(err, &refusal) {
		return none, invalid("message", "the message would be refused: %s %s", refusal.Code(), refusal.Reason())
	}
	if err != nil {
		return none, err
	}
	if s.After == "" {
		d.recordExplain("", checked.EventType, about, checked.Patient)
	}
	x := explaining{desk: d, about: about, dry: true, names: d.names(ctx), event: unpublished(checked)}
	return x.page(ctx, l)
}

// unpublished is a message as the event that it would be.
func unpublished(c broker.Checked) store.AcceptedEvent {
	e := store.AcceptedEvent{At: c.Facts.At, Code: c.EventType, Kind: c.Kind, MessageID: c.MessageID, Patient: c.Patient, Withheld: c.Withheld, Waiting: c.Deferred}
	if !c.Deferred {
		e.Facts = &c.Facts
	}
	return e
}

// recordExplain says in the audit whom somebody looked at: the patient whom the
// request names, or else the one whom the event is about.
func (d Desk) recordExplain(object, eventType string, about about, patient nhs.NHSNumber) {
	e := d.entry(audit.ActionExplain, object)
	e.EventType, e.Patient, e.Mailbox = eventType, patient, about.mailbox
	if !about.patient.IsZero() {
		e.Patient = about.patient
	}
	d.Store.Record(e)
}

// about is whose subscriptions a question is about: at most one field is set.
type about struct {
	subscription subscription.ID
	mailbox      string
	patient      nhs.NHSNumber
}

func newAbout(id, mailbox, patient string) (a about, err error) {
	given := 0
	for _, text := range []string{id, mailbox, patient} {
		if text != "" {
			given++
		}
	}
	if given > 1 {
		return a, invalid("", "expected one of subscription, mailbox and patient; received %d of them", given)
	}
	if id != "" {
		if a.subscription, err = subscription.ParseID(id); err != nil || a.subscription.IsZero() {
			return a, invalid("subscription", "subscription: %s", subscription.ErrID)
		}
	}
	if patient != "" {
		if a.patient, err = nhs.ParseNHSNumber(patient); err != nil {
			return a, invalid("patient", "patient: %s", err)
		}
	}
	a.mailbox = mailbox
	return a, nil
}

// eventNamed finds an event by one of its names, or NotFound.
func (d Desk) eventNamed(ctx context.Context, name string, since time.Time) (store.EventID, error) {
	if name == "" || len(name) > mostName {
		return 0, expected("event", "an event's number, MessageHeader.id, MESH message id or local id", "another text")
	}
	if event, ok := eventIn(name); ok {
		return event, nil
	}
	event, err := d.Store.EventByMESHID(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		event, err = d.Store.EventByMessageID(ctx, name, since)
	}
	return event, named(err, "event", name)
}

// eventIn reads the number of an event out of what is its name, or the name of a copy
// that this service has given.
func eventIn(name string) (store.EventID, bool) {
	if n, err := strconv.ParseInt(name, 10, 64); err == nil {
		return store.EventID(n), true
	}
	if position, _, err := mesh.ParseMessageID(name); err == nil {
		return store.EventID(position), true
	}
	event, _, ok := store.ParseDeliveryID(name)
	return event, ok
}

// mostName is the longest name of an event.
const mostName = 200
