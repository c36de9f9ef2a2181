package receiver

import "nems/internal/event"

// sequence names the group of events that this one is compared with, "" for
// none. It is decisive when all events of the group are about the same thing:
// then the newest is the truth.
func (m *Message) sequence() (name string, decisive bool) {
	if m.Kind != Event {
		return "", false
	}
	return m.Facts.subject().Sequence()
}

// subject is what an event is about.
func (f Facts) subject() event.Subject {
	return event.Subject{
		Code: f.Code, Source: f.Source, System: f.Identifier.System, Value: f.Identifier.Value,
		NHSNumber: string(f.NHSNumber), Dated: !f.Point.IsZero(),
	}
}

// fromSpine reports whether events of this type describe the Spine's current record
// of a patient. Then the latest is the truth, whatever its focus is ("PDS Change of
// GP" and the others).
func fromSpine(code string) bool { return event.FromSpine(code) }
