package fhir

import (
	"fmt"
	"math/bits"
)

// tag is the start tag of an element outside narratives.
type tag struct {
	start uint32
	qname span // as written
	local span // without prefix
	ns    namespace
	value span // the attribute value or url as written; start 0 means there is none
	plain bool // the value needs no normalising
	url   bool // the attribute is url
	quick bool // there are no other attributes
	empty bool
	outer scope
}

// tagValue returns the normalised value of t's attribute.
func (p *parser) tagValue(t *tag) []byte {
	raw := p.src[t.value.start:t.value.end]
	if t.plain {
		return raw
	}
	return unescapeAttribute(raw)
}

// startTag reads a start tag and judges the element and its attributes.
func (p *parser) startTag() error {
	if p.depth == maxDepth {
		return p.syntax("fhir-depth", "elements are nested more than 64 levels deep", p.pos)
	}
	if p.elements++; p.elements > maxElements {
		return p.syntax("fhir-size", fmt.Sprintf("a document has more than %d elements", maxElements), p.pos)
	}
	inNarrative := p.frames[p.depth].html != 0
	t := tag{start: uint32(p.pos), outer: p.space}
	if !inNarrative && p.quickTag(&t) {
		p.element(&t)
		return nil
	}
	if err := p.fullTag(&t); err != nil {
		return err
	}
	if inNarrative {
		p.narrativeElement(&t)
	} else {
		p.element(&t)
	}
	return nil
}

// quickTag reads the usual tags of messages: no prefix, and at most one
// attribute, value or url, in double quotes and without references. It leaves
// all others, and all errors, to fullTag.
func (p *parser) quickTag(t *tag) bool {
	src := p.src
	i := p.pos + 1
	for i < len(src) && class[src[i]]&className != 0 {
		i++
	}
	end := i
	if len(src)-i < 8 || p.space.element != nsFHIR || class[src[p.pos+1]]&classStart == 0 {
		return false
	}
	if src[i] == ' ' {
		switch {
		case string(src[i+1:i+8]) == `value="`:
			i += 8
		case string(src[i+1:i+6]) == `url="`:
			t.url = true
			i += 6
		default:
			return false
		}
		t.value.start = uint32(i)
		i = skipPlain(src, i)
		if len(src)-i < 3 || src[i] != '"' {
			return false
		}
		t.value.end = uint32(i)
		i++
	}
	switch {
	case src[i] == '>':
		i++
	case src[i] == '/' && src[i+1] == '>':
		t.empty = true
		i += 2
	default:
		return false
	}
	t.qname = span{uint32(p.pos + 1), uint32(end)}
	t.local = t.qname
	t.ns, t.quick, t.plain = nsFHIR, true, true
	p.pos = i
	return true
}

// fullTag reads any start tag.
func (p *parser) fullTag(t *tag) error {
	*t = tag{start: t.start, outer: t.outer}
	p.pos = int(t.start) + 1
	prefix, name, err := p.readName()
	if err != nil {
		return err
	}
	t.qname, t.local = span{t.start + 1, name.end}, name
	if t.empty, err = p.readAttributes(); err != nil {
		return err
	}
	if err = p.declareNamespaces(); err != nil {
		return err
	}
	t.ns = p.space.element
	if prefix.end > prefix.start {
		ns, found := p.lookup(p.bytes(prefix))
		if !found {
			return p.undeclared(prefix)
		}
		t.ns = ns
	}
	return nil
}

// element records an element outside narratives and judges it.
func (p *parser) element(t *tag) {
	parent := &p.frames[p.depth]
	index := uint32(len(p.nodes))
	name, typ := p.place(parent, t, index)
	facts := &p.facts.types[typ]
	if !t.quick {
		p.judgeAttributes(t, typ, index)
	} else if t.value.start != 0 && t.url != (typ == typeExtension) || t.value.start != 0 && facts.kind == kindNone && !t.url {
		p.misplacedAttribute(t, typ, index)
	}
	p.addNode(record{
		start: t.start, end: uint32(p.pos), next: index + 1, parent: parent.node, value: t.value.start, name: name, typ: typ,
	})
	if typ == typeExtension {
		p.judgeURL(t, index)
	} else if t.value.start != 0 && typ != typeUnknown {
		value := p.tagValue(t)
		if result := facts.checkValue(value); result != verdictGood {
			p.reportValue(facts, result, index, int(t.value.start), value)
		}
	}
	if t.quick && t.empty && t.value.start != 0 && facts.kind != kindNone {
		return // it has a value and nothing else, so nothing remains to be judged at its end
	}
	p.depth++
	f := &p.frames[p.depth]
	*f = frame{name: t.qname, node: index, typ: typ, outer: t.outer}
	if typ == typeXHTML {
		p.openNarrative(f)
	}
	if t.empty {
		p.closeElement(f)
	}
}

// addNode appends a record to the table.
func (p *parser) addNode(r record) {
	if len(p.nodes) == cap(p.nodes) {
		p.growNodes(int(r.start))
	}
	p.nodes = append(p.nodes, r)
}

// growNodes limits the table's growth to what may still be needed: no more
// elements can follow than there are tags, and each has at least four bytes.
func (p *parser) growNodes(offset int) {
	rest := p.src[offset:]
	more := min(len(rest)/4+1, countTags(rest)+1)
	grown := make([]record, len(p.nodes), len(p.nodes)+more)
	copy(grown, p.nodes)
	p.nodes = grown
}

// countTags counts what looks like a start tag.
func countTags(b []byte) int {
	count := 0
	for i, c := range b {
		if c == '<' && i+1 < len(b) && b[i+1] != '/' {
			count++
		}
	}
	return count
}

// place finds the element in its parent's content model, which is a sequence of
// slots. It must not go back, and it may fill a slot twice only where the slot
// repeats. Missing elements are found when the parent closes.
func (p *parser) place(parent *frame, t *tag, index uint32) (name, typ uint16) {
	parent.content = true
	if parent.typ == typeUnknown {
		return 0, typeUnknown
	}
	facts := &p.facts.types[parent.typ]
	c := facts.find(p.names, p.bytes(t.local))
	if c == nil || (c.typ == typeXHTML) != (t.ns == nsXHTML) || t.ns != nsFHIR && t.ns != nsXHTML {
		p.reportUnknown(parent, t, index, c != nil)
		return 0, typeUnknown
	}
	bit := uint64(1) << c.slot
	switch {
	case c.slot < parent.slot:
		p.reportOrder(parent, c, index, t)
	case parent.seen&bit != 0 && !c.many:
		p.reportTwice(parent, c, index, t)
	}
	parent.slot = max(parent.slot, c.slot)
	parent.seen |= bit
	return c.name, c.typ
}

// checkContent judges an element at its end.
func (p *parser) checkContent(f *frame) {
	if f.typ == typeUnknown {
		return
	}
	facts := &p.facts.types[f.typ]
	if f.typ == typeResourceContainer && f.content {
		return // an element that is not a resource was already reported
	}
	for missing := facts.required &^ f.seen; missing != 0; missing &= missing - 1 {
		p.reportMissing(facts, bits.TrailingZeros64(missing), f.node)
	}
	p.checkPresence(f, facts)
}

// checkPresence checks that an element has a value or children, and an extension exactly one of the
// two.
func (p *parser) checkPresence(f *frame, facts *typeFacts) {
	n := &p.nodes[f.node]
	switch {
	case f.typ == typeExtension && !f.content:
		p.report(ruleExt1, f.node, int(n.start), "an extension has either a value or extensions; received neither")
	case f.typ == typeExtension && f.seen&3 == 3: // the two slots of an extension are its extensions and its value
		p.report(ruleExt1, f.node, int(n.start), "an extension has either a value or extensions; received both")
	case !f.content && (facts.isElement && n.value == 0 || facts.isResource && facts.required == 0):
		p.report(ruleGlobal1, f.node, int(n.start), "an element needs a value or child elements; received neither")
	}
}

// judgeAttributes checks all attributes and records value or url.
func (p *parser) judgeAttributes(t *tag, typ uint16, index uint32) {
	if typ == typeXHTML {
		return // narratives judge their own attributes
	}
	facts := &p.facts.types[typ]
	for i := range p.attributeCount {
		a := &p.attributes[i]
		name := p.bytes(a.name)
		switch {
		case a.uri == nsXMLNS:
		case a.prefix.end > a.prefix.start:
			p.judgePrefixed(a, typ, index)
		case string(name) == "value" && typ != typeExtension && (facts.kind != kindNone || typ == typeUnknown),
			string(name) == "url" && typ == typeExtension:
			t.value, t.plain = a.value, a.plain
		case typ == typeUnknown:
		case string(name) == "id" && facts.isElement:
			p.judgeID(a, index)
		default:
			p.reportAttribute(facts, name, index, int(a.name.start))
		}
	}
}

// judgePrefixed refuses attributes with a prefix, because FHIR has none. Hints
// for a schema processor are accepted, because they change nothing.
func (p *parser) judgePrefixed(a *attribute, typ uint16, index uint32) {
	name := string(p.bytes(a.name))
	switch {
	case a.uri.isSchemaHint(name):
	case typ == typeUnknown:
	case a.uri == nsInstance && name == "type":
		p.report(ruleSchemaInstance, index, int(a.name.start), "the type of a FHIR element is fixed by definition; received an attribute that names a type")
	default:
		p.report(ruleAttribute, index, int(a.name.start), "FHIR elements have no attributes with a prefix; received one")
	}
}

func (p *parser) judgeID(a *attribute, index uint32) {
	switch value := p.value(a); {
	case len(value) == 0:
		p.report(ruleValue, index, int(a.value.start), "an id needs at least one character; received none")
	case isBlank(value):
		p.report(ruleEmptyValue, index, int(a.value.start), "an id needs a visible character; received white space only")
	}
}

// judgeURL checks that an extension has a url.
func (p *parser) judgeURL(t *tag, index uint32) {
	if t.value.start == 0 {
		p.report(ruleRequired, index, int(t.start), "an extension needs the attribute url; received none")
		return
	}
	uri := typeFacts{fhirName: "uri", kind: kindURI}
	value := p.tagValue(t)
	if result := uri.checkValue(value); result != verdictGood {
		p.reportValue(&uri, result, index, int(t.value.start), value)
	}
}

// misplacedAttribute reports the one attribute of a quick tag if its type has
// no such attribute. It then forgets the attribute, unless the element is
// unknown.
func (p *parser) misplacedAttribute(t *tag, typ uint16, index uint32) {
	if typ == typeUnknown {
		if t.url {
			t.value.start = 0
		}
		return
	}
	name := "value"
	if t.url {
		name = "url"
	}
	p.reportAttribute(&p.facts.types[typ], []byte(name), index, int(t.value.start)-len(name)-2)
	t.value.start = 0
}
