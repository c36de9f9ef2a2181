package catalogue_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"nems/internal/catalogue"
	"nems/internal/event"
	"nems/internal/fhir"
)

// cases is a table of messages with the correct verdict for each.
const cases = "../../testdata/cases"

// TestCases checks that each message of the table gets its verdict.
func TestCases(t *testing.T) {
	table, err := os.ReadFile(filepath.Join(cases, "messages.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for line := range strings.Lines(string(table)) {
		cells := strings.Split(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") || len(cells) < 5 || strings.HasPrefix(cells[4], "copy for") {
			continue // who gets a copy is not part of the verdict on a message
		}
		looked++
		t.Run(cells[0], func(t *testing.T) { expectVerdict(t, cells[0], cells[4]) })
	}
	if looked < 15 {
		t.Errorf("looked at %d cases", looked)
	}
}

// expectVerdict compares the verdict on a message with the table's words.
func expectVerdict(t *testing.T, name, right string) {
	standard, strict := verdictOf(t, name, catalogue.Standard), verdictOf(t, name, catalogue.Strict)
	switch {
	case strings.HasPrefix(right, "valid with warnings at standard; refused at strict"):
		if standard.refuses() || len(standard) == 0 || !strict.refuses() {
			t.Errorf("%s; standard: %v, strict: %v", right, standard, strict)
		}
	case right == "valid":
		if standard.refuses() {
			t.Errorf("%s; standard: %v", right, standard)
		}
	case right == "valid at strict":
		if standard.refuses() || strict.refuses() {
			t.Errorf("%s; standard: %v, strict: %v", right, standard, strict)
		}
	case right == "refuse (name) / warn (date)":
		if standard["patient-routing-name"] != fhir.Error || standard["patient-routing-birthDate"] != fhir.Warning {
			t.Errorf("%s; standard: %v", right, standard)
		}
	case right == "refuse (REFERENCE_NOT_FOUND)":
		if standard["reference-not-found"] != fhir.Error {
			t.Errorf("%s; standard: %v", right, standard)
		}
	case strings.HasPrefix(right, "refuse"):
		if !standard.refuses() && right != "refuse at strict" || !strict.refuses() {
			t.Errorf("%s; standard: %v, strict: %v", right, standard, strict)
		}
	default:
		t.Fatalf("the table says %q, which this test does not know", right)
	}
}

// verdict maps the rules that a message breaks to their severity.
type verdict map[string]fhir.Severity

func (v verdict) refuses() bool {
	for _, severity := range v {
		if severity == fhir.Error {
			return true
		}
	}
	return false
}

// verdictOf judges a message of the table as validating does.
func verdictOf(t *testing.T, name string, level catalogue.Level) verdict {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(cases, "messages", name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	doc, findings, err := fhir.ParseXML(src)
	if err != nil {
		t.Fatal(err)
	}
	facts, _ := event.Read(doc)
	out := verdict{}
	for _, f := range slices.Concat(findings, judge(t, facts.Code, src, level)) {
		if out[f.Rule] != fhir.Error {
			out[f.Rule] = f.Severity
		}
	}
	return out
}
