package event

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"nems/internal/fhir"
)

// Subject is what decides which events are about the same thing, so that a later one
// corrects or withdraws an earlier one.
type Subject struct {
	Code   string // of the event type
	Source string // MessageHeader.source.endpoint
	// System and Value are the identifier of the focus; Value is "" when there is none.
	System, Value string
	NHSNumber     string // in the routing demographics, without blanks
	Dated         bool   // the message has a place in the order of its patient's events
}

// FromSpine reports whether events of a type describe the Spine's current record of a
// patient. Then the latest is the truth, whatever its focus is ("PDS Change of GP" and
// the others).
func FromSpine(code string) bool { return strings.HasPrefix(code, "pds-") }

// Sequence names the group of events with which this one is compared, "" for none. It
// is decisive when all events of the group are about the same thing.
func (s Subject) Sequence() (name string, decisive bool) {
	switch {
	case s.Code == BirthNotification: // twins share their mother
		return "", false
	case !FromSpine(s.Code) && s.Value != "":
		system := s.System
		if system == "" { // the publisher's own identifier
			system = s.Source
		}
		return short(fmt.Sprintf("thing|%s|%q|%q", s.Code, system, s.Value)), true
	case s.NHSNumber == "" || s.Source == "" || !s.Dated:
		return "", false
	}
	return short(strings.Join([]string{s.Source, s.NHSNumber, s.Code}, "|")), FromSpine(s.Code)
}

// short limits the length of a name, because the message chose it.
func short(name string) string {
	if len(name) <= 1000 {
		return name
	}
	return fmt.Sprintf("long|%x", sha256.Sum256([]byte(name)))
}

// FocusIdentifier returns the first identifier of the focus that has a value.
func FocusIdentifier(doc *fhir.Document, focus string) (system, value string) {
	for id := range doc.References().Resolve(0, []byte(focus)).Resource.ChildrenNamed("identifier") {
		if v := id.Child("value").Value(); v != "" {
			return id.Child("system").Value(), v
		}
	}
	return "", ""
}

// SubjectOf reads the subject of an event.
func SubjectOf(doc *fhir.Document, e *Event) Subject {
	s := Subject{Code: e.Code, Source: e.Source, NHSNumber: strings.ReplaceAll(e.Routing.NHSNumber, " ", ""), Dated: e.LastUpdated != "" || e.VersionID != ""}
	s.System, s.Value = FocusIdentifier(doc, e.Focus)
	return s
}
