package form

import (
	"cmp"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"nems/internal/store"
	"nems/internal/subscription"
)

// This file makes the signals of the Multicast Notification Service: a Bundle of FHIR
// R4 that names an event, or the CloudEvent itself.
//
// Source: NHSDigital/multicast-notification-service (2026-04),
// signal-schemas/fhirsignal.schema.json.yaml and signal-schemas/examples.

// Signalled is an event as the MNS tells of it.
type Signalled struct {
	Published
	legacy []byte // as it was published, if that was in the first version
}

// MNS reads the event of a copy. eventType is the type under which it was
// subscribed to, "" for the one that follows from its code.
func MNS(d store.Delivery, eventType string, message []byte) (Signalled, error) {
	if _, published := subscription.PublishedAtMNS(d.Code); published {
		e, legacy, err := ReadPublished(message)
		out := Signalled{Published: e}
		if legacy {
			out.legacy = message
		}
		return out, err
	}
	return Signalled{Published: fromMessage(d, eventType, message)}, nil
}

// fromMessage says of a message of the NEMS what is published at the MNS.
func fromMessage(d store.Delivery, eventType string, message []byte) Published {
	about := Describe(d, message)
	out := Published{SpecVersion: "1.0", ID: about.ID, Source: about.Source, Type: cmp.Or(eventType, Signal(d.Code)),
		Time: about.Time.Format(time.RFC3339Nano), Subject: about.Patient.Digits()}
	if about.Version != "" {
		out.VersionID = `W/"` + about.Version + `"`
	}
	return out
}

// Body returns what a subscriber receives in the form application/json.
func (s Signalled) Body() ([]byte, error) {
	if s.legacy != nil {
		return s.legacy, nil
	}
	return s.JSON()
}

// Parts of a signal, in the order in which the MNS writes their members.
type (
	signalBundle struct {
		ResourceType string        `json:"resourceType"`
		ID           string        `json:"id"`
		Type         string        `json:"type"`
		Timestamp    string        `json:"timestamp"`
		Entry        []signalEntry `json:"entry"`
	}
	signalEntry struct {
		FullURL  string           `json:"fullUrl"`
		Resource signalParameters `json:"resource"`
		Request  signalRequest    `json:"request"`
		Response signalResponse   `json:"response"`
	}
	signalRequest struct {
		Method string `json:"method"`
		URL    string `json:"url"`
	}
	signalResponse struct {
		Status string `json:"status"`
	}
	signalParameters struct {
		ResourceType string        `json:"resourceType"`
		ID           string        `json:"id"`
		Meta         signalMeta    `json:"meta"`
		Parameter    []signalValue `json:"parameter"`
	}
	signalMeta struct {
		Profile []string `json:"profile"`
	}
	// signalValue is a parameter, or a part of one.
	signalValue struct {
		Name      string           `json:"name"`
		Reference *signalReference `json:"valueReference,omitzero"`
		Code      string           `json:"valueCode,omitzero"`
		String    string           `json:"valueString,omitzero"`
		Instant   string           `json:"valueInstant,omitzero"`
		URI       string           `json:"valueUri,omitzero"`
		Part      []signalValue    `json:"part,omitzero"`
	}
	signalReference struct {
		Reference  string            `json:"reference,omitzero"`
		Identifier *signalIdentifier `json:"identifier,omitzero"`
	}
	signalIdentifier struct {
		Value string `json:"value"`
	}
)

// FHIR returns the signal in the form application/fhir+json. base is the address of
// the MNS's API; number counts the events of the subscription, and is "1" for
// subscribers that hold to the MNS's schema.
func (s Signalled) FHIR(base, number string) ([]byte, error) {
	id, err := uuid.Parse(s.ID)
	if err != nil {
		id = uuid.NewSHA1(uuid.NameSpaceURL, []byte(s.Source+"\n"+s.ID))
	}
	subscriptions := base + "/subscriptions"
	notified := []signalValue{{Name: "event-number", String: number}, {Name: "timestamp", Instant: s.Time}}
	if s.DataRef != "" {
		notified = append(notified, signalValue{Name: "focus", Reference: &signalReference{Reference: s.DataRef}})
	}
	more := []signalValue{{Name: "event-type", String: s.Type}, {Name: "source", URI: s.Source}}
	if s.Subject != "" {
		more = append(more, signalValue{Name: "subject", Reference: &signalReference{Identifier: &signalIdentifier{s.Subject}}})
	}
	if s.VersionID != "" {
		more = append(more, signalValue{Name: "version-id", String: s.VersionID})
	}
	return json.Marshal(signalBundle{
		ResourceType: "Bundle", ID: s.ID, Type: "history", Timestamp: s.Time,
		Entry: []signalEntry{{
			FullURL: id.URN(),
			Resource: signalParameters{
				ResourceType: "Parameters", ID: id.String(),
				Meta: signalMeta{[]string{"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-status-r4"}},
				Parameter: []signalValue{
					{Name: "subscription", Reference: &signalReference{Reference: subscriptions}},
					{Name: "status", Code: "active"},
					{Name: "type", Code: "event-notification"},
					{Name: "notification-event", Part: notified},
					{Name: "additional-context", Part: more},
				},
			},
			Request:  signalRequest{"GET", subscriptions},
			Response: signalResponse{"200"},
		}},
	})
}
