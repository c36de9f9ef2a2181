package fhir

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:generate go run ./gen

// invariantFacts are HL7's invariants with the types that they apply to. Those
// that no resource can satisfy are left out, above all obs-7, which HL7's own
// examples break. gen/corrections.go lists them, and those whose test
// contradicts their text.
//
//go:embed invariants.txt
var invariantFacts string

// invariant is a rule of HL7 for every element of a type, beyond what a schema
// can express.
type invariant struct {
	rule     *rule
	element  uint16 // the child that it is about; 0 means the element itself
	text     string
	test     *expr
	mentions []uint16 // the names that the test looks for inside the element
	judge    judge
}

// judgedWhileReading are the invariants that the parser itself checks: those of
// narratives, whose content has no nodes, and those of every element.
var judgedWhileReading = []string{"global-1", "ext-1", "txt-1", "txt-2"}

// invariantPass goes over the nodes once, after the structure is known.
type invariantPass struct {
	evaluator
	reporter
	local     localReferences
	structure Node // the structure whose type is in defines
	defines   string
}

// judgeInvariants checks all invariants. Elements whose type has none cost nothing.
func (p *parser) judgeInvariants() {
	pass := invariantPass{reporter: p.reporter}
	pass.doc = p.doc
	pass.found = make([]uint32, 0, 64)
	var contained nesting
	for i := uint32(0); i < uint32(len(p.nodes)); i++ {
		n := &p.nodes[i]
		if n.name == p.facts.contained && !contained.enter(i, n.next) {
			i = n.next - 1
			continue
		}
		for _, inv := range p.facts.invariants[n.typ] {
			pass.apply(inv, i)
		}
	}
	pass.judgeLocalReferences()
	p.reporter = pass.reporter
}

// nesting holds the ends of the "contained" elements around an element,
// outermost first. A resource contained in a contained resource breaks dom-2
// and is judged. Resources inside that one are not judged, because some tests
// search everything inside an element.
type nesting [3]uint32

// enter records a "contained" element and reports whether it is judged.
func (e *nesting) enter(at, end uint32) bool {
	for level := range e {
		if at >= e[level] {
			e[level] = end
			clear(e[level+1:])
			return true
		}
	}
	return false
}

func (s *invariantPass) apply(inv *invariant, at uint32) {
	if inv.element == 0 {
		s.judge(inv, Node{s.doc, at})
		return
	}
	nodes := s.doc.nodes
	for i, end := at+1, nodes[at].next; i < end; i = nodes[i].next {
		if nodes[i].name == inv.element {
			s.hold(inv, i)
		}
	}
}

func (s *invariantPass) hold(inv *invariant, at uint32) {
	if !s.truth(inv.test, at) && !s.full() {
		s.breaks(inv, at, s.received(inv, at))
	}
}

// breaks reports that an element breaks an invariant: its name, HL7's rule, and
// what was received.
func (s *invariantPass) breaks(inv *invariant, at uint32, received string) {
	s.report(inv.rule, at, int(s.doc.nodes[at].start), Node{s.doc, at}.Name(), ": ", inv.text, "; received ", received)
}

// received lists which of the elements that an invariant is about are present.
func (s *invariantPass) received(inv *invariant, at uint32) string {
	var there, missing []string
	for _, name := range inv.mentions {
		if s.doc.childNamed(at, name) != 0 {
			there = append(there, s.doc.facts.names[name])
		} else {
			missing = append(missing, s.doc.facts.names[name])
		}
	}
	switch {
	case len(inv.mentions) == 0:
		return "one that breaks this rule"
	case len(there) == 0:
		return "none of " + abbreviated(missing)
	case len(missing) == 0:
		return abbreviated(there)
	}
	return abbreviated(there) + " without " + abbreviated(missing)
}

// loadInvariants reads invariants.txt and binds each invariant to its type and
// to the types derived from it.
func (l *loader) loadInvariants(text string) error {
	own := make(map[uint16][]*invariant, 120)
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") || len(fields) == 4 && slices.Contains(judgedWhileReading, fields[1]) {
			continue
		}
		if len(fields) != 4 {
			return fmt.Errorf("an invariant needs four fields: %.60q", line)
		}
		typ, element, _ := strings.Cut(fields[0], "/")
		inv, err := l.invariant(typ, element, fields[1], fields[2], fields[3])
		if err != nil {
			return fmt.Errorf("invariant %s: %w", fields[1], err)
		}
		own[l.typeIDs[typ]] = append(own[l.typeIDs[typ]], inv)
	}
	l.table.contained = l.nameIDs["contained"]
	l.table.invariants = make([][]*invariant, len(l.table.types))
	for id := range l.table.types {
		for _, at := range slices.Backward(l.chain(uint16(id))) {
			l.table.invariants[id] = append(l.table.invariants[id], own[at]...)
		}
	}
	return nil
}

func (l *loader) invariant(typ, element, id, test, text string) (*invariant, error) {
	if l.typeIDs[typ] == 0 || element != "" && l.nameIDs[element] == 0 {
		return nil, fmt.Errorf("STU3 has no %s %s", typ, element)
	}
	inv := &invariant{
		rule: &rule{id, "invariant", invariantSource(typ)}, element: l.nameIDs[element],
		text: strings.TrimSuffix(text, "."), judge: invariantJudges[id],
	}
	if inv.judge != judgeTest {
		return inv, nil
	}
	var err error
	if inv.test, err = readXPath(test, l.nameIDs); err == nil {
		inv.mentions = inv.test.mentions(nil)
	}
	return inv, err
}

// mentions collects the names of the children that an expression starts from.
func (x *expr) mentions(names []uint16) []uint16 {
	if len(x.path.steps) > 0 {
		if s := x.path.steps[0]; s.name != 0 && s.axis == axisChild && !slices.Contains(names, s.name) {
			names = append(names, s.name)
		}
	}
	for _, a := range x.args {
		names = a.mentions(names)
	}
	return names
}

// invariantSource returns the specification's page with the invariants of a
// type.
func invariantSource(typ string) string {
	resource, _, _ := strings.Cut(typ, ".")
	switch {
	case resource == "Reference":
		return "http://hl7.org/fhir/STU3/references.html"
	case slices.Contains([]string{"Period", "Quantity", "Range", "Ratio", "Attachment", "ContactPoint", "Timing", "Age", "Duration", "Money"}, resource):
		return sourceTypes
	}
	return "http://hl7.org/fhir/STU3/" + strings.ToLower(resource) + ".html"
}
