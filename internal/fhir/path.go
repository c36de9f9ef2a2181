package fhir

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Expression returns the element's path as FHIRPath, starting with the root's
// type: Bundle.entry[0].resource.ofType(MessageHeader).event. Repeating
// elements have an index from 0; choices are written as value.ofType(dateTime).
func (n Node) Expression() string {
	if !n.Exists() {
		return ""
	}
	var room [usualPath]byte
	return string(n.appendExpression(room[:0]))
}

// usualPath is long enough for the paths of most elements.
const usualPath = 192

func (n Node) appendExpression(path []byte) []byte {
	name, parent := n.shortName(), n.Parent()
	if !parent.Exists() {
		return append(path, name...)
	}
	path = append(parent.appendExpression(path), '.')
	place, known := parent.place(name)
	if known && parent.record().typ == typeResourceContainer {
		return append(append(append(path, "ofType("...), name...), ')')
	}
	if known && len(place.elements) > 1 {
		path = append(path, strings.TrimSuffix(choiceName(facts(), place), "[x]")...)
		path = append(append(append(path, ".ofType("...), n.Type()...), ')')
	} else {
		path = append(path, name...)
	}
	// Unknown elements have an index from their second occurrence on.
	if before := n.namesakesBefore(); known && place.many || before > 0 {
		path = appendIndex(path, before)
	}
	return path
}

// Location returns the element's path as XPath, with f for the FHIR namespace
// and h for XHTML: /f:Bundle/f:entry[1]/f:resource/f:MessageHeader/f:event.
// Repeating elements have an index from 1.
func (n Node) Location() string {
	if !n.Exists() {
		return ""
	}
	var room [usualPath]byte
	return string(n.appendLocation(room[:0]))
}

func (n Node) appendLocation(path []byte) []byte {
	name, parent := n.shortName(), n.Parent()
	if parent.Exists() {
		path = parent.appendLocation(path)
	}
	prefix := "/f:"
	if n.record().typ == typeXHTML {
		prefix = "/h:"
	}
	path = append(append(path, prefix...), name...)
	if !parent.Exists() {
		return path
	}
	place, known := parent.place(name)
	if before := n.namesakesBefore(); known && place.many || before > 0 {
		path = appendIndex(path, before+1)
	}
	return path
}

// longestName limits how much of an unknown element's name a path shows, so that a
// long name in the input is not repeated in every path.
const longestName = 64

// shortName returns the name as paths show it.
func (n Node) shortName() string {
	name := n.Name()
	if len(name) <= longestName {
		return name
	}
	end := longestName
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end] + "..."
}

// namesakesBefore counts the siblings of the same name before n.
func (n Node) namesakesBefore() int { return n.doc.namesakesBefore(n.index) }

func appendIndex(path []byte, index int) []byte {
	return append(strconv.AppendInt(append(path, '['), int64(index), 10), ']')
}

// place returns the slot of a child with that name.
func (n Node) place(name string) (slot, bool) {
	t := &facts().types[n.record().typ]
	c := t.find(facts().names, []byte(name))
	if c == nil {
		return slot{}, false
	}
	return t.slots[c.slot], true
}
