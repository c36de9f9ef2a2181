package fhir

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// The subset of XPath that HL7 uses to state STU3's invariants. An expression
// is read once (xpath_read.go) and then evaluated for every element of a type,
// without allocating memory.

// shape is the kind of result that an expression has.
type shape uint8

const (
	truthShape shape = iota
	numberShape
	textShape
	listShape  // a list of constant texts
	nodesShape // elements, or attributes of elements
)

// operator says what an expression does with its operands.
type operator uint8

const (
	opAnd operator = iota
	opOr
	opNot
	opBoolean // a constant
	opExists  // also the truth value of nodes
	opCompare
	opStartsWith
	opContains
	opMatches

	opNumber // a constant
	opPosition
	opCount
	opCountDistinct
	opToNumber
	opAdd

	opText // a constant
	opToText
	opLocalName
	opConcat
	opNormalizeSpace
	opTranslate

	opList
	opPath
	opUnion
)

// expr is an expression with its operands.
type expr struct {
	op         operator
	shape      shape
	comparison string // = != < <= > >=
	args       []*expr
	truth      bool
	number     float64
	text       []byte
	list       []string
	pattern    *regexp.Regexp
	path       path
}

// path is a series of steps from an element, and the attribute of the elements at its end.
type path struct {
	steps     []step
	attribute string // value or id; "" means none
}

type step struct {
	axis    axis
	name    uint16 // index into names; 0 means any
	filters []*expr
}

type axis uint8

const (
	axisChild axis = iota
	axisDescendant
	axisParent
	axisSelf
)

// evaluator evaluates expressions at the elements of one document.
type evaluator struct {
	doc      *Document
	position int // position of the element that a filter looks at, from 1
	// found holds the results of paths as a stack: each result comes after those that are still
	// needed.
	found []uint32
}

// truth returns an expression's effective boolean value at an element.
func (e *evaluator) truth(x *expr, at uint32) bool {
	switch x.op {
	case opAnd:
		return e.truth(x.args[0], at) && e.truth(x.args[1], at)
	case opOr:
		return e.truth(x.args[0], at) || e.truth(x.args[1], at)
	case opNot:
		return !e.truth(x.args[0], at)
	case opBoolean:
		return x.truth
	case opExists:
		return e.exists(x.args[0], at)
	case opCompare:
		return e.compare(x, at)
	}
	return e.textTruth(x, at)
}

func (e *evaluator) textTruth(x *expr, at uint32) bool {
	if x.op == opStartsWith && x.args[0].op == opLocalName {
		return strings.HasPrefix(Node{e.doc, at}.Name(), string(x.args[1].text))
	}
	text := e.text(x.args[0], at)
	switch x.op {
	case opStartsWith:
		return bytes.HasPrefix(text, e.text(x.args[1], at))
	case opContains:
		return bytes.Contains(text, e.text(x.args[1], at))
	}
	return x.pattern.Match(text)
}

// exists reports whether there are any nodes. A single child is by far the most
// frequent case, so it is looked up without collecting nodes.
func (e *evaluator) exists(x *expr, at uint32) bool {
	if x.op == opPath && len(x.path.steps) == 1 && x.path.attribute == "" {
		if s := &x.path.steps[0]; s.axis == axisChild && s.name != 0 && len(s.filters) == 0 {
			return e.doc.childNamed(at, s.name) != 0
		}
	}
	base := len(e.found)
	some := len(e.nodes(x, at)) > 0
	e.found = e.found[:base]
	return some
}

// childNamed returns the index of the first child with that name, 0 for none.
func (d *Document) childNamed(at uint32, name uint16) uint32 {
	for i, end := at+1, d.nodes[at].next; i < end; i = d.nodes[i].next {
		count(1)
		if d.nodes[i].name == name {
			return i
		}
	}
	return 0
}

// nodes appends the nodes of an expression to found. The caller shortens found
// when it is done with them.
func (e *evaluator) nodes(x *expr, at uint32) []uint32 {
	base := len(e.found)
	if x.op == opUnion {
		e.nodes(x.args[0], at)
		e.nodes(x.args[1], at)
		return e.found[base:]
	}
	e.found = append(e.found, at)
	from := base
	for i := range x.path.steps {
		until := len(e.found)
		for ; from < until; from++ {
			e.step(&x.path.steps[i], e.found[from])
		}
	}
	kept := base
	for _, n := range e.found[from:] {
		if x.path.attribute == "" || e.hasAttribute(n, x.path.attribute) {
			e.found[kept] = n
			kept++
		}
	}
	e.found = e.found[:kept]
	return e.found[base:]
}

func (e *evaluator) hasAttribute(n uint32, name string) bool {
	node := Node{e.doc, n}
	if name == "value" {
		return node.HasValue()
	}
	return node.ID() != ""
}

// step appends the nodes to which one step leads from an element.
func (e *evaluator) step(s *step, at uint32) {
	nodes := e.doc.nodes
	before := len(e.found)
	switch s.axis {
	case axisChild:
		for i, end := at+1, nodes[at].next; i < end; i = nodes[i].next {
			count(1)
			if s.name == 0 || nodes[i].name == s.name {
				e.found = append(e.found, i)
			}
		}
	case axisDescendant:
		count(int(nodes[at].next - at))
		for i, end := at+1, nodes[at].next; i < end; i++ {
			if nodes[i].name == s.name {
				e.found = append(e.found, i)
			}
		}
	case axisParent:
		if at != 0 && nodes[nodes[at].parent].name == s.name {
			e.found = append(e.found, nodes[at].parent)
		}
	case axisSelf:
		e.found = append(e.found, at)
	}
	for _, f := range s.filters {
		e.filter(f, before)
	}
}

// filter keeps those of the nodes from an index on for which f holds. If f is a
// number, it holds for the node at that position.
func (e *evaluator) filter(f *expr, from int) {
	kept, until, outer := from, len(e.found), e.position
	for i := from; i < until; i++ {
		n := e.found[i]
		e.position = i - from + 1
		holds := f.op == opNumber && f.number == float64(e.position)
		if f.op != opNumber {
			holds = e.truth(f, n)
		}
		if holds {
			e.found[kept] = n
			kept++
		}
	}
	e.position = outer
	e.found = e.found[:kept]
}

// countDistinct counts the different values of nodes.
func (e *evaluator) countDistinct(nodes []uint32) int {
	if len(nodes) < 2 {
		return len(nodes)
	}
	values := make(map[string]struct{}, len(nodes))
	for _, n := range nodes {
		values[string(e.value(n))] = struct{}{}
	}
	return len(values)
}

func (e *evaluator) value(n uint32) []byte { return Node{e.doc, n}.ValueBytes() }

// number returns the value of an expression as a number. Anything that is not a number is NaN, and
// no comparison with NaN holds.
func (e *evaluator) number(x *expr, at uint32) float64 {
	base := len(e.found)
	defer func() { e.found = e.found[:base] }()
	switch x.op {
	case opNumber:
		return x.number
	case opPosition:
		return float64(e.position)
	case opCount:
		return float64(len(e.nodes(x.args[0], at)))
	case opCountDistinct:
		return float64(e.countDistinct(e.nodes(x.args[0], at)))
	case opAdd:
		return e.number(x.args[0], at) + e.number(x.args[1], at)
	}
	return parseNumber(e.text(x.args[0], at))
}

// text returns the value of an expression as a text. The text of nodes is that of the first.
func (e *evaluator) text(x *expr, at uint32) []byte {
	switch x.op {
	case opText:
		return x.text
	case opConcat:
		return slices.Concat(e.text(x.args[0], at), e.text(x.args[1], at))
	case opNormalizeSpace:
		return normalizeSpace(e.text(x.args[0], at))
	case opTranslate:
		return withoutAny(e.text(x.args[0], at), x.args[1].text)
	case opToText:
		return e.text(x.args[0], at)
	}
	base := len(e.found)
	defer func() { e.found = e.found[:base] }()
	for _, n := range e.nodes(x, at) {
		return e.value(n)
	}
	return nil
}
