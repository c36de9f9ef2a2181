package fhir

import (
	"bytes"
	"iter"
	"strings"
)

// Node is one element of a Document. The zero Node stands for an absent
// element: its methods return zero values, so that paths can be chained without
// checks. Nodes of the same document can be compared with ==.
type Node struct {
	doc   *Document
	index uint32
}

func (n Node) record() *record { return &n.doc.nodes[n.index] }

// Exists reports whether there is such an element.
func (n Node) Exists() bool { return n.doc != nil }

// Name returns the element's local name, such as "family".
func (n Node) Name() string {
	if n.doc == nil {
		return ""
	}
	if id := n.record().name; id != 0 {
		return n.doc.facts.names[id]
	}
	return string(sourceName(n.doc.src[n.record().start:]))
}

// is compares the name without allocating memory.
func (n Node) is(name string) bool {
	if id := n.record().name; id != 0 {
		return n.doc.facts.names[id] == name
	}
	return string(sourceName(n.doc.src[n.record().start:])) == name
}

// sourceName returns the local name in a start tag.
func sourceName(tag []byte) []byte {
	start, end := 1, 1
	for ; !isSpace(tag[end]) && tag[end] != '/' && tag[end] != '>'; end++ {
		if tag[end] == ':' {
			start = end + 1
		}
	}
	return tag[start:end]
}

// Type returns the element's FHIR type by the schema: a data type ("HumanName",
// "dateTime"), a resource ("Patient"), a component ("Bundle.Entry"), "code" for
// elements with a required code list, "xhtml" for the narrative's div,
// "ResourceContainer" for elements that hold a resource. It is "" for elements
// that STU3 does not have.
func (n Node) Type() string {
	if n.doc == nil {
		return ""
	}
	return n.doc.facts.types[n.record().typ].fhirName
}

// HasValue reports whether there is a value attribute.
func (n Node) HasValue() bool {
	return n.doc != nil && n.record().value != 0 && n.record().typ != typeExtension
}

// Value returns the value attribute, with references resolved and white space
// normalised as XML demands; "" if there is none.
func (n Node) Value() string {
	if !n.HasValue() {
		return ""
	}
	return string(n.attribute())
}

// ValueBytes is Value without a copy: usually a part of the source, which the
// caller must not change.
func (n Node) ValueBytes() []byte {
	if !n.HasValue() {
		return nil
	}
	return n.attribute()
}

// EqualValue reports whether the element has exactly this value.
func (n Node) EqualValue(s string) bool { return n.HasValue() && n.attributeIs(s) }

// attributeIs compares the attribute that the record points at. Usually the
// text is equal as written, or its first letter differs; both are decided
// without decoding.
func (n Node) attributeIs(s string) bool {
	raw := n.doc.src[n.record().value-1:] // starts at the quote
	if len(s) > 0 && raw[1] != s[0] && raw[1] > ' ' && raw[1] != '&' {
		return false
	}
	if end := len(s) + 1; end < len(raw) && raw[end] == raw[0] && string(raw[1:end]) == s {
		return true
	}
	return string(n.attribute()) == s
}

// attribute reads the attribute that the record points at.
func (n Node) attribute() []byte {
	raw := n.doc.src[n.record().value-1:] // starts at the quote
	end := bytes.IndexByte(raw[1:], raw[0])
	count(end)
	return unescapeAttribute(raw[1 : end+1])
}

// URL returns the url attribute of an extension, "" for other elements.
func (n Node) URL() string {
	return string(n.URLBytes())
}

// ID returns the id attribute. Elements of data types have one; a resource's id
// is the value of its child "id".
func (n Node) ID() string {
	if n.doc == nil {
		return ""
	}
	value, _ := startTagAttribute(n.doc.src[n.record().start:], "id")
	return string(value)
}

// Children returns all child elements in document order.
func (n Node) Children() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		if n.doc == nil {
			return
		}
		end := n.record().next
		for i := n.index + 1; i < end; i = n.doc.nodes[i].next {
			count(1)
			if !yield(Node{n.doc, i}) {
				return
			}
		}
	}
}

// Child returns the first child of that name.
func (n Node) Child(name string) Node {
	if n.doc == nil {
		return Node{}
	}
	end := n.record().next
	for i := n.index + 1; i < end; i = n.doc.nodes[i].next {
		count(1)
		if c := (Node{n.doc, i}); c.is(name) {
			return c
		}
	}
	return Node{}
}

// ChildrenNamed returns the children of that name in document order.
func (n Node) ChildrenNamed(name string) iter.Seq[Node] {
	return func(yield func(Node) bool) {
		for c := range n.Children() {
			if c.is(name) && !yield(c) {
				return
			}
		}
	}
}

// Count returns the number of children of that name.
func (n Node) Count(name string) int {
	count := 0
	for range n.ChildrenNamed(name) {
		count++
	}
	return count
}

// At follows a path of first children: At("event", "code") is
// Child("event").Child("code").
func (n Node) At(path ...string) Node {
	for _, name := range path {
		n = n.Child(name)
	}
	return n
}

// Extension returns the first child "extension" with that url.
func (n Node) Extension(url string) Node {
	for c := range n.ChildrenNamed("extension") {
		if c.EqualURL(url) {
			return c
		}
	}
	return Node{}
}

// Choice returns the first child that belongs to a choice element:
// Choice("value") finds valueDateTime, but not "value" or "valueless".
func (n Node) Choice(prefix string) Node {
	for c := range n.Children() {
		rest, found := strings.CutPrefix(c.Name(), prefix)
		if found && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z' {
			return c
		}
	}
	return Node{}
}

// Resource returns the resource inside an element that holds one
// (Bundle.entry.resource, contained, Parameters.parameter.resource).
func (n Node) Resource() Node {
	if n.doc == nil || n.record().typ != typeResourceContainer {
		return Node{}
	}
	for c := range n.Children() {
		return c
	}
	return Node{}
}

// Parent returns the element around this one; the root has none.
func (n Node) Parent() Node {
	if n.doc == nil || n.index == 0 {
		return Node{}
	}
	return Node{n.doc, n.record().parent}
}

// Position returns the line and the column (in characters) where the element
// starts, both from 1; zeros for an absent element.
func (n Node) Position() (line, column int) {
	if n.doc == nil {
		return 0, 0
	}
	return n.doc.position(int(n.record().start))
}

// Offset returns the element's byte range in the source, tags included.
func (n Node) Offset() (start, end int) {
	if n.doc == nil {
		return 0, 0
	}
	return int(n.record().start), int(n.record().end)
}
