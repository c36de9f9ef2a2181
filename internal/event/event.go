// Package event reads the facts out of an event message: what happened, to
// whom, and what the broker needs to route it. It judges nothing but whether
// those facts are there; the rules of the event pages are the catalogue's.
//
// Source: NEMS specification 2.15, "Generic Event Message Requirements".
package event

import "nems/internal/fhir"

// BirthNotification is the one event type whose routing facts are optional: a
// birth can be registered without the mother's details ("PDS Birth Notification").
const BirthNotification = "pds-birth-notification-1"

// Kind says whether an event tells something new, corrects or withdraws it.
type Kind string

// The kinds of the messageEventType extension.
const (
	New    Kind = "new"
	Update Kind = "update"
	Delete Kind = "delete"
)

// Event is the facts of one message.
type Event struct {
	Code      string // MessageHeader.event.code
	Kind      Kind
	MessageID string // MessageHeader.id, a UUID
	// LastUpdated and VersionID order the events of one patient, "" when absent
	// ("Event Message Sequencing").
	LastUpdated string
	VersionID   string
	Source      string // MessageHeader.source.endpoint
	Focus       string // MessageHeader.focus.reference
	Routing     Routing
	Patients    []Patient
	// Mother and Baby index Patients in a birth notification, -1 elsewhere.
	Mother, Baby int
}

// Routing is the routing demographics extension: who the event is about.
type Routing struct {
	NHSNumber string // as written; "" when absent
	Family    string
	Given     string // the first given name
	BirthDate string // as written: a date or a dateTime
}

// Patient is a Patient resource of the message, as far as routing needs it.
type Patient struct {
	NHSNumbers    []string
	Addresses     []Address
	Practitioners []string // ODS codes of generalPractitioner
	// At is the resource itself.
	At fhir.Node
}

// Name returns the family name and the given names of the official name, or of
// the first one.
func (p Patient) Name() (family string, given []string) {
	name := officialName(p.At)
	for g := range name.ChildrenNamed("given") {
		given = append(given, g.Value())
	}
	return name.Child("family").Value(), given
}

// BirthDate is as written, "" when absent.
func (p Patient) BirthDate() string { return p.At.Child("birthDate").Value() }

// VersionID is as written, "" when absent. A version of PDS is a number that
// grows with each change of the record (SCN).
func (p Patient) VersionID() string { return p.At.At("meta", "versionId").Value() }

// Address is an address of a Patient resource.
type Address struct {
	Use      string // home, old, temp, ..., "" when absent
	Postcode string
}

// OldPostcodes lists the postcodes of addresses that no longer hold, in the
// order of the message: areas that a change of address leaves behind.
func (e *Event) OldPostcodes() []string {
	var out []string
	for _, p := range e.Patients {
		for _, a := range p.Addresses {
			if a.Use == "old" && a.Postcode != "" {
				out = append(out, a.Postcode)
			}
		}
	}
	return out
}

// BirthDay returns the first ten characters of the routing birth date, which
// is all that is compared with PDS; "" when there is none.
func (r Routing) BirthDay() string {
	if len(r.BirthDate) > 10 {
		return r.BirthDate[:10]
	}
	return r.BirthDate
}
