package fhir

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// xmllint checks XML with HL7's schema.
type xmllint struct{ program, schema string }

func findXMLLint(t testing.TB) xmllint {
	t.Helper()
	program, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint is not installed")
	}
	return xmllint{program, filepath.Join("..", "..", "testdata", "hl7", "fhir-single.xsd")}
}

// accepts checks many documents in one run, because loading the schema is slow.
func (x xmllint) accepts(t testing.TB, sources [][]byte) []bool {
	t.Helper()
	dir := t.TempDir()
	args := []string{"--noout", "--nonet", "--schema", x.schema}
	for i, source := range sources {
		file := filepath.Join(dir, strconv.Itoa(i)+".xml")
		if err := os.WriteFile(file, source, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	output, err := exec.Command(x.program, args...).CombinedOutput()
	if err != nil && !bytes.Contains(output, []byte("validate")) && !bytes.Contains(output, []byte("error")) {
		t.Fatalf("xmllint: %v\n%s", err, output)
	}
	accepted := make([]bool, len(sources))
	for _, found := range regexp.MustCompile(`(?m)^.*/(\d+)\.xml validates$`).FindAllSubmatch(output, -1) {
		i, _ := strconv.Atoi(string(found[1]))
		accepted[i] = true
	}
	return accepted
}

// refusals returns our verdict: the rules that refuse.
func refusals(source []byte) []string {
	_, findings, err := ParseXML(source)
	if err != nil {
		return []string{err.(*SyntaxError).Rule}
	}
	var rules []string
	for _, f := range structural(findings) {
		if f.Refuses() {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

// structural leaves out the invariants that are judged after the structure is
// known; they have an oracle of their own.
func structural(findings []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool {
		return f.Code == "invariant" && f.Rule != ruleNarrativeActive.id && !slices.Contains(judgedWhileReading, f.Rule)
	})
}

func beyondSchema(rule string) bool {
	return !strings.HasPrefix(rule, "schema-") && !strings.HasPrefix(rule, "xml-")
}

// compare runs both judges. Nothing may pass that the schema refuses; and only
// rules of the specification may refuse what the schema accepts.
func compare(t *testing.T, x xmllint, sources [][]byte) (both int) {
	t.Helper()
	const batch = 400
	for start := 0; start < len(sources); start += batch {
		part := sources[start:min(start+batch, len(sources))]
		for i, accepted := range x.accepts(t, part) {
			rules := refusals(part[i])
			switch {
			case !accepted && len(rules) == 0:
				t.Errorf("accepted, but the schema refuses: %s", save(t, part[i]))
			case accepted && slices.ContainsFunc(rules, func(r string) bool { return !beyondSchema(r) }):
				t.Errorf("the schema accepts, refused by %v: %s", rules, save(t, part[i]))
			case accepted && len(rules) == 0:
				both++
			}
		}
	}
	return both
}

// save writes a document about which the judges differ, for a closer look.
func save(t *testing.T, source []byte) string {
	dir := os.Getenv("NEMS_DIFF_KEEP")
	if dir == "" {
		return fmt.Sprintf("\n%.3000s", source)
	}
	file, err := os.CreateTemp(dir, "*.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(source); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

// Seeded mutations of the official examples and of generated resources of all
// types. NEMS_DIFF_MUTATIONS sets their number (default 3000), NEMS_DIFF_SEED
// the seed.
func TestAgainstSchemaMutations(t *testing.T) {
	x := findXMLLint(t)
	count, seed := 3000/fewer, uint64(1)
	if n, err := strconv.Atoi(os.Getenv("NEMS_DIFF_MUTATIONS")); err == nil {
		count = n
	}
	if n, err := strconv.ParseUint(os.Getenv("NEMS_DIFF_SEED"), 10, 64); err == nil {
		seed = n
	}
	m := newMutator(seed)
	var bases []string
	sources := examples(t)
	names := make([]string, 0, len(sources))
	for name := range sources {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		bases = append(bases, string(sources[name]))
	}
	resources := m.ins.resourceNames()
	var mutated [][]byte
	for i := range count {
		base := bases[i%len(bases)]
		if i%2 == 0 {
			base = string(m.ins.resource(resources[i/2%len(resources)], 0.2))
		}
		mutated = append(mutated, []byte(m.mutate(base)))
	}
	both := compare(t, x, mutated)
	t.Logf("%d of %d mutations accepted by both", both, count)
	if both < count/20 {
		t.Errorf("only %d of %d mutations are valid: the comparison is one-sided", both, count)
	}
}

// Every tricky value with every primitive type, and random values of the types
// with a complicated form.
func TestAgainstSchemaValues(t *testing.T) {
	x := findXMLLint(t)
	m := newMutator(5)
	var sources [][]byte
	add := func(element, value string) {
		sources = append(sources, fmt.Appendf(nil,
			`<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="n"/><%s value="%s"/></parameter></Parameters>`, element, value))
	}
	extension := &m.ins.facts.types[typeExtension]
	for _, e := range extension.slots[1].elements {
		if m.ins.facts.types[e.typ].kind == kindNone {
			continue
		}
		for _, value := range trickyValues {
			add(m.names[e.name-1], value)
		}
	}
	intricate := []struct {
		element string
		parts   []string
	}{
		{"valueUri", strings.Split("a|b|:|/|//|?|#|[|]|@|%|%41|1|80| |{|http:|.|-|+|\u00e9|&amp;|::1", "|")},
		{"valueDateTime", strings.Split("2017|-|-0|1|2|29|02|T|00:00:00|:00|Z|+01:00|.5|24|-14:00| ", "|")},
		{"valueInstant", strings.Split("2017-02-28|2016-02-29T|T|00:00:00|24:00:00|23:59:59|Z|+14:00|.0|1|-|-05:00|0000| ", "|")},
		{"valueBase64Binary", strings.Split("A|B|Q|=|==| |AAAA|+|/|-|8|w", "|")},
		{"valueDecimal", strings.Split("0|1|.|-|00|123456789012|+|e| ", "|")},
	}
	for _, form := range intricate {
		for range 150 / fewer {
			var value strings.Builder
			for range 1 + m.rng.IntN(6) {
				value.WriteString(pick(m.rng, form.parts...))
			}
			add(form.element, value.String())
		}
	}
	compare(t, x, sources)
}

// Valid resources of every type pass both judges without any finding.
func TestAgainstSchemaInstances(t *testing.T) {
	x := findXMLLint(t)
	g := newInstances(7)
	var sources [][]byte
	for _, name := range g.resourceNames() {
		for _, fill := range []float64{0, 0.3, 1} {
			sources = append(sources, g.resource(name, fill))
		}
	}
	if both := compare(t, x, sources); both != len(sources) {
		t.Errorf("%d of %d generated resources pass both", both, len(sources))
	}
}
