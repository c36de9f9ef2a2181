package fhir

import (
	"bytes"
)

// openNarrative starts a narrative at the div that was just recorded.
func (p *parser) openNarrative(f *frame) {
	f.html = htmlDiv
	p.readable = false
	p.narrativeAttributes(&htmlElements[htmlDiv], f.node)
}

// narrativeElement judges an element inside a narrative. It makes no record,
// because readers see the narrative as one piece.
func (p *parser) narrativeElement(t *tag) {
	parent := &p.frames[p.depth]
	f := frame{name: t.qname, node: parent.node, html: parent.html, typ: typeXHTML, unchecked: true, outer: t.outer}
	parent.content = true
	if !parent.unchecked {
		f.html, f.unchecked = p.placeNarrative(parent, t)
		if f.unchecked {
			f.html = parent.html
			p.readable = true // already refused, so it is not also reported as empty
		} else {
			p.narrativeAttributes(&htmlElements[f.html], f.node)
			p.readable = p.readable || htmlElements[f.html].name == "img"
		}
	}
	p.depth++
	p.frames[p.depth] = f
	if t.empty {
		p.closeElement(&p.frames[p.depth])
	}
}

// placeNarrative finds the element in its parent's content model. The content
// of a refused element is not judged.
func (p *parser) placeNarrative(parent *frame, t *tag) (html uint8, refused bool) {
	e := &htmlElements[parent.html]
	name := string(p.bytes(t.local))
	html, known := htmlIndex[name]
	switch {
	case t.ns != nsXHTML:
		p.report(ruleNarrativeElement, parent.node, int(t.start), "a narrative is written in the namespace http://www.w3.org/1999/xhtml; received an element of another namespace, or of none")
		return 0, true
	case !known:
		p.report(ruleNarrativeElement, parent.node, int(t.start), "a narrative has no element ", quoteName(p.bytes(t.local)))
		return 0, true
	case htmlElements[html].refused:
		p.report(ruleTxt1, parent.node, int(t.start), "a narrative has no ", name, ": basic formatting, tables, lists, links and images only")
		return 0, true
	case !e.children[name]:
		p.report(ruleNarrativeElement, parent.node, int(t.start), e.name, " has no element ", name, " inside it")
		return 0, true
	case e.stages != nil && !stageFollows(parent.stage, e.stages[name]):
		p.report(ruleNarrativeElement, parent.node, int(t.start), name, " is not allowed here: a table has caption, columns, head, foot and rows in this order")
	}
	parent.stage = max(parent.stage, e.stages[name])
	return html, false
}

// closeNarrative judges an element of a narrative at its end tag.
func (p *parser) closeNarrative(f *frame) {
	if f.unchecked {
		return
	}
	e := &htmlElements[f.html]
	start := int(f.name.start) - 1
	switch {
	case e.stages != nil && f.stage < stageBody:
		p.report(ruleNarrativeElement, f.node, start, "a table needs a row; received none")
	case e.needsChild && !f.content:
		p.report(ruleNarrativeElement, f.node, start, e.name, " needs an element inside it; received none")
	}
	if p.frames[p.depth].html == 0 && !p.readable {
		p.report(ruleTxt2, f.node, start, "a narrative needs text or an image; received neither")
	}
}

// narrativeText judges the text that ends at the scanner's position.
func (p *parser) narrativeText(f *frame, start int, visible bool) {
	if f.unchecked {
		return
	}
	e := &htmlElements[f.html]
	empty := !e.mixed && len(e.children) == 0
	switch {
	case e.mixed:
		p.readable = p.readable || visible
	case (visible || empty) && !f.stray:
		f.stray = true
		p.report(ruleNarrativeText, f.node, start, e.name, " has no text of its own; received some")
	}
}

// narrativeAttributes judges the attributes of the tag just read.
func (p *parser) narrativeAttributes(e *htmlElement, node uint32) {
	for _, name := range e.required {
		if !p.hasAttribute(name) {
			p.report(ruleNarrativeAttribute, node, p.pos-1, e.name, " needs the attribute ", name, "; received none")
		}
	}
	for i := range p.attributeCount {
		a := &p.attributes[i]
		if a.uri == nsXMLNS {
			continue
		}
		name := string(p.bytes(a.name))
		switch {
		case a.uri.isSchemaHint(name):
			continue
		case a.uri == nsXML:
			name = "xml:" + name
		case a.prefix.end > a.prefix.start:
			name = string(p.bytes(span{a.prefix.start, a.name.end}))
		}
		p.narrativeAttribute(e, name, a, node)
	}
}

func (p *parser) hasAttribute(name string) bool {
	for i := range p.attributeCount {
		a := &p.attributes[i]
		if a.prefix.start == a.prefix.end && string(p.bytes(a.name)) == name {
			return true
		}
	}
	return false
}

func (p *parser) narrativeAttribute(e *htmlElement, name string, a *attribute, node uint32) {
	typ, allowed := e.attributes[name]
	value := p.value(a)
	offset := int(a.name.start)
	switch {
	case !allowed:
		p.report(ruleNarrativeAttribute, node, offset, e.name, " has no attribute ", quoteName([]byte(name)))
	case !htmlValue(typ, value):
		p.report(ruleNarrativeAttribute, node, offset, name, " of ", e.name, " needs the form ", typ, "; received ", describe(value))
	case typ == "ID":
		p.addID(a, node)
	case typ == "uri" && !harmlessLink(value, name == "src"):
		p.report(ruleNarrativeActive, node, offset, "a link or image in a narrative must use http, https, ftp, mailto, tel, urn or a fragment; received another scheme")
	case typ == "style" && !harmlessStyle(value):
		p.report(ruleNarrativeActive, node, offset, "a style must not run or load anything; received one that may")
	}
}

// addID checks that ids in narratives are unique in a document. (The schema
// demands it; unlike the ids of FHIR elements they are XML ids.)
func (p *parser) addID(a *attribute, node uint32) {
	id := string(bytes.Trim(p.value(a), " \t\r\n"))
	if _, twice := p.ids[id]; twice {
		p.report(ruleNarrativeAttribute, node, int(a.value.start), "an id in a narrative may occur once in a document; received it again")
		return
	}
	if p.ids == nil {
		p.ids = map[string]struct{}{}
	}
	p.ids[id] = struct{}{}
}
