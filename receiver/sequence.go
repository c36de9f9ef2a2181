package receiver

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"nems/internal/event"
)

// sequence names the group of events that this one is compared with, "" for
// none. It is decisive when all events of the group are about the same thing:
// then the newest is the truth.
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

// fromSpine reports whether events of this type describe the Spine's current record
// of a patient. Then the latest is the truth, whatever its focus is ("PDS Change of
// GP" and the others).
func fromSpine(code string) bool { return strings.HasPrefix(code, "pds-") }

// thing names what an event is about, the same over all its versions. An
// identifier without a system is the publisher's own, so the publisher's endpoint
// stands for the system.
func (f Facts) thing() string {
	system := f.Identifier.System
	if system == "" {
		system = f.Source
	}
	return fmt.Sprintf("thing|%s|%q|%q", f.Code, system, f.Identifier.Value)
}

// short limits the length of a name, because the message chose it.
func short(name string) string {
	if len(name) <= 1000 {
		return name
	}
	return fmt.Sprintf("long|%x", sha256.Sum256([]byte(name)))
}
