package fhir

import (
	"strconv"
	"strings"
)

// Expression gives the element's path as FHIRPath, from the root's type on:
// Bundle.entry[0].resource.ofType(MessageHeader).event. Repeating elements
// have their index from 0, choices are written as value.ofType(dateTime).
func (n Node) Expression() string { return (*pathFinder)(nil).expression(n) }

// Location gives the element's path as XPath, with f for the FHIR namespace
// and h for XHTML: /f:Bundle/f:entry[1]/f:resource/f:MessageHeader/f:event.
// Repeating elements have their index from 1.
func (n Node) Location() string { return (*pathFinder)(nil).location(n) }

// pathFinder works out paths. It remembers how far it counted siblings, so
// that the paths of many elements, in document order, take one pass in all. The
// nil one, for a single path, remembers nothing.
type pathFinder struct {
	counted map[siblingKey]siblingCount
}

type siblingKey struct {
	parent uint32
	name   string
}

// siblingCount: before counts the namesakes in front of the element at index.
type siblingCount struct {
	index  uint32
	before int
}

// usualPath is room for the path of most elements.
const usualPath = 192

func (p *pathFinder) expression(n Node) string {
	if !n.Exists() {
		return ""
	}
	var room [usualPath]byte
	return string(p.appendExpression(room[:0], n))
}

func (p *pathFinder) appendExpression(path []byte, n Node) []byte {
	name, parent := n.Name(), n.Parent()
	if !parent.Exists() {
		return append(path, name...)
	}
	path = append(p.appendExpression(path, parent), '.')
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
	// Unknown elements have an index from the second on.
	if before := p.siblingsBefore(n, name); known && place.many || before > 0 {
		path = appendIndex(path, before)
	}
	return path
}

func (p *pathFinder) location(n Node) string {
	if !n.Exists() {
		return ""
	}
	var room [usualPath]byte
	return string(p.appendLocation(room[:0], n))
}

func (p *pathFinder) appendLocation(path []byte, n Node) []byte {
	name, parent := n.Name(), n.Parent()
	if parent.Exists() {
		path = p.appendLocation(path, parent)
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
	if before := p.siblingsBefore(n, name); known && place.many || before > 0 {
		path = appendIndex(path, before+1)
	}
	return path
}

func appendIndex(path []byte, index int) []byte {
	return append(strconv.AppendInt(append(path, '['), int64(index), 10), ']')
}

// place finds where a child of that name belongs.
func (n Node) place(name string) (slot, bool) {
	t := &facts().types[n.record().typ]
	c := t.find(facts().names, []byte(name))
	if c == nil {
		return slot{}, false
	}
	return t.slots[c.slot], true
}

// siblingsBefore counts the elements of the same name before n.
func (p *pathFinder) siblingsBefore(n Node, name string) int {
	key := siblingKey{n.record().parent, name}
	from, known := siblingCount{}, false
	if p != nil {
		from, known = p.counted[key]
	}
	if !known || from.index > n.index {
		from = siblingCount{key.parent + 1, 0}
	}
	for from.index < n.index {
		if (Node{n.doc, from.index}).is(name) {
			from.before++
		}
		from.index = n.doc.nodes[from.index].next
	}
	if p != nil {
		if p.counted == nil {
			p.counted = map[siblingKey]siblingCount{}
		}
		p.counted[key] = from
	}
	return from.before
}
