package fhir

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// mutator changes XML in ways that a schema validator may or may not notice.
type mutator struct {
	rng   *rand.Rand
	names []string
	ins   *instances
}

func newMutator(seed uint64) *mutator {
	g := newInstances(seed)
	return &mutator{rng: g.rng, names: g.facts.names[1:], ins: g}
}

var tokenPattern = regexp.MustCompile(`(?s)<!--.*?-->|<!\[CDATA\[.*?\]\]>|<[^>]*>|[^<]+`)

func isStart(token string) bool {
	return len(token) > 1 && token[0] == '<' && token[1] != '/' && token[1] != '!' && token[1] != '?'
}

// mutate applies one change, sometimes two.
func (m *mutator) mutate(source string) string {
	changes := 1 + m.rng.IntN(4)/3
	for range changes {
		source = m.once(source)
	}
	return source
}

func (m *mutator) once(source string) string {
	operations := []func([]string) []string{
		m.remove, m.repeat, m.swap, m.move, m.rename, m.attributes, m.attributes, m.value, m.value, m.value, m.value,
		m.text, m.text, m.namespace, m.narrative, m.narrative, m.narrative,
	}
	switch m.rng.IntN(20) {
	case 0:
		return m.bytes(source)
	case 1:
		return m.around(source)
	}
	tokens := tokenPattern.FindAllString(source, -1)
	if !slices.ContainsFunc(tokens, isStart) {
		return source // nothing left to change
	}
	return strings.Join(operations[m.rng.IntN(len(operations))](tokens), "")
}

// element picks an element: the index of its first token and the index after its last.
func (m *mutator) element(tokens []string) (start, end int) {
	var starts []int
	for i, token := range tokens {
		if isStart(token) {
			starts = append(starts, i)
		}
	}
	start = starts[m.rng.IntN(len(starts))]
	return start, behind(tokens, start)
}

func behind(tokens []string, start int) int {
	depth := 0
	for i := start; i < len(tokens); i++ {
		switch {
		case strings.HasPrefix(tokens[i], "</"):
			depth--
		case isStart(tokens[i]) && !strings.HasSuffix(tokens[i], "/>"):
			depth++
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(tokens)
}

func join(parts ...[]string) []string {
	var all []string
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

func (m *mutator) remove(tokens []string) []string {
	start, end := m.element(tokens)
	return join(tokens[:start], tokens[end:])
}

func (m *mutator) repeat(tokens []string) []string {
	start, end := m.element(tokens)
	return join(tokens[:end], tokens[start:end], tokens[end:])
}

func (m *mutator) swap(tokens []string) []string {
	start, end := m.element(tokens)
	next := end
	for next < len(tokens) && !isStart(tokens[next]) {
		if strings.HasPrefix(tokens[next], "</") {
			return tokens
		}
		next++
	}
	if next == len(tokens) {
		return tokens
	}
	after := behind(tokens, next)
	return join(tokens[:start], tokens[next:after], tokens[end:next], tokens[start:end], tokens[after:])
}

func (m *mutator) move(tokens []string) []string {
	start, end := m.element(tokens)
	part := append([]string(nil), tokens[start:end]...)
	rest := join(tokens[:start], tokens[end:])
	if len(rest) == 0 {
		return tokens
	}
	at := m.rng.IntN(len(rest))
	return join(rest[:at], part, rest[at:])
}

var tagName = regexp.MustCompile(`^</?[^\s/>]+`)

func (m *mutator) rename(tokens []string) []string {
	start, end := m.element(tokens)
	name := m.names[m.rng.IntN(len(m.names))]
	if m.rng.IntN(3) == 0 {
		name = pick(m.rng, "valueString", "value", "x:y", "Text", "div", "entry", "\u00e9", "1a", "a:b:c", "extension")
	}
	out := append([]string(nil), tokens...)
	out[start] = tagName.ReplaceAllString(out[start], "<"+name)
	if end-1 > start {
		out[end-1] = tagName.ReplaceAllString(out[end-1], "</"+name)
	}
	return out
}

var attributePattern = regexp.MustCompile(`\s[^\s=]+="[^"]*"`)

func (m *mutator) attributes(tokens []string) []string {
	start, _ := m.element(tokens)
	out := append([]string(nil), tokens...)
	tag := out[start]
	found := attributePattern.FindStringIndex(tag)
	added := pick(m.rng, ` id="x"`, ` id=""`, ` id=" "`, ` value="true"`, ` url="http://x"`, ` xml:lang="en"`, ` xml:id="i"`,
		` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b"`, ` foo="1"`, ` class="a"`, ` xml:space="preserve"`,
		` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="string"`, ` xmlns:q="urn:q"`, ` xmlns:q="urn:q" q:value="1"`,
		` xmlns:f="http://hl7.org/fhir" f:value="1"`, ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"`,
		` Value="1"`, ` value='a"b'`, ` q:undeclared="1"`, ` style="color:red"`, ` onclick="x()"`)
	switch {
	case found != nil && m.rng.IntN(2) == 0:
		replacement := added
		switch m.rng.IntN(3) {
		case 0:
			replacement = ""
		case 1: // the same attribute, with other blanks and quotes
			name, value, _ := strings.Cut(strings.TrimSpace(tag[found[0]:found[1]]), "=")
			replacement = "\n\t" + name + " = " + strings.ReplaceAll(value, `"`, `'`)
		}
		out[start] = tag[:found[0]] + replacement + tag[found[1]:]
	default:
		name := tagName.FindString(tag)
		out[start] = name + added + tag[len(name):]
	}
	return out
}

// trickyValues has difficult values for every type.
var trickyValues = strings.Split(`|  |x| x|x |a  b|true|false|TRUE|1|0| true |-1|00|01|+1|1.0|1.|.5|1e5|2147483647|2147483648|-2147483648|-2147483649|4294967296|`+
	`0.000000000000000000000001|12345678901234567890123456|2017|2017-1|2017-13|2017-00|2017-02-29|2016-02-29|2017-02-30|2017-04-31|0000|0000-01-01|-0044|-0044-03-15|12017-01-01|`+
	`2017-01-01T00:00:00Z|2017-01-01T00:00:00|2017-01-01T00:00Z|2017-01-01T24:00:00Z|2017-01-01T23:59:60Z|2017-01-01T23:59:59.999+14:00|2017-01-01T00:00:00+14:01|`+
	`2017-01-01T00:00:00-00:00|2017-01-01T00:00:00.Z|2017-01-01t00:00:00z|2017-01-01 00:00:00Z|12017-01-01T00:00:00Z|2017-01-01T00:00:00+58:00|2100-02-29T00:00:00Z|`+
	`12:00:00|12:00|24:00:00|12:00:00Z|12:00:00.5|AAAA|AAA=|AA==|AB==|AAAAA|A A A A|AA=A|====|A-_A|http://a/b?c#d|http://a b|#a#b|%zz|a%20b|http://[::1]|http://[|1a:b|:a|a:b|`+
	`http://u@h@i|a[b]|http://h?[|http://h#[|http://h:80x|//|?|#|urn:oid:1.2.3|urn:oid:01|urn:oid:|urn:uuid:01234567-89ab-cdef-0123-456789abcdef|`+
	`urn:uuid:01234567-89AB-cdef-0123-456789abcdef|urn:uuid:0123|a_b|a.b-c|`+strings.Repeat("x", 64)+`|`+strings.Repeat("x", 65)+`|&#32;|&#9;a|a&#10;b|&#xA0;|&amp;|&lt;|&gt;|&quot;|`+
	`&apos;|&bogus;|&#0;|&#x110000;|&#xD800;|&#xFFFE;|&|&#;|&#x;|&#65|caf`+"\u00e9|\u2028|\ufffe|\x01|\xff|\xed\xa0\x80|\xc0\x80"+`|E U L|1 2 3|1  2|-.5 E|message|generated|completed|a>b|]]>|<|official|new`, "|")

func (m *mutator) value(tokens []string) []string {
	var starts []int
	for i, token := range tokens {
		if isStart(token) && strings.Contains(token, `value="`) {
			starts = append(starts, i)
		}
	}
	if len(starts) == 0 {
		return tokens
	}
	at := starts[m.rng.IntN(len(starts))]
	out := append([]string(nil), tokens...)
	head, rest, _ := strings.Cut(out[at], `value="`)
	old, tail, _ := strings.Cut(rest, `"`)
	value := trickyValues[m.rng.IntN(len(trickyValues))]
	switch m.rng.IntN(4) {
	case 0:
		value = m.edit(old)
	case 1:
		value = m.ins.value(&m.ins.facts.types[m.rng.IntN(20)+4])
		value = string(appendEscaped(nil, value))
	}
	out[at] = head + `value="` + value + `"` + tail
	return out
}

// edit changes one character of a value.
func (m *mutator) edit(s string) string {
	if s == "" {
		return "0"
	}
	at := m.rng.IntN(len(s))
	return s[:at] + pick(m.rng, "", "0", "9", " ", "-", ":", "T", "Z", "a", "%", "\t", s[at:at+1]+s[at:at+1]) + s[at+1:]
}

func (m *mutator) text(tokens []string) []string {
	at := m.rng.IntN(len(tokens) + 1)
	inserted := pick(m.rng, " ", "\n", "x", "&#32;", "&#160;", "&amp;", "&nbsp;", "<![CDATA[]]>", "<![CDATA[ ]]>", "<![CDATA[x]]>",
		"<!-- a -->", "<!-- a -- b -->", "<!--->", "<!---->", "<?pi?>", "]]>", "]]", "]]&gt;", "\u00a0", "\u200b", "\x00", "\x0b", "&#13;", "<", ">", "&",
		"<x/>", "<extension/>", `<extension url="http://x"><valueCode value="a"/></extension>`, `<extension url="u"/>`, "\u2028", "\xff", "<!DOCTYPE a>", "</x>")
	return join(tokens[:at], []string{inserted}, tokens[at:])
}

func (m *mutator) namespace(tokens []string) []string {
	start, end := m.element(tokens)
	out := append([]string(nil), tokens...)
	name := tagName.FindString(out[start])
	switch m.rng.IntN(3) {
	case 0: // another default namespace, or the same one again
		uri := pick(m.rng, "", "http://hl7.org/fhir", "http://hl7.org/FHIR", "http://www.w3.org/1999/xhtml", "urn:x", "http://www.w3.org/XML/1998/namespace", "http://hl7.org/fhi&#114;", "http://hl7.org/fhir ")
		out[start] = name + ` xmlns="` + uri + `"` + strings.ReplaceAll(out[start][len(name):], ` xmlns=`, ` data-old=`)
		if m.rng.IntN(2) == 0 {
			out[start] = strings.Replace(out[start], " data-old=\"http://hl7.org/fhir\"", "", 1)
		}
	case 1: // a prefix that is declared here
		uri := pick(m.rng, "http://hl7.org/fhir", "http://www.w3.org/1999/xhtml", "urn:x", "")
		out[start] = "<p:" + name[1:] + ` xmlns:p="` + uri + `"` + out[start][len(name):]
		if end-1 > start {
			out[end-1] = "</p:" + strings.TrimPrefix(out[end-1], "</")
		}
	case 2: // a prefix that is not declared
		out[start] = "<p:" + name[1:] + out[start][len(name):]
		if end-1 > start {
			out[end-1] = "</p:" + strings.TrimPrefix(out[end-1], "</")
		}
	}
	return out
}

// narrative returns a resource a narrative of random XHTML.
func (m *mutator) narrative(tokens []string) []string {
	var places []int
	inNarrative := false
	for i, token := range tokens {
		name := strings.TrimLeft(tagName.FindString(token), "</")
		inNarrative = inNarrative && !strings.HasPrefix(token, "</text") || strings.HasPrefix(token, "<text>")
		_, isResource := m.ins.facts.types[typeResourceContainer].named(m.ins.facts, name)
		if isStart(token) && isResource && !strings.HasSuffix(token, "/>") {
			places = append(places, i+1)
		}
	}
	if len(places) == 0 {
		return tokens
	}
	at := places[m.rng.IntN(len(places))]
	// Its place is after the elements that come before text in every resource.
	for at < len(tokens) {
		name := strings.TrimLeft(tagName.FindString(tokens[at]), "<")
		if isStart(tokens[at]) && (name == "id" || name == "meta" || name == "implicitRules" || name == "language" || name == "text") {
			end := behind(tokens, at)
			if name == "text" {
				tokens = join(tokens[:at], tokens[end:])
				break
			}
			at = end
			continue
		}
		if isStart(tokens[at]) || strings.HasPrefix(tokens[at], "</") {
			break
		}
		at++
	}
	text := `<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"` + m.htmlAttributes("div") + `>` + m.html("div", 4) + `</div></text>`
	return join(tokens[:at], []string{text}, tokens[at:])
}

func (t *typeFacts) named(table *factTable, name string) (elementFacts, bool) {
	c := t.find(table.names, []byte(name))
	if c == nil {
		return elementFacts{}, false
	}
	return elementFacts{c.name, c.typ}, true
}

// html makes content for an element, mostly content that is allowed.
func (m *mutator) html(parent string, depth int) string {
	e := htmlElements[htmlIndex[parent]]
	if parent == "table" && m.rng.IntN(4) > 0 {
		return m.table(depth)
	}
	var children []string
	for i := range htmlElements {
		if e.children[htmlElements[i].name] {
			children = append(children, htmlElements[i].name)
		}
	}
	var b strings.Builder
	for range m.rng.IntN(3) + 1 {
		if e.mixed || m.rng.IntN(15) == 0 {
			b.WriteString(pick(m.rng, "text", " ", "&amp;", "<!-- c -->", "<![CDATA[<]]>", "", "&#233;"))
		}
		name := ""
		if len(children) > 0 {
			name = children[m.rng.IntN(len(children))]
		}
		if m.rng.IntN(15) == 0 {
			name = pick(m.rng, "script", "object", "form", "input", "p", "td", "tr", "li", "map", "area", "ins", "style", "head", "body", "iframe", "font", "u")
		}
		if name == "" || depth == 0 && !e.needsChild {
			continue
		}
		b.WriteString(m.htmlElement(name, depth-1))
	}
	return b.String()
}

func (m *mutator) htmlElement(name string, depth int) string {
	content := ""
	if depth > -6 && m.rng.IntN(8) > 0 {
		content = m.html(name, max(depth, 0))
	}
	if content == "" {
		return "<" + name + m.htmlAttributes(name) + "/>"
	}
	return "<" + name + m.htmlAttributes(name) + ">" + content + "</" + name + ">"
}

func (m *mutator) table(depth int) string {
	var b strings.Builder
	for _, part := range []string{"caption", "col", "colgroup", "col", "thead", "tfoot", "thead", "tbody", "tr", "tbody"} {
		if m.rng.IntN(3) == 0 {
			b.WriteString(m.htmlElement(part, depth-2))
		}
	}
	return b.String()
}

// htmlAttributes makes attributes, mostly those that the element may have.
func (m *mutator) htmlAttributes(name string) string {
	e := htmlElements[htmlIndex[name]]
	var b strings.Builder
	used := map[string]bool{}
	add := func(name, typ string) {
		if !used[name] {
			used[name] = true
			fmt.Fprintf(&b, ` %s="%s"`, name, m.htmlValue(typ))
		}
	}
	for _, required := range e.required {
		if m.rng.IntN(20) > 0 {
			add(required, e.attributes[required])
		}
	}
	for name, typ := range e.attributes {
		if m.rng.IntN(3*len(e.attributes)) == 0 {
			add(name, typ)
		}
	}
	if m.rng.IntN(40) == 0 {
		add(pick(m.rng, "onclick", "name", "id", "xml:id", "xml:space", "value", "bgcolor", "align", "target", "href", "xml:lang"), "text")
	}
	return b.String()
}

func (m *mutator) htmlValue(typ string) string {
	if strings.Contains(typ, "|") && m.rng.IntN(4) > 0 {
		return pick(m.rng, strings.Split(typ, "|")...)
	}
	good := map[string][]string{
		"ID": {m.ins.unique(), m.ins.unique(), "same", " trimmed "}, "NMTOKENS": {"a", "a b", "", "1 -"}, "NMTOKEN": {"a", "1"}, "IDREFS": {"a b", "", "1"},
		"style": {"color:red"}, "language": {"en", "en-GB"}, "language-or-none": {"", "en"}, "uri": {"http://a", "#x", "mailto:a@b"},
		"character": {"a", "\u00e9"}, "number": {"1", "007"}, "tabindex": {"0", "32767", "32768", "00032767"}, "length": {"1", "50%", "+1.5%", "1.5", "\u0663"},
		"multilength": {"1", "5*", "*", "12*", "05*"}, "coords": {"1,2", "1, 2%", "1 ,2"}, "nonNegativeInteger": {"1", "+1", "-1", "-0", "1.0"},
	}
	if values := good[typ]; len(values) > 0 && m.rng.IntN(6) > 0 {
		return pick(m.rng, values...)
	}
	value := trickyValues[m.rng.IntN(len(trickyValues))]
	if !validText(value) {
		return "x"
	}
	return value
}

// validText reports whether XML can hold a text; other mutations try the rest.
func validText(s string) bool {
	return !strings.ContainsAny(s, "<\x01") && strings.ToValidUTF8(s, "") == s && !strings.Contains(s, "\ufffe") && (!strings.Contains(s, "&") || strings.HasPrefix(s, "&amp;"))
}

func (m *mutator) bytes(source string) string {
	if source == "" {
		return "x"
	}
	at := m.rng.IntN(len(source))
	return source[:at] + pick(m.rng, "", "<", ">", "\"", "&", "/", " ", "=", ":", "\x00", "\x1f", "\xff", "\xc3\xa9", "x", "'", "-", "]", ";", "#") + source[at+m.rng.IntN(2):]
}

func (m *mutator) around(source string) string {
	switch m.rng.IntN(3) {
	case 0:
		return source + pick(m.rng, " ", "\n", "x", "<!-- c -->", "<?pi?>", "<a/>", "</a>", "\x00", "<![CDATA[]]>", "&#32;")
	case 1:
		return pick(m.rng, "\ufeff", " ", "\n", "x", "<!-- c -->", "<?pi?>", "<!DOCTYPE Bundle>", "<a/>", "\x00") + source
	}
	return pick(m.rng, `<?xml version="1.0"?>`, `<?xml version="1.0" encoding="UTF-8"?>`, `<?xml version='1.0' encoding='utf-8' standalone='no' ?>`, `<?xml version="1.1"?>`,
		`<?xml version="2.0"?>`, `<?xml encoding="utf-8"?>`, `<?xml version="1.0" encoding="iso-8859-1"?>`, `<?xml version="1.0" standalone="maybe"?>`, `<?xml?>`, `<?xml version="1.0"`,
		`<?xml version="1.0" encoding=""?>`, `<?xml version="1.0"encoding="utf-8"?>`, `<?XML version="1.0"?>`, `<?xml version="1.0" encoding="UTF-16"?>`) + source
}
