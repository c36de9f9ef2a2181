package fhir

import (
	"bytes"
	"math"
)

// Limits on the input. No FHIR message needs more; input beyond them is
// malicious or broken.
const (
	maxDepth      = 64      // levels of elements, narrative included
	maxAttributes = 64      // attributes of one element, namespace declarations included
	maxElements   = 100_000 // in a document, narratives included; also the values of a JSON text
	maxNamespaces = 256     // declared in a document and not known to STU3
	maxPrefixes   = 256
)

// ParseXML reads a resource of any type and checks its structure. src must not
// change afterwards, because the document points into it.
//
// The error is a *SyntaxError and means that nothing could be read. Otherwise
// the document is returned, even when there are findings. Findings are in
// document order and capped at 200; one more, of severity information, then
// says how many were left out. ParseXML takes time in proportion to the input,
// and at most eight times its size in memory.
func ParseXML(src []byte) (*Document, []Finding, error) {
	table := facts()
	p := parser{src: src, doc: &Document{src: src, facts: table}, facts: table}
	p.names = p.facts.names
	if err := p.parse(typeResourceContainer); err != nil {
		return nil, nil, err
	}
	return p.doc, p.findings(), nil
}

// parser reads one document. A method that returns an error has found that the
// input is not well formed, and reading ends.
type parser struct {
	src   []byte
	pos   int
	doc   *Document // the result
	nodes []record  // of doc, while it is read
	facts *factTable
	names []string

	frames   [maxDepth + 1]frame // frames[0] surrounds the root
	depth    int                 // index of the innermost open element
	elements int                 // how many were read so far

	space           scope // namespaces in force
	bindings        []binding
	prefixes        map[string]*prefix
	otherNamespaces map[string]namespace

	attributes     [maxAttributes]attribute
	attributeCount int

	reporter
	ids      map[string]struct{} // ids in narratives
	readable bool                // whether the current narrative has text or an image
}

// frame is an open element.
type frame struct {
	name      span   // as written, prefix included
	node      uint32 // index of its record; in a narrative that of the div
	typ       uint16
	slot      uint8  // the current slot of the content model
	html      uint8  // in a narrative the index of the element, otherwise 0
	stage     uint8  // in a narrative the current stage of an ordered content model
	stray     bool   // misplaced text was found and reported
	content   bool   // has element children
	unchecked bool   // in a narrative: inside an element that was already refused
	seen      uint64 // the slots that are filled
	outer     scope  // the namespaces of the surrounding element
}

// span is a byte range of the source.
type span struct{ start, end uint32 }

func (p *parser) bytes(s span) []byte { return p.src[s.start:s.end] }

// parse reads a document. Its root is treated as a child of an element of type around.
func (p *parser) parse(around uint16) error {
	if uint64(len(p.src)) > math.MaxUint32 {
		return p.syntax("fhir-size", "more than 4 GiB", 0)
	}
	if err := p.prolog(); err != nil {
		return err
	}
	p.nodes = make([]record, 0, len(p.src)/40+16)
	p.frames[0] = frame{typ: around}
	if p.pos >= len(p.src) || p.src[p.pos] != '<' {
		return p.syntax("xml-root", "an XML document starts with an element; received other text or nothing", p.pos)
	}
	if err := p.startTag(); err != nil {
		return err
	}
	for p.depth > 0 {
		if err := p.content(); err != nil {
			return err
		}
	}
	if err := p.epilog(); err != nil {
		return err
	}
	p.doc.nodes = p.nodes
	p.judgeInvariants()
	return nil
}

// content reads text up to the next markup, and that markup.
func (p *parser) content() error {
	src, i := p.src, p.pos
	for i < len(src) && class[src[i]]&classSpace != 0 {
		i++
	}
	if i >= len(src) || src[i] != '<' || p.frames[p.depth].html != 0 {
		if err := p.text(); err != nil {
			return err
		}
		i = p.pos
	}
	p.pos = i
	if i+1 >= len(src) {
		return p.unexpectedEnd()
	}
	switch src[i+1] {
	case '/':
		return p.endTag()
	case '!':
		return p.declaration()
	case '?':
		return p.instruction()
	}
	return p.startTag()
}

// declaration reads a comment or CDATA inside an element.
func (p *parser) declaration() error {
	rest := p.src[p.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("<!--")):
		return p.comment()
	case bytes.HasPrefix(rest, []byte("<![CDATA[")):
		return p.cdata()
	}
	return p.syntax("xml-markup", "<! inside an element must start a comment or CDATA", p.pos)
}

func (p *parser) instruction() error {
	return p.syntax("fhir-processing-instruction", "processing instructions are not allowed in a resource", p.pos)
}

// endTag closes the innermost element.
func (p *parser) endTag() error {
	f := &p.frames[p.depth]
	name := p.bytes(f.name)
	i := p.pos + 2 + len(name)
	if i > len(p.src) {
		return p.unexpectedEnd()
	}
	if string(p.src[p.pos+2:i]) != string(name) {
		return p.syntax("xml-end-tag", "the end tag does not name the element that is open", p.pos)
	}
	for i < len(p.src) && isSpace(p.src[i]) {
		i++
	}
	if i >= len(p.src) {
		return p.unexpectedEnd()
	}
	if p.src[i] != '>' {
		return p.syntax("xml-end-tag", "the end tag does not name the element that is open", p.pos)
	}
	p.pos = i + 1
	p.closeElement(f)
	return nil
}

// closeElement judges the content of an element that has ended, and removes its frame.
func (p *parser) closeElement(f *frame) {
	p.restore(f.outer)
	p.depth--
	if f.html != 0 {
		p.closeNarrative(f)
		if p.frames[p.depth].html != 0 {
			return
		}
	} else {
		p.checkContent(f)
	}
	n := &p.nodes[f.node]
	n.end = uint32(p.pos)
	n.next = uint32(len(p.nodes))
}

func (p *parser) unexpectedEnd() error {
	return p.syntax("xml-end", "the document ends inside an element", len(p.src))
}

// syntax makes the error that ends reading.
func (p *parser) syntax(rule, text string, offset int) error {
	line, column := position(p.src, offset)
	return &SyntaxError{Rule: rule, Text: text, Line: line, Column: column}
}
