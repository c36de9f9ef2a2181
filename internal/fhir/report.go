package fhir

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxFindings limits how many findings are reported for one document.
const maxFindings = 200

// problem is a finding before its paths are computed.
type problem struct {
	rule   *rule
	node   uint32
	offset uint32
	text   string
}

// reporter collects the problems of a document.
type reporter struct {
	problems []problem
	omitted  int // problems beyond the cap
}

// report records a problem with a node. The parts of its text are joined.
func (p *reporter) report(r *rule, node uint32, offset int, parts ...string) {
	if p.full() {
		return
	}
	p.problems = append(p.problems, problem{r, node, uint32(offset), strings.Join(parts, "")})
}

// full reports whether enough was reported, and if so counts one more omitted
// problem. Callers that build long texts ask it first.
func (p *reporter) full() bool {
	if len(p.problems) < maxFindings {
		return false
	}
	p.omitted++
	return true
}

// findings computes places and paths, in document order.
func (p *parser) findings() []Finding {
	if len(p.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(p.problems, func(a, b problem) int { return int(a.offset) - int(b.offset) })
	found := make([]Finding, 0, len(p.problems)+1)
	for _, problem := range p.problems {
		n := Node{p.doc, problem.node}
		f := Finding{
			Severity: Error, Code: problem.rule.code, Rule: problem.rule.id, Source: problem.rule.source,
			Expression: n.Expression(), Location: n.Location(), Text: problem.text,
		}
		f.Line, f.Column = p.doc.position(int(problem.offset))
		found = append(found, f)
	}
	return AppendOmitted(found, p.omitted)
}

// AppendOmitted adds to the end of a capped list how many findings were left
// out.
func AppendOmitted(found []Finding, omitted int) []Finding {
	if omitted == 0 {
		return found
	}
	return append(found, Finding{
		Severity: Information, Code: ruleMore.code, Rule: ruleMore.id,
		Text: "and " + strconv.Itoa(omitted) + " more findings",
	})
}

// reportUnknown reports an element that its parent does not have.
func (p *parser) reportUnknown(parent *frame, t *tag, index uint32, wrongNamespace bool) {
	if p.full() {
		return
	}
	offset := int(t.start)
	switch {
	case wrongNamespace || t.ns != nsFHIR:
		expected := fhirNamespace
		if parent.typ == typeNarrative {
			expected += " (div: http://www.w3.org/1999/xhtml)"
		}
		p.report(p.rootRule(ruleNamespace), index, offset, "elements here are in the namespace ", expected, "; received one in another namespace or in none")
	case parent.typ == typeResourceContainer:
		p.report(p.rootRule(ruleElement), index, offset, "a resource of FHIR STU3 belongs here; received ", quoteName(p.bytes(t.local)))
	default:
		p.report(ruleElement, index, offset, p.facts.types[parent.typ].fhirName, " has no element ", quoteName(p.bytes(t.local)),
			"; expected ", p.expected(parent.typ, int(parent.slot), parent.seen))
	}
}

func (p *parser) rootRule(inner *rule) *rule {
	if p.depth == 0 {
		return ruleRoot
	}
	return inner
}

func (p *parser) reportOrder(parent *frame, c *cell, index uint32, t *tag) {
	if p.full() {
		return
	}
	reached := p.facts.types[parent.typ].slots[parent.slot]
	p.report(ruleOrder, index, int(t.start), p.names[c.name], " must come before ", p.slotName(reached), "; received it after")
}

func (p *parser) reportTwice(parent *frame, c *cell, index uint32, t *tag) {
	if p.full() {
		return
	}
	slot := p.facts.types[parent.typ].slots[c.slot]
	if len(slot.elements) > 1 {
		p.report(ruleChoice, index, int(t.start), "at most one ", p.slotName(slot), " is allowed here; received another: ", p.names[c.name])
		return
	}
	p.report(ruleCardinality, index, int(t.start), p.names[c.name], " may occur once; received it again")
}

func (p *parser) reportMissing(t *typeFacts, slot int, node uint32) {
	if p.full() {
		return
	}
	p.report(ruleRequired, node, int(p.nodes[node].start), t.fhirName, " needs ", p.slotName(t.slots[slot]), "; received none")
}

func (p *parser) reportAttribute(t *typeFacts, name []byte, index uint32, offset int) {
	if p.full() {
		return
	}
	allowed := "id"
	switch {
	case t.name == "Extension":
		allowed = "id and url"
	case !t.isElement:
		allowed = "none"
	case t.kind != kindNone:
		allowed = "id and value"
	}
	p.report(ruleAttribute, index, offset, "attributes of a ", t.fhirName, ": ", allowed, "; received ", quoteName(name))
}

// reportValue says what form a value needs and describes the received one
// without quoting it.
func (p *parser) reportValue(t *typeFacts, result verdict, index uint32, offset int, value []byte) {
	if p.full() {
		return
	}
	expected := forms[t.kind]
	switch result {
	case verdictCode:
		expected = "a code of the list " + t.name + " is needed: " + abbreviated(t.codes)
	case verdictEmpty:
		expected = "a value needs a visible character"
	case verdictPadded:
		expected = "a " + t.fhirName + " must not have white space other than single blanks inside a code"
	case verdictZone:
		expected = "a time of day needs a time zone, Z or an offset such as +01:00"
	case verdictRange:
		expected = "a " + t.fhirName + " is at most 2147483647"
	case verdictTooLong:
		expected = "a string has at most 1048576 bytes"
	case verdictTooExact:
		expected = "a decimal has at most 24 digits"
	}
	p.report(verdictRules[result], index, offset, expected, "; received ", describe(value))
}

// forms says what form each kind of value has, for people to read.
var forms = [...]string{
	kindCodeList:     "a code is needed",
	kindBase64Binary: "base64 needs groups of four characters, the last one padded with =",
	kindBoolean:      "a boolean is true or false",
	kindCode:         "a code needs a visible character",
	kindDate:         "a date needs the form YYYY, YYYY-MM or YYYY-MM-DD and must exist",
	kindDateTime:     "a dateTime needs the form YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with a time zone, and must exist",
	kindDecimal:      "a decimal needs digits, with an optional minus, and optional digits after a point",
	kindID:           "an id needs 1 to 64 letters, digits, dashes and points",
	kindInstant:      "an instant needs the form YYYY-MM-DDThh:mm:ss with a time zone, and must exist",
	kindInteger:      "an integer needs digits without a leading zero, with an optional minus, within 32 bits",
	kindMarkdown:     "a text needs at least one character",
	kindOID:          "an oid needs the form urn:oid:1.2.3",
	kindPositiveInt:  "a positiveInt needs digits without a leading zero, 1 or more",
	kindSampledData:  "sampled data are decimals or E, U, L with one blank between them",
	kindString:       "a string needs at least one character",
	kindTime:         "a time needs the form hh:mm:ss",
	kindUnsignedInt:  "an unsignedInt needs digits without a leading zero",
	kindURI:          "a uri needs the form of RFC 3986",
	kindUUID:         "a uuid needs the form urn:uuid: and a UUID in lower case",
}

// describe returns the length and the kinds of character of a value, never the value.
func describe(value []byte) string {
	if len(value) == 0 {
		return "nothing"
	}
	kinds := []struct {
		name string
		is   func(rune) bool
		seen bool
	}{
		{name: "digits", is: unicode.IsDigit}, {name: "letters", is: unicode.IsLetter},
		{name: "white space", is: unicode.IsSpace}, {name: "dashes", is: func(r rune) bool { return r == '-' }},
		{name: "other characters", is: func(rune) bool { return true }},
	}
	for _, r := range string(value[:min(len(value), 1000)]) {
		for i := range kinds {
			if kinds[i].is(r) {
				kinds[i].seen = true
				break
			}
		}
	}
	var names []string
	for _, k := range kinds {
		if k.seen {
			names = append(names, k.name)
		}
	}
	return characters(utf8.RuneCount(value)) + " (" + strings.Join(names, ", ") + ")"
}

func characters(n int) string {
	if n == 1 {
		return "1 character"
	}
	return strconv.Itoa(n) + " characters"
}

// quoteName quotes a name from the input, unless it is too long.
func quoteName(name []byte) string {
	if len(name) > 64 {
		return "a name of " + characters(utf8.RuneCount(name))
	}
	return `"` + string(name) + `"`
}

// abbreviated lists the first few of many.
func abbreviated(list []string) string {
	const few = 12
	if len(list) <= few {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:few], ", ") + ", ... (" + strconv.Itoa(len(list)) + " in all)"
}

// slotName names a slot: its element, or its choice as value[x].
func (p *parser) slotName(s slot) string {
	first := p.names[s.elements[0].name]
	if len(s.elements) == 1 {
		return first
	}
	return choiceName(p.facts, s)
}

// choiceName is the common beginning of the names of a choice, with [x]. Slots
// that hold a resource have no such name.
func choiceName(t *factTable, s slot) string {
	common := t.names[s.elements[0].name]
	for _, e := range s.elements[1:] {
		name := t.names[e.name]
		for !strings.HasPrefix(name, common) {
			common = common[:len(common)-1]
		}
	}
	if common == "" {
		return "resource"
	}
	return strings.TrimRightFunc(common, unicode.IsUpper) + "[x]"
}

// expected lists what may come next in an element.
func (p *parser) expected(typ uint16, from int, seen uint64) string {
	var names []string
	slots := p.facts.types[typ].slots
	for i := from; i < len(slots); i++ {
		if seen&(1<<i) == 0 || slots[i].many {
			names = append(names, p.slotName(slots[i]))
		}
	}
	if len(names) == 0 {
		return "no more elements"
	}
	return abbreviated(names)
}
