package fhir

import (
	"slices"
	"strconv"
	"strings"
)

// Expression gives the element's path as FHIRPath, from the root's type on:
// Bundle.entry[0].resource.ofType(MessageHeader).event. Repeating elements
// have their index from 0, choices are written as value.ofType(dateTime).
func (n Node) Expression() string {
	var parts []string
	for at := n; at.Exists(); at = at.Parent() {
		parts = append(parts, at.expressionStep())
	}
	slices.Reverse(parts)
	return strings.TrimPrefix(strings.Join(parts, ""), ".")
}

func (n Node) expressionStep() string {
	name, parent := n.Name(), n.Parent()
	if !parent.Exists() {
		return name
	}
	if parent.record().typ == typeResourceContainer {
		return ".ofType(" + name + ")"
	}
	place, known := parent.place(name)
	if !known {
		return "." + name + n.unknownIndex(0)
	}
	step := "." + name
	if len(place.elements) > 1 {
		choice := strings.TrimSuffix(choiceName(facts(), place), "[x]")
		step = "." + choice + ".ofType(" + n.Type() + ")"
	}
	if place.many {
		step += "[" + strconv.Itoa(n.siblingsBefore()) + "]"
	}
	return step
}

// Location gives the element's path as XPath, with f for the FHIR namespace
// and h for XHTML: /f:Bundle/f:entry[1]/f:resource/f:MessageHeader/f:event.
// Repeating elements have their index from 1.
func (n Node) Location() string {
	var parts []string
	for at := n; at.Exists(); at = at.Parent() {
		parts = append(parts, at.locationStep())
	}
	slices.Reverse(parts)
	return strings.Join(parts, "")
}

func (n Node) locationStep() string {
	name, parent := n.Name(), n.Parent()
	step := "/f:" + name
	if n.record().typ == typeXHTML {
		step = "/h:" + name
	}
	if !parent.Exists() {
		return step
	}
	if place, known := parent.place(name); !known {
		step += n.unknownIndex(1)
	} else if place.many {
		step += "[" + strconv.Itoa(n.siblingsBefore()+1) + "]"
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

// siblingsBefore counts the elements of the same name before this one.
func (n Node) siblingsBefore() int {
	count := 0
	for s := range n.Parent().ChildrenNamed(n.Name()) {
		if s == n {
			break
		}
		count++
	}
	return count
}

// unknownIndex gives an index where an unknown element repeats.
func (n Node) unknownIndex(first int) string {
	if n.Parent().Count(n.Name()) < 2 {
		return ""
	}
	return "[" + strconv.Itoa(n.siblingsBefore()+first) + "]"
}
