// Package form says what an event looks like in each form in which it leaves: the
// facts that every form has, and the forms that more than one channel can carry.
package form

import (
	"regexp"
	"slices"
	"time"

	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// asidSource precedes the ASID of a publisher in Event.Source.
const asidSource = "https://fhir.nhs.uk/Id/nhsSpineASID/"

// Own is the source of what this service says itself, or whose publisher is not known.
const Own = "urn:nhs-uk:nems"

// Signal returns the name under which an event of a code is signalled: the MNS's
// where it has one.
func Signal(code string) string {
	if name, published := subscription.PublishedAtMNS(code); published {
		return name
	}
	if name := subscription.MNSType(code); name != "" {
		return name
	}
	return code
}

// Event is what is known of the event of a copy.
type Event struct {
	ID     string    // MessageHeader.id, or the delivery's where there is none
	Source string    // a URI that names its publisher
	Code   string    // NEMS's name of its type
	Time   time.Time // when it happened: meta.lastUpdated, or else its acceptance
	// Version is that of the patient's record (meta.versionId), "" where there is none.
	Version string
	Kind    string // new, update or delete; "" where there is none
	// Patient is the one whom it is routed by. No form that is logged, such as a
	// header, may name them.
	Patient       nhs.NHSNumber
	Subscriptions []Counted
	Replay        string // id of the replay by which it comes again; "" where none has
}

// Counted is a subscription that selected the event, and which of its events this is.
type Counted struct {
	ID     subscription.ID
	Number uint64 // 0 where nothing was counted
}

var asid = regexp.MustCompile(`[0-9]{12}$`)

// Describe reads what is known of a copy's event from its message.
func Describe(d store.Delivery, message []byte) Event {
	out := Event{ID: d.ID, Source: Own, Code: d.Code, Time: d.Accepted, Subscriptions: counted(d), Replay: d.Replay}
	if _, published := subscription.PublishedAtMNS(d.Code); published {
		return out.published(message)
	}
	doc, _, err := fhir.ParseXML(message)
	if err != nil {
		return out
	}
	e, _ := event.Read(doc)
	if e.MessageID != "" {
		out.ID = e.MessageID
	}
	if number := asid.FindString(e.Source); number != "" {
		out.Source = asidSource + number
	}
	if at, err := time.Parse(time.RFC3339Nano, e.LastUpdated); err == nil {
		out.Time = at
	}
	out.Kind = string(e.Kind)
	out.Patient, _ = nhs.ParseNHSNumber(e.Routing.NHSNumber)
	for _, p := range e.Patients {
		if slices.Contains(p.NHSNumbers, e.Routing.NHSNumber) {
			out.Version = p.VersionID()
		}
	}
	return out
}

func counted(d store.Delivery) []Counted {
	out := make([]Counted, len(d.Subscriptions))
	for i, id := range d.Subscriptions {
		out[i].ID = id
		if i < len(d.Numbers) {
			out[i].Number = d.Numbers[i]
		}
	}
	return out
}
