package stream

import (
	"encoding/json"
	"time"

	"nems/internal/broker"
	"nems/internal/form"
)

// numbered is what a reader gets for each number. An event that is not kept any more, or
// may not be shown any more, leaves its number alone.
type numbered struct {
	Number uint64      `json:"number"`
	Time   time.Time   `json:"time"` // when it was counted
	Event  *cloudEvent `json:"event,omitempty"`
}

// cloudEvent is an event as a CloudEvent in JSON. Without data it says nothing about the
// patient.
type cloudEvent struct {
	SpecVersion  string    `json:"specversion"`
	ID           string    `json:"id"`
	Source       string    `json:"source"`
	Type         string    `json:"type"`
	Time         time.Time `json:"time"`
	Sequence     string    `json:"sequence"`
	Subscription string    `json:"subscription"`
	EventType    string    `json:"eventtype"`
	Kind         string    `json:"kind,omitempty"`
	ContentType  string    `json:"datacontenttype,omitempty"`
	Data         string    `json:"data,omitempty"` // XML, as a text
}

// render writes what a reader gets for a number, in one line. As for webhooks, a whole
// message has NEMS's own name of its type, because that says what the data is.
func (r *reader) render(n broker.NumberedEvent) json.RawMessage {
	out := numbered{Number: n.Number, Time: n.At.UTC()}
	if !n.Kept {
		return packed(out)
	}
	e := form.Describe(n.Delivery, n.Event.Message)
	c := e.CloudEvent(form.Signal(e.Code))
	out.Event = &cloudEvent{
		SpecVersion: "1.0", ID: c.ID, Source: c.Source, Type: c.Type, Time: c.Time.UTC(), Sequence: form.Sequence(c.Sequence), Subscription: r.id.String(),
		EventType: e.Code, Kind: e.Kind,
	}
	if r.form == Message {
		out.Event.Type, out.Event.ContentType, out.Event.Data = e.Code, "application/fhir+xml", string(n.Event.Message)
	}
	return packed(out)
}
