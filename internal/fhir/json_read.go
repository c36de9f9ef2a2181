package fhir

import (
	"bytes"
	"slices"
	"strconv"
)

// JSONToXML converts FHIR JSON to XML (STU3, json.html), with the elements in
// the schema's order whatever the order of the members. ParseXML then judges
// the structure, so that both formats have one judge. The findings here are
// those that XML cannot show: an unknown member, a wrong JSON type, an array
// that is not allowed or is missing. What they concern is left out of the XML;
// their Expression is the path of member names. They are capped at 200.
//
// The XML is nil when resourceType names no resource. The error is a
// *SyntaxError: not JSON, a member twice, not UTF-8, more than 128 levels, or
// XML that would be longer than three times the JSON plus 64 KiB, or than 4
// MiB.
func JSONToXML(src []byte) ([]byte, []Finding, error) {
	table, err := scanJSON(src)
	if err != nil {
		return nil, nil, err
	}
	c := jsonConverter{jsonTable: table, facts: facts(), limit: min(3*len(src)+64*1024, maxXML)}
	c.out = make([]byte, 0, len(src)+1024)
	known := c.resource(0, " xmlns=\""+fhirNamespace+"\"")
	if c.tooLong {
		return nil, nil, table.failed("fhir-size", "the JSON would become too long as XML, because of characters that must be escaped: more than three times as long, or more than 4 MiB", 0)
	}
	if !known {
		return nil, c.findings(), nil
	}
	return c.out, c.findings(), nil
}

// maxXML limits the XML, because escapes that we write cost as much again as
// those that we read.
const maxXML = 4 << 20

type jsonConverter struct {
	*jsonTable
	facts    *factTable
	out      []byte
	limit    int
	tooLong  bool // the output would exceed limit
	path     []byte
	problems []jsonProblem
	omitted  int
}

// reserve makes room for n more bytes and reports whether they fit. When the
// buffer first has to grow, it grows to the whole limit.
func (c *jsonConverter) reserve(n int) bool {
	need := len(c.out) + n
	if need > c.limit {
		c.tooLong = true
	}
	if !c.tooLong && need > cap(c.out) {
		c.out = append(make([]byte, 0, c.limit+maxTag), c.out...)
	}
	return !c.tooLong
}

// maxTag is more than the tags around a value can take: two names and attributes.
const maxTag = 256

type jsonProblem struct {
	rule   *rule
	path   string
	offset int
	text   string
}

func (c *jsonConverter) report(r *rule, value uint32, text string) {
	if len(c.problems) >= maxFindings {
		c.omitted++
		return
	}
	c.problems = append(c.problems, jsonProblem{r, string(c.path), int(c.values[value].start), text})
}

func (c *jsonConverter) findings() []Finding {
	slices.SortStableFunc(c.problems, func(a, b jsonProblem) int { return a.offset - b.offset })
	var found []Finding
	at := newLocator(c.src)
	for _, p := range c.problems {
		f := Finding{Severity: Error, Code: p.rule.code, Rule: p.rule.id, Source: p.rule.source, Expression: p.path, Text: p.text}
		f.Line, f.Column = at.position(p.offset)
		found = append(found, f)
	}
	return AppendOmitted(found, c.omitted)
}

// step extends the path and returns the length to cut it back to.
func (c *jsonConverter) step(name string, index int) (length int) {
	length = len(c.path)
	if length > 0 {
		c.path = append(c.path, '.')
	}
	c.path = append(c.path, name...)
	if index >= 0 {
		c.path = strconv.AppendInt(append(c.path, '['), int64(index), 10)
		c.path = append(c.path, ']')
	}
	return length
}

// resource writes the resource at value i and reports whether it is one.
func (c *jsonConverter) resource(i uint32, attributes string) bool {
	if c.kind(i) != '{' {
		c.report(ruleJSONResource, i, "a resource is a JSON object; received "+jsonKind(c.kind(i)))
		return false
	}
	var found *cell
	for name, value := range c.members(i) {
		if string(c.text(name)) == "resourceType" && c.kind(value) == '"' {
			found = c.facts.types[typeResourceContainer].find(c.facts.names, c.text(value))
		}
	}
	if found == nil {
		c.report(ruleJSONResource, i, "resourceType must name a resource of FHIR STU3; received none, or another name")
		return false
	}
	name := c.facts.names[found.name]
	if len(c.path) == 0 {
		c.path = append(c.path, name...)
	}
	c.object(i, found.typ, name, attributes)
	return true
}

// members yields the indexes of each member's name and value.
func (c *jsonConverter) members(i uint32) func(yield func(name, value uint32) bool) {
	return func(yield func(name, value uint32) bool) {
		for at := i + 1; at < c.values[i].next; at = c.values[at+1].next {
			if !yield(at, at+1) {
				return
			}
		}
	}
}

// jsonMember is an element of an object, found in the schema.
type jsonMember struct {
	cell         *cell
	value, extra uint32 // 0 means absent
}

// object writes an object as an element with that name and type.
func (c *jsonConverter) object(i uint32, typ uint16, name, attributes string) {
	c.out = append(append(append(c.out, '<'), name...), attributes...)
	content := c.attributes(i, typ)
	c.children(content, name)
}

// attributes writes id and url as attributes and sorts the other members.
func (c *jsonConverter) attributes(i uint32, typ uint16) []jsonMember {
	t := &c.facts.types[typ]
	var content []jsonMember
	for nameIndex, value := range c.members(i) {
		name := c.text(nameIndex)
		switch {
		case t.isResource && string(name) == "resourceType":
		case t.isElement && string(name) == "id", typ == typeExtension && string(name) == "url":
			c.attribute(string(name), value)
		default:
			content = c.member(content, t, name, nameIndex, value)
		}
	}
	slices.SortStableFunc(content, func(a, b jsonMember) int { return int(a.cell.slot) - int(b.cell.slot) })
	return content
}

func (c *jsonConverter) attribute(name string, value uint32) {
	back := c.step(name, -1)
	defer func() { c.path = c.path[:back] }()
	if c.kind(value) != '"' {
		c.report(ruleJSONType, value, name+" is a JSON string; received "+jsonKind(c.kind(value)))
		return
	}
	c.out = append(append(append(c.out, ' '), name...), '=', '"')
	c.string(value)
	c.out = append(c.out, '"')
}

// member adds a member to its element. The two members of a primitive belong to one element.
func (c *jsonConverter) member(content []jsonMember, t *typeFacts, name []byte, nameIndex, value uint32) []jsonMember {
	plain, extra := bytes.CutPrefix(name, []byte("_"))
	found := t.find(c.facts.names, plain)
	if found == nil || extra && c.facts.types[found.typ].kind == kindNone {
		c.report(ruleJSONMember, nameIndex, t.fhirName+" has no member "+quoteName(name))
		return content
	}
	at := slices.IndexFunc(content, func(m jsonMember) bool { return m.cell == found })
	if at < 0 {
		content = append(content, jsonMember{cell: found})
		at = len(content) - 1
	}
	if extra {
		content[at].extra = value
	} else {
		content[at].value = value
	}
	return content
}

// children writes an element's content and its end tag.
func (c *jsonConverter) children(content []jsonMember, name string) {
	if len(content) == 0 {
		c.out = append(c.out, '/', '>')
		return
	}
	c.out = append(c.out, '>')
	for _, m := range content {
		c.element(m)
	}
	c.out = append(append(append(c.out, '<', '/'), name...), '>')
}

// element writes a member: one element, or one for each value of an array.
func (c *jsonConverter) element(m jsonMember) {
	name := c.facts.names[m.cell.name]
	if !m.cell.many {
		back := c.step(name, -1)
		c.single(m.cell, m.value, m.extra)
		c.path = c.path[:back]
		return
	}
	if !c.isList(name, m.value) || !c.isList(name, m.extra) {
		return
	}
	value, valueEnd := c.items(m.value)
	extra, extraEnd := c.items(m.extra)
	for i := 0; value != 0 || extra != 0; i++ {
		back := c.step(name, i)
		c.single(m.cell, value, extra)
		c.path = c.path[:back]
		value, extra = c.following(value, valueEnd), c.following(extra, extraEnd)
	}
}

// isList reports whether value i is a non-empty array, or absent. It reports anything else as a
// finding.
func (c *jsonConverter) isList(name string, i uint32) bool {
	if i == 0 || c.kind(i) == '[' && c.values[i].next > i+1 {
		return true
	}
	back := c.step(name, -1)
	c.report(ruleJSONType, i, "an element that repeats must be a JSON array that is not empty; received "+jsonKind(c.kind(i)))
	c.path = c.path[:back]
	return false
}

// items returns the index of an array's first value and the index after its
// last one; zeros if there is no array.
func (c *jsonConverter) items(i uint32) (first, end uint32) {
	if i == 0 {
		return 0, 0
	}
	return i + 1, c.values[i].next
}

// following returns the next value of an array, 0 after the last one.
func (c *jsonConverter) following(at, end uint32) uint32 {
	if at == 0 || c.values[at].next >= end {
		return 0
	}
	return c.values[at].next
}

// single writes one element.
func (c *jsonConverter) single(cell *cell, value, extra uint32) {
	if !c.reserve(maxTag) {
		return
	}
	name := c.facts.names[cell.name]
	switch {
	case c.facts.types[cell.typ].kind != kindNone:
		c.primitive(cell, name, value, extra)
	case cell.typ == typeXHTML:
		c.narrative(value)
	case c.kind(value) != '{':
		c.report(ruleJSONType, value, name+" is a JSON object; received "+jsonKind(c.kind(value)))
	case cell.typ == typeResourceContainer:
		c.out = append(append(append(c.out, '<'), name...), '>')
		c.resource(value, "")
		c.out = append(append(append(c.out, '<', '/'), name...), '>')
	default:
		c.object(value, cell.typ, name, "")
	}
}

// primitive writes value, id and extensions. In the two arrays of a primitive,
// null stands for an absent value where the other array has something.
func (c *jsonConverter) primitive(cell *cell, name string, value, extra uint32) {
	at := max(value, extra)
	value, extra = c.present(cell, value), c.present(cell, extra)
	if value == 0 && extra == 0 {
		c.report(ruleJSONType, at, name+" has neither a value nor extensions")
		return
	}
	if extra != 0 && c.kind(extra) != '{' {
		c.report(ruleJSONType, extra, "_"+name+" is a JSON object; received "+jsonKind(c.kind(extra)))
		extra = 0
	}
	c.out = append(append(c.out, '<'), name...)
	var content []jsonMember
	if extra != 0 {
		content = c.attributes(extra, cell.typ)
	}
	if value != 0 {
		c.value(value, cell.typ, name)
	}
	c.children(content, name)
}

// present returns 0 for a null inside an array, otherwise value.
func (c *jsonConverter) present(cell *cell, value uint32) uint32 {
	if value != 0 && cell.many && c.kind(value) == 'n' {
		return 0
	}
	return value
}

// value writes the value attribute if it has the JSON type of its FHIR type.
func (c *jsonConverter) value(i uint32, typ uint16, name string) {
	expected := byte('"')
	switch c.facts.types[typ].kind {
	case kindBoolean:
		expected = 't'
	case kindInteger, kindUnsignedInt, kindPositiveInt, kindDecimal:
		expected = '0'
	}
	received := c.kind(i)
	switch {
	case received == 'f':
		received = 't'
	case received == '-' || isDigit(received):
		received = '0'
	}
	if received != expected {
		c.report(ruleJSONType, i, name+" is "+jsonKind(expected)+"; received "+jsonKind(c.kind(i)))
		return
	}
	c.out = append(c.out, ` value="`...)
	if expected == '"' {
		c.string(i)
	} else if raw := c.raw(i); c.reserve(len(raw) + maxTag) {
		c.out = append(c.out, raw...)
	}
	c.out = append(c.out, '"')
}

// string writes a string's text, escaped.
func (c *jsonConverter) string(i uint32) {
	text := string(c.text(i))
	if !c.reserve(escapedLength(text) + maxTag) {
		return
	}
	for _, r := range text {
		if !isChar(r) {
			c.report(ruleJSONType, i, "a string must not hold control characters other than tab and line ends; received one")
			break
		}
	}
	c.out = appendEscaped(c.out, text)
}

func (c *jsonConverter) narrative(i uint32) {
	if c.kind(i) != '"' {
		c.report(ruleJSONType, i, "div is a JSON string; received "+jsonKind(c.kind(i)))
		return
	}
	text := bytes.Trim(c.text(i), " \t\r\n")
	if err := narrativeError(text); err != nil {
		reason := err.Error()
		if syntax, is := err.(*SyntaxError); is {
			reason = syntax.Text
		}
		c.report(ruleJSONNarrative, i, "div must hold XML: "+reason)
		return
	}
	if !c.reserve(len(text)) {
		return
	}
	c.out = append(c.out, text...)
}

// jsonKind names a kind of value for people.
func jsonKind(first byte) string {
	switch first {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}
