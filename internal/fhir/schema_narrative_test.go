package fhir

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// around puts an element of a narrative in a place where it is allowed.
var around = map[string]string{
	"li": "<ul>#</ul>", "dt": "<dl>#</dl>", "dd": "<dl>#</dl>", "caption": "<table>#<tr><td/></tr></table>", "col": "<table>#<tr><td/></tr></table>",
	"colgroup": "<table>#<tr><td/></tr></table>", "thead": "<table>#<tr><td/></tr></table>", "tfoot": "<table>#<tr><td/></tr></table>",
	"tbody": "<table>#</table>", "tr": "<table>#</table>", "td": "<table><tr>#</tr></table>", "th": "<table><tr>#</tr></table>",
}

// least is the content that an element needs.
var least = map[string]string{
	"ul": "<li/>", "ol": "<li/>", "dl": "<dt/>", "table": "<tr><td/></tr>", "thead": "<tr><td/></tr>", "tfoot": "<tr><td/></tr>",
	"tbody": "<tr><td/></tr>", "tr": "<td/>",
}

// narrativeWith writes an element with attributes and content where it is
// allowed, together with text that makes the narrative readable.
func narrativeWith(e htmlElement, attributes, content string) []byte {
	for _, required := range e.required {
		if !strings.Contains(attributes, " "+required+"=") {
			attributes += " " + required + `="ltr"`
		}
	}
	if content == "" {
		content = least[e.name]
	}
	markup := "<" + e.name + attributes + ">" + content + "</" + e.name + ">"
	if place := around[e.name]; place != "" {
		markup = strings.Replace(place, "#", markup, 1)
	}
	return []byte(div("text" + markup))
}

// narrativeCases combines all children with all elements, all attributes with
// all elements, and all tricky values with all types of attribute.
func narrativeCases() [][]byte {
	var all [][]byte
	types := map[string]string{}
	for _, e := range htmlElements[1:] {
		for name, typ := range e.attributes {
			types[name] = typ
		}
	}
	good := map[string]string{"ID": "i", "number": "1", "nonNegativeInteger": "1", "tabindex": "1", "length": "1", "multilength": "1", "coords": "1", "language": "en",
		"language-or-none": "en", "character": "a"}
	seen := map[string]bool{}
	for _, e := range htmlElements[1:] {
		if e.refused {
			continue
		}
		for _, child := range htmlElements[1:] {
			markup := "<" + child.name + ">" + least[child.name] + "</" + child.name + ">"
			all = append(all, narrativeWith(e, "", strings.Replace(markup, ">", ` dir="ltr" src="a" alt="b">`, 1)), narrativeWith(e, "", markup), narrativeWith(e, "", least[e.name]+markup))
		}
		for name, typ := range types {
			value, listed := good[typ]
			if !listed {
				value, _, _ = strings.Cut(typ, "|")
			}
			all = append(all, narrativeWith(e, " "+name+`="`+value+`"`, ""))
			if own, has := e.attributes[name]; has && !seen[name+own] {
				seen[name+own] = true
				for _, value := range trickyValues {
					all = append(all, narrativeWith(e, " "+name+`="`+value+`"`, ""))
				}
			}
		}
		all = append(all, narrativeWith(e, "", least[e.name]+"text"), narrativeWith(e, "", least[e.name]+" "), narrativeWith(e, "", "<![CDATA[]]>"+least[e.name]))
	}
	return all
}

// Tries a sample of them; all when NEMS_DIFF_MUTATIONS is above 3000.
func TestAgainstSchemaNarratives(t *testing.T) {
	x := findXMLLint(t)
	all := narrativeCases()
	slices.SortFunc(all, func(a, b []byte) int { return strings.Compare(string(a), string(b)) })
	rand.New(rand.NewPCG(9, 9)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if n, err := strconv.Atoi(os.Getenv("NEMS_DIFF_MUTATIONS")); err != nil || n <= 3000 {
		all = all[:1500/fewer]
	}
	both := compare(t, x, all)
	t.Logf("%d of %d accepted by both", both, len(all))
}
