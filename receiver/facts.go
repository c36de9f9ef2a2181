package receiver

import (
	"nems/internal/event"
	"nems/internal/fhir"
)

// ReadFacts reads the facts of a message alone, without a receiver. The error says
// what is missing or cannot be read; the other facts are there nevertheless. Bytes
// that are not XML have no facts.
func ReadFacts(message []byte) (Facts, error) {
	doc, _, err := fhir.ParseXML(message)
	if err != nil {
		return Facts{}, err
	}
	e, findings := event.Read(doc)
	return factsOf(e, identifierOf(doc, e.Focus)), problem(findings)
}

// SameThing reports whether two events are about the same thing, so that one corrects
// or withdraws the other. It is false where a focus has no identifier.
func (f Facts) SameThing(other Facts) bool {
	if f.Identifier.IsZero() || other.Identifier.IsZero() || f.Code != other.Code {
		return false
	}
	name, _ := f.subject().Sequence()
	others, _ := other.subject().Sequence()
	return name == others
}

// Compare orders a place against an earlier one of its sequence.
func (p Point) Compare(earlier Point) Order { return p.compare(earlier) }
