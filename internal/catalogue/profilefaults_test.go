package catalogue_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"nems/internal/catalogue"
	"nems/internal/catalogue/example"
	"nems/internal/fhir"
)

// profileText is a profile as its file has it. The tests read it independently of the catalogue's
// own code.
type profileText struct {
	Profile    string
	URL        string
	Type       string
	Extensions map[string]string
	Slices     map[string]sliceText
	Elements   []elementText
}

type sliceText struct {
	Element string
	Values  []string
}

type elementText struct {
	Path   string
	Count  string
	Value  string
	Types  []string
	Bound  []string
	Codes  string
	Refers []string
}

// readYAML reads what a test needs from a file of the catalogue.
func readYAML(t *testing.T, name string, out any) {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(src, out); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// profileTexts reads all profiles, with the shared names filled in.
func profileTexts(t *testing.T) []profileText {
	t.Helper()
	var shared profileText
	readYAML(t, "requirements.yaml", &shared)
	files, err := filepath.Glob("profiles/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no profiles: %v", err)
	}
	var out []profileText
	for _, name := range files {
		var p profileText
		readYAML(t, name, &p)
		p.Extensions = joined(shared.Extensions, p.Extensions)
		p.Slices = joined(shared.Slices, p.Slices)
		out = append(out, p)
	}
	return out
}

func joined[V any](a, b map[string]V) map[string]V {
	out := map[string]V{}
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}

// host returns an example message that the profile applies to, with its event
// type. $ in the message marks where content can be added.
func (p *profileText) host(t *testing.T) (code, message string) {
	t.Helper()
	if p.Type == "Extension" {
		return contacts, strings.Replace(string(changed(t, contacts, "new")), "</Patient>", `<extension url="`+p.URL+`">$</extension></Patient>`, 1)
	}
	for _, code := range example.Codes() {
		var named struct{ Profiles []string }
		readYAML(t, "types/"+code+".yaml", &named)
		end := "</" + p.Type + ">"
		message := string(changed(t, code, "new"))
		shared := slices.Contains([]string{"Event-MessageHeader-1", "CareConnect-Patient-1", "CareConnect-Organization-1"}, p.Profile)
		if (shared || slices.Contains(named.Profiles, p.Profile)) && strings.Contains(message, end) {
			return code, strings.Replace(message, end, "$"+end, 1)
		}
	}
	t.Fatalf("no example has a %s that conforms to %s", p.Type, p.Profile)
	return "", ""
}

// within wraps content in the elements of a path.
func (p *profileText) within(path []string, content string) string {
	for _, part := range slices.Backward(path) {
		name, label, _ := strings.Cut(strings.TrimSuffix(part, ")"), "(")
		open := name
		if name == "extension" {
			open += ` url="` + p.Extensions[label] + `"`
		} else if label != "" {
			content = p.Slices[part].mark(content)
		}
		content = "<" + open + ">" + content + "</" + name + ">"
	}
	return content
}

// mark adds to the content of an element what makes it belong to the slice.
func (s sliceText) mark(content string) string {
	path, value := strings.Split(s.Element, "."), ` value="`+s.Values[0]+`"`
	if open := "<" + path[0] + ">"; len(path) > 1 && strings.HasPrefix(content, open) {
		return open + elements(path[1:], value) + content[len(open):]
	}
	return elements(path, value) + content
}

// elements writes nested elements; the innermost has the attributes.
func elements(path []string, attributes string) string {
	if len(path) == 1 {
		return "<" + path[0] + attributes + "/>"
	}
	return "<" + path[0] + ">" + elements(path[1:], attributes) + "</" + path[0] + ">"
}

// fault is a change that breaks a rule.
type fault struct{ kind, message string }

// faults makes messages that break the rule, each in one way, and one message that satisfies it.
func (p *profileText) faults(t *testing.T, e elementText, message string) (kept string, broken []fault) {
	path := strings.Split(strings.ReplaceAll(e.Path, "value[x]", "valueMarkdown"), ".")
	around, last := path[:len(path)-1], path[len(path)-1:]
	add := func(content string) string { return strings.Replace(message, "$", p.within(around, content), 1) }
	leaf := p.within(last, "")
	if e.Count != "" {
		low, high, _ := strings.Cut(e.Count, "..")
		if low != "0" && !p.impliedBySlice(path) {
			broken = append(broken, fault{"missing", strings.Replace(p.without(t, message, path), "$", p.within(around, ""), 1)})
		}
		if most, err := strconv.Atoi(high); err == nil {
			broken = append(broken, fault{"too many", add(strings.Repeat(leaf, most+1))})
			kept = strings.Repeat(leaf, most)
		}
	}
	if e.Value != "" {
		broken = append(broken, fault{"another value", add(elements(last, ` value="another"`))})
		kept = elements(last, ` value="`+e.Value+`"`)
	}
	if len(e.Types) > 0 {
		broken = append(broken, fault{"another type", add(leaf)})
		kept = "<value" + strings.ToUpper(e.Types[0][:1]) + e.Types[0][1:] + "/>"
	}
	if list := strings.Join(append(slices.Clone(e.Bound[:min(1, len(e.Bound))]), e.Codes), ""); list != "" {
		system, code := aCode(t, list)
		broken = append(broken, fault{"another code", add(p.within(last, coding(system, "no such code")))})
		kept = p.within(last, coding(system, code))
	}
	for _, target := range e.Refers {
		reference := func(to string) string {
			return p.within(last, elements([]string{"reference"}, ` value="`+references["$"+to].FindStringSubmatch(message)[1]+`"`))
		}
		broken = append(broken, fault{"another target", add(reference("organisation"))})
		kept = reference(strings.ToLower(target))
	}
	return strings.Replace(p.without(t, message, path), "$", p.within(around, kept), 1), broken
}

// impliedBySlice reports whether an element always exists because it makes its parent belong to the
// slice.
func (p *profileText) impliedBySlice(path []string) bool {
	if len(path) < 2 {
		return false
	}
	first, _, _ := strings.Cut(p.Slices[path[len(path)-2]].Element, ".")
	return first == path[len(path)-1]
}

// without removes an element from the resources of the type, if the path has
// only this element.
func (p *profileText) without(t *testing.T, message string, path []string) string {
	t.Helper()
	if len(path) != 1 || p.Type == "Extension" {
		return message
	}
	name, label, _ := strings.Cut(strings.TrimSuffix(path[0], ")"), "(")
	doc, _, err := fhir.ParseXML([]byte(strings.Replace(message, "$", " ", 1)))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range slices.Backward(doc.References().Entries()) {
		if e.Resource.Name() != p.Type {
			continue
		}
		for _, c := range slices.Backward(slices.Collect(e.Resource.ChildrenNamed(name))) {
			if start, end := c.Offset(); name != "extension" || c.EqualURL(p.Extensions[label]) {
				message = message[:start] + message[end:]
			}
		}
	}
	return message
}

func coding(system, code string) string {
	return `<coding><system value="` + system + `"/><code value="` + code + `"/></coding>`
}

// aCode returns the system of a list and one of its codes.
func aCode(t *testing.T, list string) (system, code string) {
	t.Helper()
	src, err := os.ReadFile("codesystems/" + list + ".tsv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(src), "\n")
	system, _, _ = strings.Cut(strings.TrimPrefix(lines[0], "# "), "\t")
	code, _, _ = strings.Cut(lines[1], "\t")
	return system, code
}

// TestEveryRuleOfEveryProfileCanBeBrokenAndKept changes our own messages at the
// place of each rule, in each way that breaks the rule and in one that does not.
// It does not check the order of elements, which fhir checks.
func TestEveryRuleOfEveryProfileCanBeBrokenAndKept(t *testing.T) {
	rules, faults := 0, 0
	for _, p := range profileTexts(t) {
		code, message := p.host(t)
		for _, e := range p.merged() {
			rules++
			rule := p.Profile + "/" + e.Path
			kept, broken := p.faults(t, e, message)
			if len(broken) == 0 {
				t.Errorf("%s: nothing breaks it", rule)
			}
			if rulesAt(t, code, kept)[rule] {
				t.Errorf("%s: reported where it is kept: %s", rule, added(message, kept))
			}
			for _, f := range broken {
				faults++
				if found := rulesAt(t, code, f.message); !found[rule] && !pageSays(found, e.Path) {
					t.Errorf("%s, %s: not found; found %v in %s", rule, f.kind, found, added(message, f.message))
				}
			}
		}
	}
	t.Logf("%d rules, %d faults", rules, faults)
	if rules < 200 {
		t.Errorf("only %d rules", rules)
	}
}

// merged combines the rules about one path.
func (p *profileText) merged() []elementText {
	var out []elementText
	for _, e := range p.Elements {
		i := slices.IndexFunc(out, func(before elementText) bool { return before.Path == e.Path })
		if i < 0 {
			out = append(out, e)
			continue
		}
		out[i].Count += e.Count
		out[i].Bound = append(out[i].Bound, e.Bound...)
		out[i].Refers = append(out[i].Refers, e.Refers...)
	}
	return out
}

// pageSays reports whether a page says the same, or says it of the parent
// element. Then the page is quoted instead of the profile.
func pageSays(found map[string]bool, path string) bool {
	around, last := "", path
	if dot := strings.LastIndexByte(path, '.'); dot >= 0 {
		around, last = path[:dot], path[dot+1:]
	}
	for rule := range found {
		page, _, _ := strings.Cut(rule, "/")
		ofPage := page == "generic" || slices.Contains(example.Codes(), page)
		if ofPage && (strings.HasSuffix(rule, "."+last) || around != "" && strings.HasSuffix(rule, "."+around)) {
			return true
		}
	}
	return false
}

// rulesAt returns the rules that a message breaks at strict.
func rulesAt(t *testing.T, code, message string) map[string]bool {
	t.Helper()
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	eventType, _ := types.Type(code)
	doc, _, err := fhir.ParseXML([]byte(message))
	if err != nil {
		t.Fatalf("%v in %s", err, message)
	}
	out := map[string]bool{}
	for _, f := range eventType.Judge(doc, catalogue.Strict).Findings {
		out[f.Rule] = true
	}
	return out
}

// added returns what was inserted in place of $.
func added(message, changed string) string {
	start := strings.IndexByte(message, '$')
	return fmt.Sprintf("%.300s", changed[min(start, len(changed)):])
}
