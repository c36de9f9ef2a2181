package fhir

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// instances makes valid resources of any type from the facts.
type instances struct {
	rng    *rand.Rand
	facts  *factTable
	choice map[string]int // rotates through the elements of each choice
	ids    int
}

func newInstances(seed uint64) *instances {
	return &instances{rng: rand.New(rand.NewPCG(seed, 1)), facts: facts(), choice: map[string]int{}}
}

func (g *instances) resourceNames() []string {
	var names []string
	for _, e := range g.facts.types[typeResourceContainer].slots[0].elements {
		names = append(names, g.facts.names[e.name])
	}
	return names
}

// resource makes one resource; fill is the probability of each optional element.
func (g *instances) resource(name string, fill float64) []byte {
	w := NewWriter(name)
	c := g.facts.types[typeResourceContainer].find(g.facts.names, []byte(name))
	g.content(w, c.typ, fill, 0)
	return w.Bytes()
}

func (g *instances) content(w *Writer, typ uint16, fill float64, depth int) {
	t := &g.facts.types[typ]
	before := len(w.buf)
	for i, s := range t.slots {
		chance := fill / float64(1+depth*depth)
		if typ == typeExtension && i == 0 { // a value or extensions, never both
			chance = 0
		}
		if typ == typeExtension && i == 1 {
			chance = 1
		}
		if t.kind != kindNone {
			chance /= 20
		}
		if !s.required && g.rng.Float64() >= chance {
			continue
		}
		for range g.repeat(s) {
			g.element(w, t, i, fill, depth)
		}
	}
	// global-1 demands some content.
	if len(w.buf) == before && (t.isElement || t.isResource) && t.kind == kindNone {
		g.element(w, t, g.simplest(t), fill, depth)
	}
}

// simplest finds a slot for a primitive, or else the slot of the extensions.
func (g *instances) simplest(t *typeFacts) int {
	for i, s := range t.slots {
		if g.facts.types[s.elements[0].typ].kind != kindNone {
			return i
		}
	}
	return 0
}

func (g *instances) repeat(s slot) int {
	if s.many {
		return 1 + g.rng.IntN(3)
	}
	return 1
}

func (g *instances) element(w *Writer, t *typeFacts, i int, fill float64, depth int) {
	s := t.slots[i]
	key := fmt.Sprint(t.name, i)
	e := s.elements[g.choice[key]%len(s.elements)]
	g.choice[key]++
	switch {
	case t.name == "ResourceContainer" && depth > 2:
		e, _ = t.named(g.facts, "Basic")
	case t.name == "Extension" && i == 1 && depth > 4:
		e, _ = t.named(g.facts, "valueCode")
	}
	g.named(w, e, fill, depth+1)
}

func (g *instances) named(w *Writer, e elementFacts, fill float64, depth int) {
	t := &g.facts.types[e.typ]
	if e.typ == typeXHTML {
		w.Raw([]byte(g.narrative()))
		return
	}
	w.Open(g.facts.names[e.name])
	if t.isElement && g.rng.IntN(12) == 0 {
		w.Attr("id", g.unique())
	}
	if e.typ == typeExtension {
		w.Attr("url", "http://example.org/fhir/"+g.unique())
	}
	if t.kind != kindNone {
		w.Attr("value", g.value(t))
	}
	g.content(w, e.typ, fill, depth)
	w.Close()
}

func (g *instances) unique() string {
	g.ids++
	return fmt.Sprintf("n%d", g.ids)
}

func (g *instances) narrative() string {
	return pick(g.rng,
		`<div xmlns="http://www.w3.org/1999/xhtml">Text &amp; &lt;more&gt; "quoted"</div>`,
		`<div xmlns="http://www.w3.org/1999/xhtml" id="`+g.unique()+`"><p class="a b">one<br/>two</p><table border="1"><caption>c</caption><thead><tr><th>h</th></tr></thead><tbody><tr><td colspan="2">x</td></tr></tbody></table></div>`,
		`<div xmlns="http://www.w3.org/1999/xhtml"><ul><li><a href="http://example.org/">link</a></li></ul><img src="#i" alt="an image"/><![CDATA[ <raw> ]]><!-- note --></div>`,
		`<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p style="color:red">p</h:p></h:div>`)
}

func pick(rng *rand.Rand, list ...string) string { return list[rng.IntN(len(list))] }

// value makes a valid value of a type.
func (g *instances) value(t *typeFacts) string {
	switch t.kind {
	case kindCodeList:
		return pick(g.rng, t.codes...)
	case kindBase64Binary:
		return pick(g.rng, "AAAA", "QQ==", "QUI=", "QUJD RERE")
	case kindBoolean:
		return pick(g.rng, "true", "false")
	case kindCode:
		return pick(g.rng, "a", "two words", "x-1")
	case kindDate:
		return pick(g.rng, "2017", "2016-02", "2016-02-29")
	case kindDateTime:
		return pick(g.rng, "2017", "2016-02", "2016-02-29", "2017-01-01T00:00:00Z", "2017-01-01T23:59:59.123+14:00")
	case kindDecimal:
		return pick(g.rng, "0", "1.50", "-0.001", "123456789012345678")
	case kindID:
		return pick(g.rng, "a", "A-1.b", strings.Repeat("x", 64))
	case kindInstant:
		return pick(g.rng, "2017-01-01T00:00:00Z", "2016-02-29T23:59:59.999-05:30")
	case kindInteger:
		return pick(g.rng, "0", "-1", "2147483647", "-2147483648")
	case kindOID:
		return pick(g.rng, "urn:oid:1.2.3", "urn:oid:0")
	case kindPositiveInt:
		return pick(g.rng, "1", "2147483647")
	case kindSampledData:
		return pick(g.rng, "1 2 3", "E U L -.5")
	case kindTime:
		return pick(g.rng, "00:00:00", "23:59:59.5")
	case kindUnsignedInt:
		return pick(g.rng, "0", "7")
	case kindURI:
		return pick(g.rng, "http://example.org/a?b#c", "urn:oid:1.2", "relative/path", "#fragment")
	case kindUUID:
		return "urn:uuid:01234567-89ab-cdef-0123-456789abcdef"
	}
	return pick(g.rng, "text", "caf\u00e9 \u2603 \U0001f600", `<&>"'`, "a\tb\nc", " leading", "back\\slash")
}
