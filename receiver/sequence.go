package receiver

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"nems/internal/event"
)

// sequence names the events that this one is compared with, "" for none. It is
// decisive when they are all about the same: then the newest is the truth.
func (m *Message) sequence() (name string, decisive bool) {
	f := m.Facts
	switch {
	case m.Kind != Event || f.Code == event.BirthNotification: // twins share their mother
		return "", false
	case !fromSpine(f.Code) && !f.Identifier.IsZero():
		return short(f.thing()), true
	case f.NHSNumber == "" || f.Source == "" || f.Point.IsZero():
		return "", false
	}
	return short(strings.Join([]string{f.Source, string(f.NHSNumber), f.Code}, "|")), fromSpine(f.Code)
}

// fromSpine tells whether events of this type tell how the Spine's record of a
// patient is now: the latest is the truth, whatever thing its focus is ("PDS Change
// of GP" and the others).
func fromSpine(code string) bool { return strings.HasPrefix(code, "pds-") }

// thing names what an event is about, over all its versions. Where the identifier
// has no system it is the publisher's own.
func (f Facts) thing() string {
	system := f.Identifier.System
	if system == "" {
		system = f.Source
	}
	return fmt.Sprintf("thing|%s|%q|%q", f.Code, system, f.Identifier.Value)
}

// short bounds a name that a message chose.
func short(name string) string {
	if len(name) <= 1000 {
		return name
	}
	return fmt.Sprintf("long|%x", sha256.Sum256([]byte(name)))
}
