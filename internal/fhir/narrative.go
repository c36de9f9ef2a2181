package fhir

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// openNarrative starts a narrative: the div that was just recorded.
func (p *parser) openNarrative(f *frame) {
	f.html = htmlDiv
	p.readable = false
	p.narrativeAttributes(&htmlElements[htmlDiv], f.node)
}

// narrativeElement judges an element inside a narrative. It makes no record:
// to readers the narrative is one piece.
func (p *parser) narrativeElement(t *tag) {
	parent := &p.frames[p.depth]
	f := frame{name: t.qname, node: parent.node, html: parent.html, typ: typeXHTML, unchecked: true, outer: t.outer}
	parent.content = true
	if !parent.unchecked {
		f.html, f.unchecked = p.placeNarrative(parent, t)
		if f.unchecked {
			f.html = parent.html
			p.readable = true // refused already: not also for saying nothing
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

// placeNarrative finds the element in its parent's content model; refused
// elements' content is not judged.
func (p *parser) placeNarrative(parent *frame, t *tag) (html uint8, refused bool) {
	e := &htmlElements[parent.html]
	name := string(p.bytes(t.local))
	html, known := htmlIndex[name]
	switch {
	case t.ns != nsXHTML:
		p.report(ruleNarrativeElement, parent.node, int(t.start), "a narrative is written in the namespace http://www.w3.org/1999/xhtml; received an element of another or none")
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
		p.report(ruleNarrativeElement, parent.node, int(t.start), name, " has no place here: a table has caption, columns, head, foot and rows in this order")
	}
	parent.stage = max(parent.stage, e.stages[name])
	return html, false
}

// closeNarrative judges an element of a narrative that closes.
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

// narrativeText judges text that ends where the scanner stands.
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
		p.report(ruleNarrativeActive, node, offset, "a narrative links by http, https, ftp, mailto, tel, urn or a fragment and shows images; received another scheme")
	case typ == "style" && !harmlessStyle(value):
		p.report(ruleNarrativeActive, node, offset, "a style formats and does not run or load anything; received one that may")
	}
}

var htmlPatterns = map[string]*regexp.Regexp{
	"language":           regexp.MustCompile(`^[ \t\r\n]*[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*[ \t\r\n]*$`),
	"language-or-none":   regexp.MustCompile(`^([ \t\r\n]*[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*[ \t\r\n]*)?$`),
	"length":             regexp.MustCompile(`^[-+]?(\p{Nd}+|\p{Nd}+(\.\p{Nd}+)?%)$`),
	"multilength":        regexp.MustCompile(`^([-+]?(\p{Nd}+|\p{Nd}+(\.\p{Nd}+)?%)|[1-9]?(\p{Nd}+)?\*)$`),
	"coords":             regexp.MustCompile(`^[-+]?(\p{Nd}+|\p{Nd}+(\.\p{Nd}+)?%)(,[ \t\r\n]*[-+]?(\p{Nd}+|\p{Nd}+(\.\p{Nd}+)?%))*$`),
	"number":             regexp.MustCompile(`^[ \t\r\n]*0*[0-9]{1,24}[ \t\r\n]*$`),
	"nonNegativeInteger": regexp.MustCompile(`^[ \t\r\n]*(\+?0*[0-9]{1,24}|-0+)[ \t\r\n]*$`),
	"tabindex":           regexp.MustCompile(`^[ \t\r\n]*0*([0-9]{1,4}|[0-2][0-9]{4}|3[01][0-9]{3}|32[0-6][0-9]{2}|327[0-5][0-9]|3276[0-7])[ \t\r\n]*$`),
}

// htmlValue checks an attribute's value against its type.
func htmlValue(typ string, value []byte) bool {
	trimmed := bytes.Trim(value, " \t\r\n")
	switch typ {
	case "text", "style":
		return true
	case "ID":
		return isNCName(trimmed)
	case "NMTOKEN":
		return isNMToken(trimmed)
	case "NMTOKENS":
		return areAll(value, isNMToken)
	case "IDREFS":
		return areAll(value, isNCName)
	case "uri":
		return isURIReference(trimmed)
	case "character":
		return utf8.RuneCount(value) == 1
	}
	if pattern, found := htmlPatterns[typ]; found {
		return pattern.Match(value)
	}
	return slices.Contains(strings.Split(strings.TrimSuffix(typ, "|"), "|"), string(trimmed))
}

// areAll judges the tokens of a list, which may be empty.
func areAll(value []byte, good func([]byte) bool) bool {
	for token := range bytes.FieldsFuncSeq(value, func(r rune) bool { return r <= ' ' && isSpace(byte(r)) }) {
		if !good(token) {
			return false
		}
	}
	return true
}

func isNMToken(v []byte) bool {
	for _, r := range string(v) {
		if !isNameChar(r) && r != ':' {
			return false
		}
	}
	return len(v) > 0
}

// harmlessLink lets pass what a reader expects behind a link. Browsers skip
// control characters and blanks at the start of a scheme.
func harmlessLink(value []byte, image bool) bool {
	clean := strings.ToLower(strings.Map(func(r rune) rune {
		if r <= ' ' {
			return -1
		}
		return r
	}, string(value)))
	end := strings.IndexAny(clean, ":/?#")
	if end < 0 || clean[end] != ':' {
		return true
	}
	switch clean[:end] {
	case "http", "https", "ftp", "mailto", "tel", "urn", "cid":
		return true
	case "data":
		return image && strings.HasPrefix(clean, "data:image/")
	}
	return false
}

var activeStyle = regexp.MustCompile(`(?i)\\|expression\s*\(|javascript:|vbscript:|behaviou?r\s*:|-moz-binding|@import|url\s*\(`)

var styleComment = regexp.MustCompile(`(?s)/\*.*?\*/`)

// harmlessStyle refuses what makes a style run or load something, and
// backslashes, which hide such words.
func harmlessStyle(value []byte) bool {
	return !activeStyle.Match(value) && !activeStyle.Match(styleComment.ReplaceAll(value, nil))
}

// addID: ids in narratives are unique in a document. (The schema makes them so;
// they are XML ids, unlike the ids of FHIR elements.)
func (p *parser) addID(a *attribute, node uint32) {
	id := string(bytes.Trim(p.value(a), " \t\r\n"))
	if _, twice := p.ids[id]; twice {
		p.report(ruleNarrativeAttribute, node, int(a.value.start), "an id in a narrative may stand once in a document; received it again")
		return
	}
	if p.ids == nil {
		p.ids = map[string]struct{}{}
	}
	p.ids[id] = struct{}{}
}
