package fhir

import (
	"slices"
	"strconv"
	"strings"
)

// Expression gives the element's path as FHIRPath, from the root's type on:
// Bundle.entry[0].resource.ofType(MessageHeader).event. Repeating elements
// have their index from 0, choices are written as value.ofType(dateTime).
func (n Node) Expression() string { return new(pathFinder).expression(n) }

// Location gives the element's path as XPath, with f for the FHIR namespace
// and h for XHTML: /f:Bundle/f:entry[1]/f:resource/f:MessageHeader/f:event.
// Repeating elements have their index from 1.
func (n Node) Location() string { return new(pathFinder).location(n) }

// pathFinder works out paths. It remembers how far it counted siblings, so
// that the paths of many elements, in document order, take one pass in all.
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

func (p *pathFinder) expression(n Node) string {
	var parts []string
	for at := n; at.Exists(); at = at.Parent() {
		parts = append(parts, p.expressionStep(at))
	}
	slices.Reverse(parts)
	return strings.TrimPrefix(strings.Join(parts, ""), ".")
}

func (p *pathFinder) expressionStep(n Node) string {
	name, parent := n.Name(), n.Parent()
	if !parent.Exists() {
		return name
	}
	place, known := parent.place(name)
	if known && parent.record().typ == typeResourceContainer {
		return ".ofType(" + name + ")"
	}
	step := "." + name
	if known && len(place.elements) > 1 {
		choice := strings.TrimSuffix(choiceName(facts(), place), "[x]")
		step = "." + choice + ".ofType(" + n.Type() + ")"
	}
	// Unknown elements have an index from the second on.
	if before := p.siblingsBefore(n, name); known && place.many || before > 0 {
		step += "[" + strconv.Itoa(before) + "]"
	}
	return step
}

func (p *pathFinder) location(n Node) string {
	var parts []string
	for at := n; at.Exists(); at = at.Parent() {
		parts = append(parts, p.locationStep(at))
	}
	slices.Reverse(parts)
	return strings.Join(parts, "")
}

func (p *pathFinder) locationStep(n Node) string {
	name, parent := n.Name(), n.Parent()
	step := "/f:" + name
	if n.record().typ == typeXHTML {
		step = "/h:" + name
	}
	if !parent.Exists() {
		return step
	}
	place, known := parent.place(name)
	if before := p.siblingsBefore(n, name); known && place.many || before > 0 {
		step += "[" + strconv.Itoa(before+1) + "]"
	}
	return step
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
	from, known := p.counted[key]
	if !known || from.index > n.index {
		from = siblingCount{key.parent + 1, 0}
	}
	for from.index < n.index {
		if (Node{n.doc, from.index}).is(name) {
			from.before++
		}
		from.index = n.doc.nodes[from.index].next
	}
	if p.counted == nil {
		p.counted = map[siblingKey]siblingCount{}
	}
	p.counted[key] = from
	return from.before
}
