// Package event reads the facts of an event message: what happened, to whom,
// and what the broker needs to route it. It only checks that those facts are
// there; the catalogue checks the rules of the event pages.
//
// Source: NEMS specification 2.15, "Generic Event Message Requirements".
package event

import "nems/internal/fhir"

// BirthNotification is the only event type whose routing facts are optional: a
// birth can be registered without the mother's details ("PDS Birth Notification").
const BirthNotification = "pds-birth-notification-1"

// Kind says whether an event reports something new, corrects it or withdraws it.
type Kind string

// The kinds of the messageEventType extension.
const (
	New    Kind = "new"
	Update Kind = "update"
	Delete Kind = "delete"
)

// Event holds the facts of one message.
type Event struct {
	Code      string // MessageHeader.event.code
	Kind      Kind
	MessageID string // MessageHeader.id, a UUID
	// LastUpdated and VersionID give the order of one patient's events, "" when
	// absent ("Event Message Sequencing").
	LastUpdated string
	VersionID   string
	Source      string // MessageHeader.source.endpoint
	Focus       string // MessageHeader.focus.reference
	Routing     Routing
	Patients    []Patient
	// Mother and Baby are indexes into Patients in a birth notification, -1 in other events.
	Mother, Baby int
}

// Routing is the routing demographics extension: whom the event is about.
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

// BirthDate returns the birth date as written, "" when absent.
func (p Patient) BirthDate() string { return p.At.Child("birthDate").Value() }

// VersionID returns the version as written, "" when absent. PDS uses a number
// that grows with each change of the record (SCN).
func (p Patient) VersionID() string { return p.At.At("meta", "versionId").Value() }

// Address is an address of a Patient resource.
type Address struct {
	Use      string // home, old, temp, ..., "" when absent
	Postcode string
}

// OldPostcodes lists the postcodes of former addresses, in the order of the
// message: the areas that the patient left in a change of address.
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

// BirthDay returns the first ten characters of the routing birth date, the part
// that is compared with PDS; "" when there is none.
func (r Routing) BirthDay() string {
	if len(r.BirthDate) > 10 {
		return r.BirthDate[:10]
	}
	return r.BirthDate
}
