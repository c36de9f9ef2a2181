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
	// Report is a report by MESH about a message that this mailbox sent.
	Report Kind = "report"
	// Other is anything else: a mailbox may serve other workflows too.
	// Message.Problem says why it is not an event.
	Other Kind = "other"
)

// Message is one message from a mailbox. Printed with package fmt or logged
// with slog, it shows its ids and none of its content.
type Message struct {
	// ID is the MESH message id. It differs between two copies of one event.
	ID   string
	Kind Kind
	// Key identifies repeats: event code and message id of an event, the MESH
	// message id of anything else.
	Key string

	From       string // sending mailbox
	To         string // this mailbox
	WorkflowID string // MESH workflow id; it corresponds to the event type
	LocalID    string // the sender's id of this copy
	FileName   string
	Subject    string
	// Replay is the replay by which the message comes again, "" if none.
	Replay string
	// Subscriptions are the tagged subscriptions for which this copy was made
	// (header Mex-PartnerID; "Event Receiver Requirements").
	Subscriptions []Subscription

	// Body is the message as it was published, byte for byte.
	Body []byte
	// Facts are read from the body when Kind is Event.
	Facts Facts
	// Problem says why facts are missing; nil when all are there. It names
	// rules and places, never a value.
	Problem error
	// Status is what MESH reports when Kind is Report.
	Status Status

	// Order says how an event relates to those finished before it.
	Order Order
	// Earlier is the newest finished event about the same thing: the one that an
	// update replaces or a delete withdraws, or the one that makes this event too
	// late. It is zero when nothing about the thing is remembered, or the thing is
	// unknown. Effect says what to do.
	Earlier Known
	// Own says that one of Config.OwnASIDs published the event.
	Own bool
	// Attempt counts how often the Handler was given this message, from 1. The
	// count survives a restart if the Memory does.
	Attempt int
}

// Subscription is a subscription's id with the tag that its owner gave it.
type Subscription struct {
	ID  string `json:"id"`
	Tag string `json:"tag"`
}

// Status is a MESH report ("Asynchronous error reporting").
type Status struct {
	Event       string `json:"event"` // the step of MESH's work: SEND, TRANSFER, ...
	Code        string `json:"code"`  // 14: not collected within five days; 00: no error
	Description string `json:"description"`
	Success     bool   `json:"success"`
	// LinkedID is the MESH message id of the reported message.
	LinkedID string    `json:"linkedId"`
	At       time.Time `json:"at"`
}

// Facts are what an event message says about itself. See "Generic Event Message
// Requirements". When printed they show no patient's data.
type Facts struct {
	Code      string // event type: MessageHeader.event.code
	Kind      string // new, update or delete; "" for anything else
	MessageID string // MessageHeader.id
	// Source is MessageHeader.source.endpoint. SourceASID is the ASID in it, ""
	// when there is none.
	Source     string
	SourceASID string
	// NHSNumber is the NHS number in the routing demographics: the patient's,
	// or in a birth notification the mother's. It is "" when the message has
	// none.
	NHSNumber NHSNumber
	Focus     string // MessageHeader.focus.reference
	// Identifier is the identifier of the focus. A correction and a withdrawal
	// carry the same one. It is zero when there is none.
	Identifier Identifier
	// Point is the message's place in its sequence.
	Point Point
}

// NHSNumber is an NHS number as the message has it. It prints as a placeholder;
// string(n) gives the digits.
type NHSNumber string

// Format keeps the number out of everything that is printed.
func (n NHSNumber) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[NHS number]") }

// MarshalText keeps the number out of JSON; it never fails.
func (n NHSNumber) MarshalText() ([]byte, error) { return []byte("[NHS number]"), nil }

// BaseName is the MESH message id made safe as a file name. A server chose the
// id, so every character that could lead to another folder is replaced.
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

// readSubscriptions reads `id|tag~~~id|tag`. A part without a bar is an id without a tag.
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
