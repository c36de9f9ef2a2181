package form

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"nems/internal/store"
)

// This file makes the bundles of HL7's Subscriptions R5 Backport for FHIR R4.
//
// Source: HL7/fhir-subscription-backport-ig (1.2.0-ballot, 2025-10-31), profiles
// backport-subscription-notification-r4 and backport-subscription-status-r4, pages
// notifications and payloads.

// Profiles of a notification.
const (
	backportBase = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
	// NotificationProfile is the Bundle's, StatusProfile that of its first entry.
	NotificationProfile = backportBase + "backport-subscription-notification-r4"
	StatusProfile       = backportBase + "backport-subscription-status-r4"
)

// Content is how much of an event a notification holds (backport-payload-content).
type Content string

// The contents.
const (
	Empty  Content = "empty"         // that something happened
	IDOnly Content = "id-only"       // the message's id, too
	Full   Content = "full-resource" // the message, too
)

// NotificationType is why a bundle is sent.
type NotificationType string

// The types of notifications.
const (
	Handshake         NotificationType = "handshake"
	Heartbeat         NotificationType = "heartbeat"
	EventNotification NotificationType = "event-notification"
	QueryStatus       NotificationType = "query-status"
	QueryEvent        NotificationType = "query-event"
)

// Notification is what is said about a subscription, with or without events.
type Notification struct {
	Base         string // the address of the R4 API, without a slash at its end
	Subscription string // its id
	Topic        string // canonical
	Status       string // requested, active, error or off
	Type         NotificationType
	Content      Content
	Total        uint64 // events since the subscription's start
	Events       []Occurrence
	Error        string // why the status is error; "" for no error
	At           time.Time
	// Self and Next are links of a page of events, "" for none.
	Self, Next string
}

// Occurrence is one event of a subscription. What is zero is left out: the time of
// one whose patient is flagged, the id of one whose message is no longer kept.
type Occurrence struct {
	Number    uint64
	At        time.Time
	MessageID string // MessageHeader.id
	Publisher string // ASID of the system that published it
	Message   []byte // XML; sent in full-resource alone
}

// OccurrenceOf is the event of a copy as one of a subscription's.
func OccurrenceOf(number uint64, d store.Delivery, message []byte) Occurrence {
	e := Describe(d, message)
	asid, _ := strings.CutPrefix(e.Source, asidSource)
	if asid == e.Source {
		asid = ""
	}
	return Occurrence{Number: number, At: d.Accepted, MessageID: e.ID, Publisher: asid, Message: message}
}

type (
	bundle struct {
		ResourceType string     `json:"resourceType"`
		ID           string     `json:"id"`
		Meta         meta       `json:"meta"`
		Type         string     `json:"type"`
		Timestamp    string     `json:"timestamp"`
		Link         []link     `json:"link,omitempty"`
		Entry        []bdlEntry `json:"entry"`
	}
	meta struct {
		Profile []string `json:"profile"`
	}
	link struct {
		Relation string `json:"relation"`
		URL      string `json:"url"`
	}
	bdlEntry struct {
		FullURL  string   `json:"fullUrl"`
		Resource any      `json:"resource,omitempty"`
		Request  request  `json:"request"`
		Response response `json:"response"`
	}
	request struct {
		Method string `json:"method"`
		URL    string `json:"url"`
	}
	response struct {
		Status string `json:"status"`
	}
	parameters struct {
		ResourceType string      `json:"resourceType"`
		ID           string      `json:"id"`
		Meta         meta        `json:"meta"`
		Parameter    []parameter `json:"parameter"`
	}
	parameter struct {
		Name                 string      `json:"name"`
		ValueReference       *reference  `json:"valueReference,omitempty"`
		ValueCanonical       string      `json:"valueCanonical,omitempty"`
		ValueCode            string      `json:"valueCode,omitempty"`
		ValueString          string      `json:"valueString,omitempty"`
		ValueInstant         string      `json:"valueInstant,omitempty"`
		ValueCoding          *coding     `json:"valueCoding,omitempty"`
		ValueCodeableConcept *concept    `json:"valueCodeableConcept,omitempty"`
		Part                 []parameter `json:"part,omitempty"`
	}
	reference struct {
		Reference  string      `json:"reference,omitempty"`
		Type       string      `json:"type,omitempty"`
		Identifier *identifier `json:"identifier,omitempty"`
	}
	identifier struct {
		System string `json:"system"`
		Value  string `json:"value"`
	}
	coding struct {
		System string `json:"system"`
		Code   string `json:"code"`
	}
	concept struct {
		Text string `json:"text"`
	}
	binary struct {
		ResourceType string `json:"resourceType"`
		ContentType  string `json:"contentType"`
		Data         []byte `json:"data"` // base64
	}
)

// MessageMedia is what a message is: R4 has no room for a STU3 Bundle, and the
// message stays as it was published.
const MessageMedia = "application/fhir+xml; fhirVersion=3.0"

// Bundle returns the notification: a Bundle of the type history, in JSON. Each
// entry has a request and a response (invariants bdl-3 and bdl-4).
func (n Notification) Bundle() []byte {
	status := n.parameters()
	out := bundle{
		ResourceType: "Bundle", ID: uuid.NewString(), Meta: meta{[]string{NotificationProfile}}, Type: "history", Timestamp: instant(n.At),
		Entry: []bdlEntry{{
			FullURL: "urn:uuid:" + status.ID, Resource: status,
			Request: request{"GET", n.Base + "/Subscription/" + n.Subscription + "/$status"}, Response: response{"200"},
		}},
	}
	for _, l := range []link{{"self", n.Self}, {"next", n.Next}} {
		if l.URL != "" {
			out.Link = append(out.Link, l)
		}
	}
	for _, e := range n.Events {
		if n.Content == Full && len(e.Message) > 0 {
			out.Entry = append(out.Entry, bdlEntry{
				FullURL: n.focus(e).Reference, Resource: binary{"Binary", MessageMedia, e.Message}, Request: request{"POST", "Binary"}, Response: response{"201"},
			})
		}
	}
	b, _ := json.Marshal(out) // texts and numbers: cannot fail
	return b
}

// StatusParameters returns the first entry alone, which $status answers with.
func (n Notification) StatusParameters() any { return n.parameters() }

// parameters lists what the profile has, in its order.
func (n Notification) parameters() parameters {
	p := []parameter{{Name: "subscription", ValueReference: &reference{Reference: n.Base + "/Subscription/" + n.Subscription, Type: "Subscription"}}}
	if n.Topic != "" && (n.Content != Empty || n.Type == QueryStatus) { // "SHOULD NOT be present when using empty payloads"
		p = append(p, parameter{Name: "topic", ValueCanonical: n.Topic})
	}
	p = append(p,
		parameter{Name: "status", ValueCode: n.Status},
		parameter{Name: "type", ValueCode: string(n.Type)},
		parameter{Name: "events-since-subscription-start", ValueString: number(n.Total)},
	)
	for _, e := range n.Events {
		p = append(p, n.event(e))
	}
	if n.Error != "" {
		p = append(p, parameter{Name: "error", ValueCodeableConcept: &concept{n.Error}})
	}
	return parameters{"Parameters", uuid.NewString(), meta{[]string{StatusProfile}}, p}
}

// event describes one event. Of an empty notification's, no reference says which
// message it is.
func (n Notification) event(e Occurrence) parameter {
	out := parameter{Name: "notification-event", Part: []parameter{{Name: "event-number", ValueString: number(e.Number)}}}
	add := func(p parameter) { out.Part = append(out.Part, p) }
	if !e.At.IsZero() {
		add(parameter{Name: "timestamp", ValueInstant: instant(e.At)})
	}
	if n.Content == Empty || e.MessageID == "" {
		return out
	}
	focus := n.focus(e)
	add(parameter{Name: "focus", ValueReference: &focus})
	if e.Publisher != "" {
		add(parameter{Name: "additional-context", ValueReference: &reference{Type: "Device", Identifier: &identifier{strings.TrimSuffix(asidSource, "/"), e.Publisher}}})
	}
	if n.Content == IDOnly {
		add(parameter{Name: "related-query", Part: []parameter{
			{Name: "query-type", ValueCoding: &coding{"urn:nhs-uk:nems:query-type", "message"}},
			{Name: "query", ValueString: n.Base + "/Subscription/" + n.Subscription + "/$events?eventsSinceNumber=" + number(e.Number) + "&eventsUntilNumber=" + number(e.Number) + "&content=full-resource"},
		}})
	}
	return out
}

// focus refers to the message. In a full notification it is the fullUrl of its entry.
func (n Notification) focus(e Occurrence) reference {
	if id, err := uuid.Parse(e.MessageID); err == nil {
		return reference{Reference: "urn:uuid:" + id.String(), Type: "Binary"}
	}
	return reference{Reference: n.Base + "/Binary/" + e.MessageID, Type: "Binary"}
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
