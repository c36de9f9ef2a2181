package receiver

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
)

// Kind says what a message is.
type Kind string

// The kinds of messages in a mailbox.
const (
	// Event is a NEMS event message, with Facts.
	Event Kind = "event"
	// Report is MESH's word on a message that this mailbox sent.
	Report Kind = "report"
	// Other is anything else: a mailbox may serve other workflows too.
	// Message.Problem says why no event was read in it.
	Other Kind = "other"
)

// Message is one message out of a mailbox. Printed with package fmt or logged
// with slog it shows its ids and nothing of its content.
type Message struct {
	// ID is the MESH message id. It differs between two copies of one event.
	ID   string
	Kind Kind
	// Key is what repeats are recognised by: event code and message id of an
	// event, the MESH message id of anything else.
	Key string

	From       string // sending mailbox
	To         string // this mailbox
	WorkflowID string // MESH workflow id: tells the event type
	LocalID    string // the sender's id of this copy
	FileName   string
	Subject    string
	// Subscriptions are the tagged subscriptions that asked for this copy
	// (header Mex-PartnerID; "Event Receiver Requirements").
	Subscriptions []Subscription

	// Body is the message as it was published, byte for byte.
	Body []byte
	// Facts are read from the body when Kind is Event.
	Facts Facts
	// Problem says why the facts are missing or incomplete; nil when they are
	// all there. It names rules and places, never a value.
	Problem error
	// Status is what MESH reports when Kind is Report.
	Status Status

	// Order compares an event with what was finished before it.
	Order Order
	// Earlier is the newest event finished about the same thing: what an update
	// replaces, what a delete withdraws, or what makes this one too late. Zero when
	// nothing of it is remembered, or the thing cannot be told. Effect says what
	// to do.
	Earlier Known
	// Own: the event was published by one of Config.OwnASIDs.
	Own bool
	// Attempt counts how often the Handler was given this message, from 1.
	// The count survives a restart where the Memory does.
	Attempt int
}

// Subscription is a subscription's id with the tag that its owner gave it.
type Subscription struct {
	ID  string `json:"id"`
	Tag string `json:"tag"`
}

// Status is a MESH report ("Asynchronous error reporting").
type Status struct {
	Event       string `json:"event"` // step of MESH's work: SEND, TRANSFER, ...
	Code        string `json:"code"`  // 14: not collected within five days; 00: no error
	Description string `json:"description"`
	Success     bool   `json:"success"`
	// LinkedID is the MESH message id of the message reported on.
	LinkedID string    `json:"linkedId"`
	At       time.Time `json:"at"`
}

// Facts are what an event message says about itself. See "Generic Event
// Message Requirements". Printed, they show no patient's data.
type Facts struct {
	Code      string // event type: MessageHeader.event.code
	Kind      string // new, update or delete; "" when it is neither
	MessageID string // MessageHeader.id
	// Source is MessageHeader.source.endpoint, SourceASID the ASID in it ("" when
	// it holds none).
	Source     string
	SourceASID string
	// NHSNumber is the routing demographics' NHS number: the patient's, or in a
	// birth notification the mother's; "" when the message has none.
	NHSNumber NHSNumber
	Focus     string // MessageHeader.focus.reference
	// Identifier is that of the focus: the same in a correction and a withdrawal.
	// Zero when there is none.
	Identifier Identifier
	// Point is the message's place in its sequence.
	Point Point
}

// NHSNumber is an NHS number as it stands in the message. It prints as a
// placeholder; string(n) gives the digits.
type NHSNumber string

// Format keeps the number out of everything that is printed.
func (n NHSNumber) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[NHS number]") }

// MarshalText keeps the number out of JSON; it never fails.
func (n NHSNumber) MarshalText() ([]byte, error) { return []byte("[NHS number]"), nil }

// BaseName is the MESH message id as the name of a file. A server chose the id,
// so whatever could lead to another folder is replaced.
func (m Message) BaseName() string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', r == '_', r == '-':
			return r
		}
		return '_'
	}, m.ID)
	return name[:min(len(name), 100)]
}

// String names the message by its ids.
func (m Message) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", m.Kind, m.ID, m.Facts.Code))
}

// Format prints what String returns, whatever the verb.
func (m Message) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

// LogValue gives slog the ids of the message.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("mesh_id", m.ID), slog.String("kind", string(m.Kind)),
		slog.String("workflow", m.WorkflowID), slog.String("event", m.Facts.Code),
	)
}

// readSubscriptions reads `id|tag~~~id|tag`. A part without a bar is an id.
func readSubscriptions(partner string) []Subscription {
	if partner == "" {
		return nil
	}
	var all []Subscription
	for pair := range strings.SplitSeq(partner, "~~~") {
		id, tag, _ := strings.Cut(pair, "|")
		all = append(all, Subscription{ID: id, Tag: tag})
	}
	return all
}
