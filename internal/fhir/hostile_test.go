package fhir

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

const (
	basicStart = `<Basic xmlns="http://hl7.org/fhir">`
	basicRest  = `<code><text value="a"/></code></Basic>`
)

// verdictOf returns the rule that refuses: the syntax error's, or the first
// finding's, or "" for none.
func verdictOf(source []byte) string {
	if rules := refusals(source); len(rules) > 0 {
		return rules[0]
	}
	return ""
}

func div(content string) string {
	return `<Basic xmlns="http://hl7.org/fhir"><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">` + content + `</div></text>` + basicRest
}

// Hostile and odd XML, each with the expected verdict.
func TestHostileXML(t *testing.T) {
	good := basicStart + basicRest
	tests := []struct{ name, source, rule string }{
		{"plain", good, ""},
		{"declaration", `<?xml version="1.0" encoding="utf-8"?>` + good, ""},
		{"byte order mark", "\ufeff" + good, ""},
		{"comments", "<!-- a -->" + basicStart + "<!-- b -->" + basicRest + "<!-- c -->\n", ""},
		{"prefix", `<f:Basic xmlns:f="http://hl7.org/fhir"><f:code><f:text value="a"/></f:code></f:Basic>`, ""},
		{"XHTML as the default namespace", `<f:Basic xmlns:f="http://hl7.org/fhir" xmlns="http://www.w3.org/1999/xhtml"><f:text><f:status value="generated"/><div>a</div></f:text>` +
			`<f:code><f:text value="a"/></f:code></f:Basic>`, ""},
		{"schema location in a narrative", div(`<p xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b">a</p>`), ""},
		{"prefixed attribute in a narrative", div(`<p xmlns:q="urn:q" q:class="a">a</p>`), "schema-narrative-attribute"},
		{"references to ids", div(`<table><tr><th headers="a b">a</th></tr></table>`), ""},
		{"references to no ids", div(`<table><tr><th headers="1 -">a</th></tr></table>`), "schema-narrative-attribute"},
		{"same id by reference", div(`<p id="a">a</p><p id=" &#97;">b</p>`), "schema-narrative-attribute"},
		{"schema location", strings.Replace(good, ">", ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://hl7.org/fhir x.xsd">`, 1), ""},
		{"character references", basicStart + `<code><text value="&#x41;&#10;&amp;&lt;&gt;&quot;&apos;"/></code></Basic>`, ""},
		{"CDATA in the narrative", div(`<p><![CDATA[ <b>&nbsp; ]]></p>`), ""},

		{"nothing", "", "xml-root"},
		{"text only", "hello", "xml-root"},
		{"text before", "x" + good, "xml-root"},
		{"text behind", good + "x", "xml-root"},
		{"two roots", good + good, "xml-root"},
		{"NUL behind", good + "\x00", "fhir-nul"},
		{"cut off", good[:len(good)-3], "xml-end"},
		{"cut off in a value", basicStart + `<code><text value="`, "xml-end"},
		{"wrong end tag", basicStart + `<code></kode></Basic>`, "xml-end-tag"},
		{"longer end tag", basicStart + `<code></codes></Basic>`, "xml-end-tag"},
		{"DOCTYPE", `<!DOCTYPE Basic>` + good, "fhir-doctype"},
		{"external entity", `<!DOCTYPE Basic [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + basicStart + `<code><text value="&x;"/></code></Basic>`, "fhir-doctype"},
		{"billion laughs", `<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;">]>` + good, "fhir-doctype"},
		{"DOCTYPE inside", basicStart + `<!DOCTYPE a>` + basicRest, "xml-markup"},
		{"entity without declaration", basicStart + `<code><text value="&x;"/></code></Basic>`, "xml-reference"},
		{"HTML entity", div("a&nbsp;b"), "xml-reference"},
		{"ampersand", basicStart + `<code><text value="a & b"/></code></Basic>`, "xml-reference"},
		{"reference to NUL", basicStart + `<code><text value="&#0;"/></code></Basic>`, "xml-reference"},
		{"reference to a surrogate", basicStart + `<code><text value="&#xD800;"/></code></Basic>`, "xml-reference"},
		{"reference beyond Unicode", basicStart + `<code><text value="&#x110000;"/></code></Basic>`, "xml-reference"},
		{"reference that overflows", basicStart + `<code><text value="&#99999999999999999999;"/></code></Basic>`, "xml-reference"},
		{"stylesheet", `<?xml-stylesheet href="x"?>` + good, "fhir-processing-instruction"},
		{"instruction inside", basicStart + `<?php x ?>` + basicRest, "fhir-processing-instruction"},
		{"instruction behind", good + `<?x?>`, "fhir-processing-instruction"},
		{"declaration late", " " + `<?xml version="1.0"?>` + good, "fhir-processing-instruction"},
		{"XML 1.1", `<?xml version="1.1"?>` + good, "fhir-xml-version"},
		{"declaration broken", `<?xml version=1.0?>` + good, "xml-declaration"},
		{"declaration without version", `<?xml encoding="utf-8"?>` + good, "xml-declaration"},
		{"Latin-1", `<?xml version="1.0" encoding="ISO-8859-1"?>` + good, "fhir-encoding"},
		{"UTF-16 name", `<?xml version="1.0" encoding="UTF-16"?>` + good, "fhir-encoding"},
		{"UTF-16 BE", "\xfe\xff\x00<", "fhir-encoding"},
		{"UTF-16 LE", "\xff\xfe<\x00", "fhir-encoding"},
		{"UTF-16 without mark", "<\x00B\x00", "fhir-encoding"},
		{"bad UTF-8", basicStart + "<code><text value=\"\xff\"/></code></Basic>", "xml-utf8"},
		{"overlong UTF-8", basicStart + "<code><text value=\"\xc0\x80\"/></code></Basic>", "xml-utf8"},
		{"surrogate in UTF-8", basicStart + "<code><text value=\"\xed\xa0\x80\"/></code></Basic>", "xml-utf8"},
		{"bad UTF-8 in a comment", "<!-- \xff -->" + good, "xml-utf8"},
		{"bad UTF-8 in a name", "<B\xff/>", "xml-utf8"},
		{"control character", basicStart + "<code><text value=\"\x01\"/></code></Basic>", "xml-character"},
		{"noncharacter", basicStart + "<code><text value=\"\ufffe\"/></code></Basic>", "xml-character"},
		{"CDATA among elements", basicStart + "<![CDATA[ ]]>" + basicRest, "schema-text"},
		{"CDATA without end", div("<![CDATA["), "xml-cdata"},
		{"CDATA end in text", div("]]>"), "xml-text"},
		{"comment with hyphens", "<!-- a -- b -->" + good, "xml-comment"},
		{"comment without end", "<!-- " + good, "xml-comment"},
		{"attribute twice", basicStart + `<code><text value="a" value="b"/></code></Basic>`, "xml-attribute-twice"},
		{"attribute twice by namespace", basicStart + `<code><text xmlns:p="urn:x" xmlns:q="urn:x" p:a="1" q:a="2" value="b"/></code></Basic>`, "xml-attribute-twice"},
		{"declaration twice", `<Basic xmlns="http://hl7.org/fhir" xmlns="http://hl7.org/fhir">` + basicRest, "xml-attribute-twice"},
		{"attribute without quotes", basicStart + `<code><text value=a/></code></Basic>`, "xml-tag"},
		{"attributes without blank", basicStart + `<code><text id="a"value="a"/></code></Basic>`, "xml-tag"},
		{"less-than in a value", basicStart + `<code><text value="<"/></code></Basic>`, "xml-tag"},
		{"name with a digit first", basicStart + `<1a/>` + basicRest, "xml-name"},
		{"two colons", basicStart + `<a:b:c/>` + basicRest, "xml-tag"},
		{"prefix not declared", basicStart + `<p:code/></Basic>`, "xml-prefix"},
		{"attribute prefix not declared", basicStart + `<code p:a="1"/></Basic>`, "xml-prefix"},
		{"prefix out of scope", basicStart + `<code xmlns:p="http://hl7.org/fhir"><text value="a"/></code><p:author/></Basic>`, "xml-prefix"},
		{"prefix xmlns", `<xmlns:Basic/>`, "xml-prefix"},
		{"prefix to nothing", `<Basic xmlns="http://hl7.org/fhir" xmlns:p="">` + basicRest, "fhir-namespace"},
		{"prefix xml taken", `<Basic xmlns="http://hl7.org/fhir" xmlns:xml="urn:x">` + basicRest, "fhir-namespace"},

		{"no namespace", `<Basic>` + basicRest, "schema-root"},
		{"foreign namespace", `<Basic xmlns="urn:x">` + basicRest, "schema-root"},
		{"foreign element", basicStart + `<x xmlns="urn:x"/>` + basicRest, "schema-namespace"},
		{"foreign attribute", basicStart + `<code xmlns:p="urn:x" p:a="1"><text value="a"/></code></Basic>`, "schema-attribute"},
		{"xsi:type", basicStart + `<code xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="x"><text value="a"/></code></Basic>`, "fhir-xsi"},
		{"no resource", `<code xmlns="http://hl7.org/fhir"/>`, "schema-root"},

		{"script", div(`<script>x</script>`), "schema-narrative-element"},
		{"event", div(`<p onclick="x()">a</p>`), "schema-narrative-attribute"},
		{"script link", div(`<a href="JavaScript:x()">a</a>`), "fhir-narrative-active"},
		{"script link in pieces", div(`<a href="java&#10;script:x()">a</a>`), "schema-narrative-attribute"},
		{"data link", div(`<a href="data:text/html,x">a</a>`), "fhir-narrative-active"},
		{"data image", div(`<img src="data:image/png;base64,AAAA" alt="a"/>`), ""},
		{"data page as image", div(`<img src="data:text/html,x" alt="a"/>`), "fhir-narrative-active"},
		{"style that runs", div(`<p style="width: exp/**/ression(x)">a</p>`), "fhir-narrative-active"},
		{"style that loads", div(`<p style="background:url(http://x)">a</p>`), "fhir-narrative-active"},
		{"style that hides", div(`<p style="\65xpression(x)">a</p>`), "fhir-narrative-active"},
		{"image map", div(`<map id="m"><p>a</p></map>`), "txt-1"},
		{"empty narrative", div(" "), "txt-2"},
		{"iframe", div(`<iframe src="x"/>`), "schema-narrative-element"},
		{"FHIR inside a narrative", div(`<p xmlns="http://hl7.org/fhir"/>`), "schema-narrative-element"},

		{"64 levels", div(strings.Repeat("<div>", 61) + "x" + strings.Repeat("</div>", 61)), ""},
		{"65 levels", div(strings.Repeat("<div>", 62) + "x" + strings.Repeat("</div>", 62)), "fhir-depth"},
		{"a million levels", strings.Repeat("<a>", 1_000_000), "fhir-depth"},
		{"64 attributes", manyAttributes(64), "schema-attribute"},
		{"65 attributes", manyAttributes(65), "fhir-attributes"},
	}
	for _, tt := range tests {
		if got := verdictOf([]byte(tt.source)); got != tt.rule {
			t.Errorf("%s: want %q, got %q", tt.name, tt.rule, got)
		}
	}
}

func manyAttributes(n int) string {
	var b strings.Builder
	b.WriteString(`<Basic xmlns="http://hl7.org/fhir"`)
	for i := range n - 1 {
		fmt.Fprintf(&b, ` a%d="1"`, i)
	}
	return b.String() + ">" + basicRest
}

// Large hostile input takes little time and memory.
func TestHostileSize(t *testing.T) {
	const size = (3 << 20) / fewer
	fill := func(unit string) string { return strings.Repeat(unit, size/len(unit)) }
	xml := map[string]string{
		"smallest elements":   basicStart + fill("<a/>") + basicRest,
		"smallest known":      basicStart + fill("<id/>") + basicRest,
		"tags in a comment":   "<!--" + fill("<") + "-->" + basicStart + basicRest,
		"tags behind":         basicStart + fill("<id/>")[:400_000/fewer] + "<!--" + fill("<") + "-->" + basicRest,
		"one long value":      basicStart + `<id value="` + fill("x") + `"/>` + basicRest,
		"references":          basicStart + `<code><text value="` + fill("&#65;") + `"/></code></Basic>`,
		"stray text":          basicStart + fill("x<id/>") + basicRest,
		"ids in a narrative":  div(fill(`<p id="a"/>`)),
		"narrative attribute": div(`<p class="` + fill("a ") + `">x</p>`),
		"long name":           "<" + fill("a"),
		"open brackets":       fill("<"),
		"ampersands":          basicStart + `<code><text value="` + fill("&") + `"/></code></Basic>`,
		"ampersands and end":  basicStart + `<code><text value="` + fill("&") + `;"/></code></Basic>`,
		"one line":            basicStart + fill("<id value=''/>") + basicRest,
		"one full URL":        `<Bundle xmlns="http://hl7.org/fhir">` + fill(`<entry><fullUrl value="urn:a"/></entry>`) + `</Bundle>`,
		"no contained ids":    `<Patient xmlns="http://hl7.org/fhir">` + fill(`<contained><Basic/></contained>`) + `</Patient>`,
		"local references":    `<Patient xmlns="http://hl7.org/fhir">` + fill(`<generalPractitioner><reference value="#a"/></generalPractitioner>`) + `</Patient>`,
		"starts and ends":     `<Patient xmlns="http://hl7.org/fhir"><name><period>` + strings.Repeat(`<start value="2018"/>`, 70000) + strings.Repeat(`<end value="2017"/>`, 70000) + `</period></name></Patient>`,
		"paths and mappings":  `<StructureDefinition xmlns="http://hl7.org/fhir">` + strings.Repeat(`<mapping><identity value="a"/></mapping>`, 36000) + `<type value="t"/>` + strings.Repeat(`<differential><element/></differential>`, 36000) + `</StructureDefinition>`,
		"nested containers":   `<Patient xmlns="http://hl7.org/fhir">` + strings.Repeat(`<contained><Patient>`, 29) + fill(`<link><other><reference value="#a"/></other></link>`) + strings.Repeat(`</Patient></contained>`, 29) + `</Patient>`,
		"prefixes":            basicStart + fill(`<p:a xmlns:p="urn:x"/>`) + basicRest,
	}
	for name, source := range xml {
		measure(t, name, len(source), func() { _, _, _ = ParseXML([]byte(source)) })
	}
	json := map[string]string{
		"numbers":  `{"resourceType":"Patient","x":[` + fill("1,") + `1]}`,
		"names":    `{"resourceType":"Patient","name":[{"given":[` + fill(`"a",`) + `"a"]}]}`,
		"objects":  `{"resourceType":"Patient","name":[` + fill("{},") + `{}]}`,
		"strings":  `{"resourceType":"Patient","language":"` + fill("<") + `"}`,
		"brackets": fill("["),
		"unclosed": `{"resourceType":"` + fill("a"),
	}
	for name, source := range json {
		measure(t, "JSON "+name, len(source), func() { _, _, _ = JSONToXML([]byte(source)) })
	}
}

// measure checks that a function stays below a time limit, and that its
// allocations stay below eight times the input (besides the input's own copy).
func measure(t *testing.T, name string, size int, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	f()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	allocated := float64(after.TotalAlloc-before.TotalAlloc)/float64(size) - 1
	t.Logf("%-20s %8.1f ms, %.1f times the input", name, float64(took.Microseconds())/1000, allocated)
	if allocated > 8 && fewer == 1 { // of smaller inputs what is allocated once is too much
		t.Errorf("%s: allocated %.1f times the input", name, allocated)
	}
	// The limit is far above what any machine needs for work that grows with
	// the input, and far below the time that quadratic work takes for 3 MB.
	if took > 30*time.Second {
		t.Errorf("%s: took %s", name, took)
	}
}

func TestSyntaxErrorPosition(t *testing.T) {
	_, _, err := ParseXML([]byte("\ufeff<Basic xmlns=\"http://hl7.org/fhir\">\r\n  \u00e9<code>\r<text/>\n</kode>"))
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || syntax.Line != 4 || syntax.Column != 1 {
		t.Fatalf("want line 4, column 1, got %+v", syntax)
	}
	if got := syntax.Error(); !strings.HasPrefix(got, "line 4, column 1: ") {
		t.Errorf("text %q", got)
	}
}

// TestNamesInPathsAreShort: a path shows only the beginning of a very long name
// that STU3 does not have.
func TestNamesInPathsAreShort(t *testing.T) {
	name := strings.Repeat("ä", 1<<20)
	for _, source := range []string{basicStart + "<" + name + "/>" + basicRest, "<" + name + ` xmlns="http://hl7.org/fhir"/>`,
		`<Bundle xmlns="http://hl7.org/fhir"><type value="collection"/><entry><resource><` + name + `/></resource></entry></Bundle>`} {
		_, findings, err := ParseXML([]byte(source))
		if err != nil || len(findings) == 0 {
			t.Fatalf("%v, %v", findings, err)
		}
		for _, f := range findings {
			if len(f.Text)+len(f.Expression)+len(f.Location) > 2000 {
				t.Errorf("%s: a text of %d bytes, paths of %d and %d", f.Rule, len(f.Text), len(f.Expression), len(f.Location))
			}
		}
	}
}

// TestEscapesAreBounded: JSON cannot become much longer as XML.
func TestEscapesAreBounded(t *testing.T) {
	source := `{"resourceType":"Basic","language":"` + strings.Repeat(`\"`, 1<<20) + `"}`
	if _, _, err := JSONToXML([]byte(source)); err == nil {
		t.Error("eight megabytes of XML were written")
	}
}
