package receiver

import (
	"fmt"
	"io"

	"nems/internal/fhir"
)

// Identifier names the thing that an event is about: a vaccination, a screening
// encounter, an episode of care. A correction and a withdrawal of it carry the
// same one, in the resource that MessageHeader.focus references. It prints as a
// placeholder, since some systems build it out of patients' data.
type Identifier struct {
	System, Value string
}

// IsZero reports whether there is none.
func (i Identifier) IsZero() bool { return i.Value == "" }

// Format keeps the identifier out of everything that is printed.
func (i Identifier) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[identifier]") }

// MarshalText keeps the identifier out of JSON; it never fails.
func (i Identifier) MarshalText() ([]byte, error) { return []byte("[identifier]"), nil }

// identifierOf reads the first identifier with a value of the focus.
func identifierOf(doc *fhir.Document, focus string) Identifier {
	for id := range doc.References().Resolve(0, []byte(focus)).Resource.ChildrenNamed("identifier") {
		if v := id.Child("value").Value(); v != "" {
			return Identifier{System: id.Child("system").Value(), Value: v}
		}
	}
	return Identifier{}
}

// Effect is what an event means for who keeps the things that events are about.
type Effect string

// The effects. Every event message of NEMS carries its thing whole: a correction
// takes the place of what was there.
const (
	// Create: nothing of this thing is remembered.
	Create Effect = "create"
	// Replace: Message.Earlier is replaced.
	Replace Effect = "replace"
	// Remove: the thing is withdrawn, whether it is remembered or not.
	Remove Effect = "remove"
)

// Effect says what the event means; "" for what is no event.
func (m Message) Effect() Effect {
	switch {
	case m.Kind != Event:
		return ""
	case m.Facts.Kind == "delete":
		return Remove
	case m.Earlier.MessageID != "" && m.Earlier.Kind != "delete":
		return Replace
	}
	return Create
}

// Known is the newest event finished of a sequence.
type Known struct {
	Point
	MessageID string // MessageHeader.id; "" when nothing is remembered
	Kind      string // new, update or delete
}

// Merge is what is known once k was known and q is finished too.
func (k Known) Merge(q Known) Known {
	newest := k
	if k.MessageID == "" || q.compare(k.Point) != Stale {
		newest = q
	}
	newest.Point = k.Point.merge(q.Point)
	return newest
}
