package fhir

import "strings"

// The narrative's XHTML: what HL7's fhir-xhtml.xsd states of each element
// (XHTML 1.0 strict without forms, scripts, objects, and inserted and deleted
// text). Groups of elements and attributes have the same names as in that
// schema.

// htmlElement is one element of the narrative.
type htmlElement struct {
	name       string
	mixed      bool // may contain text
	children   map[string]bool
	stages     map[string]uint8 // the stage of each child, where children have an order
	needsChild bool
	attributes map[string]string // name to type
	required   []string
	refused    bool // in the schema, but not allowed by narrative.html
}

const (
	htmlSpecialPre = "br span bdo map "
	htmlSpecial    = htmlSpecialPre + "img "
	htmlFontStyle  = "tt i b big small "
	htmlPhrase     = "em strong dfn code q samp kbd var cite abbr acronym sub sup "
	htmlInline     = "a " + htmlSpecial + htmlFontStyle + htmlPhrase
	htmlBlock      = "p h1 h2 h3 h4 h5 h6 div ul ol dl pre hr blockquote address table "
	htmlFlow       = htmlBlock + htmlInline

	htmlCore     = "id=ID class=NMTOKENS style=style title=text "
	htmlI18n     = "lang=language xml:lang=language-or-none dir=ltr|rtl "
	htmlAttrs    = htmlCore + htmlI18n
	htmlFocus    = "accesskey=character tabindex=tabindex "
	htmlHAlign   = "align=left|center|right|justify|char char=character charoff=length "
	htmlVAlign   = "valign=top|middle|bottom|baseline "
	htmlAlign    = htmlAttrs + htmlHAlign + htmlVAlign
	htmlColumn   = htmlAlign + "span=number width=multilength "
	htmlCell     = htmlAlign + "abbr=text axis=text headers=IDREFS scope=row|col|rowgroup|colgroup rowspan=number colspan=number "
	htmlShape    = "shape=rect|circle|poly|default coords=coords "
	htmlFrame    = "frame=void|above|below|hsides|lhs|rhs|vsides|box|border rules=none|groups|rows|cols|all "
	htmlEmphasis = htmlFontStyle + htmlPhrase
)

// htmlElements is the table; index 0 means none, index 1 is div.
var htmlElements = []htmlElement{
	{},
	html("div", true, htmlFlow, htmlAttrs),
	html("p", true, htmlInline, htmlAttrs),
	html("h1", true, htmlInline, htmlAttrs),
	html("h2", true, htmlInline, htmlAttrs),
	html("h3", true, htmlInline, htmlAttrs),
	html("h4", true, htmlInline, htmlAttrs),
	html("h5", true, htmlInline, htmlAttrs),
	html("h6", true, htmlInline, htmlAttrs),
	needing(html("ul", false, "li", htmlAttrs)),
	needing(html("ol", false, "li", htmlAttrs)),
	html("li", true, htmlFlow, htmlAttrs),
	needing(html("dl", false, "dt dd", htmlAttrs)),
	html("dt", true, htmlInline, htmlAttrs),
	html("dd", true, htmlFlow, htmlAttrs),
	html("address", true, htmlInline, htmlAttrs),
	html("hr", false, "", htmlAttrs),
	html("pre", true, "a "+htmlEmphasis+htmlSpecialPre, htmlAttrs+"xml:space=default|preserve"),
	html("blockquote", false, htmlBlock, htmlAttrs+"cite=uri"),
	html("a", true, htmlSpecial+htmlEmphasis, htmlAttrs+htmlFocus+htmlShape+
		"charset=text type=text name=NMTOKEN href=uri hreflang=language rel=NMTOKENS rev=NMTOKENS"),
	html("span", true, htmlInline, htmlAttrs),
	requiring(html("bdo", true, htmlInline, htmlAttrs), "dir"),
	html("br", false, "", htmlCore),
	html("em", true, htmlInline, htmlAttrs),
	html("strong", true, htmlInline, htmlAttrs),
	html("dfn", true, htmlInline, htmlAttrs),
	html("code", true, htmlInline, htmlAttrs),
	html("samp", true, htmlInline, htmlAttrs),
	html("kbd", true, htmlInline, htmlAttrs),
	html("var", true, htmlInline, htmlAttrs),
	html("cite", true, htmlInline, htmlAttrs),
	html("abbr", true, htmlInline, htmlAttrs),
	html("acronym", true, htmlInline, htmlAttrs),
	html("q", true, htmlInline, htmlAttrs+"cite=uri"),
	html("sub", true, htmlInline, htmlAttrs),
	html("sup", true, htmlInline, htmlAttrs),
	html("tt", true, htmlInline, htmlAttrs),
	html("i", true, htmlInline, htmlAttrs),
	html("b", true, htmlInline, htmlAttrs),
	html("big", true, htmlInline, htmlAttrs),
	html("small", true, htmlInline, htmlAttrs),
	requiring(html("img", false, "", htmlAttrs+
		"src=uri alt=text longdesc=uri height=length width=length usemap=uri ismap=ismap|"), "src", "alt"),
	// Image maps belong to HTML 4.0 chapter 13, which narratives leave out.
	{name: "map", refused: true},
	staged(html("table", false, "", htmlAttrs+htmlFrame+
		"summary=text width=length border=nonNegativeInteger cellspacing=length cellpadding=length")),
	html("caption", true, htmlInline, htmlAttrs),
	needing(html("thead", false, "tr", htmlAlign)),
	needing(html("tfoot", false, "tr", htmlAlign)),
	needing(html("tbody", false, "tr", htmlAlign)),
	html("colgroup", false, "col", htmlColumn),
	html("col", false, "", htmlColumn),
	needing(html("tr", false, "th td", htmlAlign)),
	html("th", true, htmlFlow, htmlCell),
	html("td", true, htmlFlow, htmlCell),
}

const htmlDiv = 1

// htmlIndex finds an element in the table.
var htmlIndex = func() map[string]uint8 {
	index := map[string]uint8{}
	for i, e := range htmlElements {
		index[e.name] = uint8(i)
	}
	delete(index, "")
	return index
}()

func html(name string, mixed bool, children, attributes string) htmlElement {
	e := htmlElement{name: name, mixed: mixed, children: map[string]bool{}, attributes: map[string]string{}}
	for child := range strings.FieldsSeq(children) {
		e.children[child] = true
	}
	for a := range strings.FieldsSeq(attributes) {
		name, typ, _ := strings.Cut(a, "=")
		e.attributes[name] = typ
	}
	return e
}

func needing(e htmlElement) htmlElement {
	e.needsChild = true
	return e
}

func requiring(e htmlElement, attributes ...string) htmlElement {
	e.required = attributes
	return e
}

// Stages of a table's content, in order.
const (
	stageCaption = iota + 1
	stageCol
	stageColgroup
	stageHead
	stageFoot
	stageBody
	stageRow
)

// staged returns a table's content its order: caption?, (col* | colgroup*),
// thead?, tfoot?, (tbody+ | tr+).
func staged(e htmlElement) htmlElement {
	e.needsChild = true
	e.stages = map[string]uint8{
		"caption": stageCaption, "col": stageCol, "colgroup": stageColgroup, "thead": stageHead,
		"tfoot": stageFoot, "tbody": stageBody, "tr": stageRow,
	}
	for child := range e.stages {
		e.children[child] = true
	}
	return e
}

// stageFollows reports whether a child of stage next may come at stage now.
func stageFollows(now, next uint8) bool {
	switch {
	case next == now:
		return next == stageCol || next == stageColgroup || next == stageBody || next == stageRow
	case now == stageCol && next == stageColgroup, now == stageBody && next == stageRow:
		return false
	}
	return next > now
}
