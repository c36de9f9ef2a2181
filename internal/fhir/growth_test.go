package fhir

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// TestWorkGrowsWithTheDocument: twice as many of anything cause at most twice
// as many steps and allocations. In a template, @ repeats the text up to the
// next bar n times, and $ in that text is a number.
func TestWorkGrowsWithTheDocument(t *testing.T) {
	resource := func(typ, content string) string {
		return "<" + typ + ` xmlns="http://hl7.org/fhir">` + content + "</" + typ + ">"
	}
	nested := func(typ, content string) string {
		const deep = 29
		return resource(typ, strings.Repeat("<contained><"+typ+">", deep)+content+strings.Repeat("</"+typ+"></contained>", deep))
	}
	for name, pattern := range map[string]string{
		"unknown elements":        basicStart + "@<a/>|" + basicRest,
		"unknown names":           basicStart + "@<a$/>|" + basicRest,
		"ids of a narrative":      div(`@<p id="a$">a</p>|`),
		"styles":                  div(`@<p style="url">a</p>|`),
		"one style":               div(`<p style="@/*|">a</p>`),
		"coordinates":             div(`<a shape="poly" coords="@1,|2">a</a>`),
		"prefixes of elements":    basicStart + `@<p$:a xmlns:p$="urn:a"/>|`,
		"prefixed elements":       `<f:Basic xmlns:f="http://hl7.org/fhir" xmlns:g="urn:g">@<g:a/>|<f:code><f:text value="a"/></f:code></f:Basic>`,
		"long namespaces":         basicStart + `<a xmlns:p="urn:@p|" xmlns:q="urn:@q|">@<a p:a="" q:a=""/>|</a>` + basicRest,
		"attributes":              basicStart + `@<id a="" b="" c="" d="" e="" f="" g="" h="" i="" j="" k=""/>|` + basicRest,
		"starts and ends":         resource("Patient", `<name><period>@<start value="2018-01-01T00:00:00Z"/>|@<end value="2017-01-01T00:00:00Z"/>|</period></name>`),
		"starts and a long end":   resource("Patient", `<name><period>@<start value="2018-01-01T00:00:00Z"/>|<end value="2017-01-01T00:00:00.@0|Z"/></period></name>`),
		"concepts":                resource("CodeSystem", `@<concept><code value="$"/></concept>|`),
		"nested concepts":         nested("CodeSystem", `@<concept><code value="$"/></concept>|`),
		"nested local references": nested("Patient", `@<link><other><reference value="#$"/></other></link>|`),
		"contained":               resource("Patient", `@<contained><Basic><id value="a$"/></Basic></contained>|@<generalPractitioner><reference value="#a$"/></generalPractitioner>|`),
		"full URLs":               resource("Bundle", `@<entry><fullUrl value="urn:a"/><resource><Basic/></resource></entry>|`),
		"full URLs, a large entry": resource("Bundle", `<entry><fullUrl value="urn:a"/><resource><Basic>@<identifier><value value="a"/></identifier>|</Basic></resource></entry>`+
			`@<entry><fullUrl value="urn:a"/></entry>|`),
		"elements of a structure": resource("StructureDefinition", `@<mapping><identity value="a"/></mapping>|<type value="t"/>@<differential><element><path value="b"/></element></differential>|`),
		"lines":                   basicStart + "@<!-- $ -->\r\n<id/>|" + basicRest,
	} {
		t.Run(name, func(t *testing.T) {
			length := 0
			work := func(n int) int64 {
				source := expand(pattern, n)
				length = len(source)
				return steps(func() { _, _, _ = ParseXML([]byte(source)) })
			}
			work(1) // pays for what is computed only once
			const few = 3000
			least, once, twice := work(1), work(few), work(2*few)
			if twice > 2*once+least+few || twice > 20*int64(length)+500_000 { // each finding costs something, up to the cap
				t.Errorf("1: %d, %d: %d, %d: %d steps, for %d bytes", least, few, once, 2*few, twice, length)
			}
		})
	}
}

func expand(pattern string, n int) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(pattern, "@")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		unit, after, _ := strings.Cut(rest, "|")
		for i := range n {
			out.WriteString(strings.ReplaceAll(unit, "$", strconv.Itoa(i+100000)))
		}
		pattern = after
	}
}

// steps counts what f does: elements visited, bytes looked at, allocations.
func steps(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	count := CountWork(f)
	runtime.ReadMemStats(&after)
	return count + int64(after.Mallocs-before.Mallocs)
}
