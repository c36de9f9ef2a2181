package receiver

import (
	"fmt"
	"io"

	"nems/internal/event"
	"nems/internal/fhir"
)

// Identifier names the thing that an event is about: a vaccination, a screening
// encounter, an episode of care. A correction and a withdrawal carry the same
// identifier, in the resource that MessageHeader.focus references. It prints as
// a placeholder, because some systems build it from patients' data.
type Identifier struct {
	System, Value string
}

// IsZero reports whether there is no identifier.
func (i Identifier) IsZero() bool { return i.Value == "" }

// Format keeps the identifier out of everything that is printed.
func (i Identifier) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[identifier]") }

// MarshalText keeps the identifier out of JSON; it never fails.
func (i Identifier) MarshalText() ([]byte, error) { return []byte("[identifier]"), nil }

// identifierOf returns the focus's first identifier that has a value.
func identifierOf(doc *fhir.Document, focus string) Identifier {
	system, value := event.FocusIdentifier(doc, focus)
	return Identifier{System: system, Value: value}
}
