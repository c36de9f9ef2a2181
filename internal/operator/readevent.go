package operator

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
)

// EventRef names an event: by its number, MessageHeader.id, or the MESH message id or
// local id of one of its copies.
type EventRef struct {
	Event string `path:"event"`
}

// ShownEvent is an accepted event without its message: nothing of a patient.
type ShownEvent struct {
	Event     int64     `json:"event"`
	MessageID string    `json:"messageId"`
	EventType string    `json:"eventType"`
	Display   string    `json:"display,omitempty"` // of the event type
	Kind      string    `json:"kind"`
	Publisher nhs.ASID  `json:"publisher"`
	Accepted  time.Time `json:"accepted"`
	Size      int64     `json:"size"`
	Withheld  bool      `json:"withheld,omitempty"`
	// Note is what keeps the event from being matched.
	Note string `json:"note,omitempty"`
	// Copies are the first of its copies, More says that there are more.
	Copies []Delivery `json:"copies"`
	More   bool       `json:"more,omitempty"`
}

// mostShownCopies is how many copies an event is shown with.
const mostShownCopies = 100

// showEvent shows an event and what became of its copies.
func (d Desk) showEvent(ctx context.Context, ref EventRef) (none ShownEvent, err error) {
	event, err := d.accepted(ctx, ref.Event)
	if err != nil {
		return none, err
	}
	out := ShownEvent{
		Event: int64(event.Event), MessageID: event.MessageID, EventType: event.Code, Kind: event.Kind, Publisher: event.Publisher,
		Accepted: event.At, Size: event.Size, Withheld: event.Withheld, Copies: []Delivery{},
	}
	switch {
	case event.Withheld:
		out.Note = noteWithheld
	case event.Refusal != "":
		out.Note = "The event cannot be matched: " + event.Refusal + "."
	case event.Waiting:
		out.Note = noteWaiting
	}
	if t, known := d.Types().Type(event.Code); known {
		out.Display = t.Display
	}
	copies, err := d.Store.EventDeliveries(ctx, event.Event, 0, mostShownCopies+1)
	if err != nil {
		return none, err
	}
	if out.More = len(copies) > mostShownCopies; out.More {
		copies = copies[:mostShownCopies]
	}
	for _, c := range copies {
		out.Copies = append(out.Copies, newDelivery(c))
	}
	return out, nil
}

// accepted finds an event by one of its names, or NotFound.
func (d Desk) accepted(ctx context.Context, name string) (store.AcceptedEvent, error) {
	id, err := d.eventNamed(ctx, name, time.Time{})
	if err != nil {
		return store.AcceptedEvent{}, err
	}
	event, err := d.Store.AcceptedEvent(ctx, id)
	return event, named(err, "event", name)
}

// EventReading asks for the message of an event.
type EventReading struct {
	Event  string `json:"event" jsonschema:"the event's number, its MessageHeader.id, or the MESH message id or local id of one of its copies"`
	Reason string `json:"reason" jsonschema:"why the message is read, for the audit"`
}

// EventMessage is the message of an event, unchanged.
type EventMessage struct {
	Event   int64  `json:"event"`
	Message string `json:"message" jsonschema:"the message as it was published: XML"`
}

// readEvent hands out the message of an event. That somebody read it is recorded, with
// the patient whom it is about.
func (d Desk) readEvent(ctx context.Context, q EventReading) (none EventMessage, err error) {
	q.Reason = strings.TrimSpace(q.Reason)
	if q.Reason == "" || len(q.Reason) > mostReason {
		return none, expected("reason", "why the message is read, in at most 500 bytes", "")
	}
	event, err := d.accepted(ctx, q.Event)
	if err != nil {
		return none, err
	}
	message, err := d.Store.EventMessage(ctx, event.Event)
	if errors.Is(err, store.ErrDamaged) {
		return none, conflict("the message of event %d is damaged", event.Event)
	}
	if err != nil {
		return none, named(err, "message of event", strconv.FormatInt(int64(event.Event), 10))
	}
	e := d.entry(audit.ActionReadEvent, strconv.FormatInt(int64(event.Event), 10))
	e.EventType, e.Patient, e.Reason = event.Code, event.Patient, q.Reason
	d.Store.Record(e)
	return EventMessage{Event: int64(event.Event), Message: string(message)}, nil
}
