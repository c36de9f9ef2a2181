package catalogue

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nems/internal/fhir"
)

// examples is the folder of the official messages.
const examples = "../../testdata/official"

// notSTU3 are the official examples that break STU3 itself.
var notSTU3 = []string{
	"PDS-Death-Notification-formal-ems-example.xml", "PDS-Death-Notification-informal-ems-example.xml",
	"PDS-Death-Notification-removed-ems-example.xml", "nipe-outcome-1-update.xml",
}

// officialExample reads an official message and finds its event type.
func officialExample(t *testing.T, c *Catalogue, name string) (*EventType, *fhir.Document, []fhir.Finding) {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(examples, name))
	if err != nil {
		t.Fatal(err)
	}
	doc, structure, err := fhir.ParseXML(src)
	if err != nil {
		t.Fatal(err)
	}
	header := doc.Root().Child("entry").Child("resource").Resource()
	eventType, ok := c.Type(header.At("event", "code").Value())
	if !ok {
		t.Fatalf("%s: unknown event type", name)
	}
	return eventType, doc, structure
}

func officialExamples(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(examples, "*.xml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no official examples in %s: %v", examples, err)
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	return files
}

// TestOfficialExamplesPassStandard: the 21 that are valid STU3 have no errors,
// except the births: a check digit, and references that lead nowhere.
func TestOfficialExamplesPassStandard(t *testing.T) {
	c, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"BirthNotificationWithMother.xml":    {"nhs-number-check", "nhs-number-check"},
		"BirthNotificationWithoutMother.xml": {"reference-not-found", "reference-not-found"},
	}
	valid := 0
	for _, name := range officialExamples(t) {
		eventType, doc, structure := officialExample(t, c, name)
		if slices.Contains(notSTU3, name) {
			if len(structure) == 0 {
				t.Errorf("%s is said to break STU3, but does not", name)
			}
			continue
		}
		valid++
		var got []string
		for _, f := range eventType.Judge(doc, Standard).Errors() {
			got = append(got, f.Rule)
		}
		if diff := cmp.Diff(want[name], got); diff != "" {
			t.Errorf("%s at standard: errors (-want +got):\n%s", name, diff)
		}
	}
	if valid != 21 {
		t.Errorf("looked at %d examples; expected 21", valid)
	}
}

// TestExemptionsAreTrue: where the catalogue says that an official example
// breaks a rule, the example does break it and is valid STU3.
func TestExemptionsAreTrue(t *testing.T) {
	c, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	officialExamples(t)
	broken := map[string][]string{}
	for id, name := range exemptions(c) {
		if name == livePDS {
			continue // covered by TestWhatLivePDSSendsIsAccepted
		}
		if broken[name] == nil {
			eventType, doc, structure := officialExample(t, c, name)
			if len(structure) > 0 {
				t.Errorf("%s is not valid STU3", name)
			}
			for _, f := range eventType.Judge(doc, Standard).Warnings() {
				broken[name] = append(broken[name], f.Rule)
			}
		}
		if !slices.Contains(broken[name], id) {
			t.Errorf("%s is a warning because of %s, which does not break it", id, name)
		}
	}
}

// exemptions maps rules to the official example that breaks them.
func exemptions(c *Catalogue) map[string]string {
	out := map[string]string{"reference-bundled": bundledExample, "reference-fullUrl": fullURLExample, PatientRouting + "-birthDate": birthDateExample}
	for _, eventType := range c.Types() {
		for _, g := range slices.AppendSeq(eventType.rules.ordered(), maps.Values(eventType.rules.extensions)) {
			if g.brokenBy != "" {
				out[g.id] = g.brokenBy
			}
			for _, r := range g.rules {
				if r.brokenBy != "" {
					out[r.id] = r.brokenBy
				}
			}
		}
	}
	return out
}

// TestWarningsAreErrorsAtStrict: the levels differ only in this, and in what
// the harness adds.
func TestWarningsAreErrorsAtStrict(t *testing.T) {
	c, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range officialExamples(t) {
		eventType, doc, _ := officialExample(t, c, name)
		var standard, strict []string
		for _, f := range eventType.Judge(doc, Standard).Findings {
			standard = append(standard, f.Rule+" "+f.Expression)
		}
		for _, f := range eventType.Judge(doc, Strict).Findings {
			if !f.Refuses() {
				t.Errorf("%s: %s is a warning at strict", name, f.Rule)
			}
			if !strings.Contains(f.Source, "harness") {
				strict = append(strict, f.Rule+" "+f.Expression)
			}
		}
		if diff := cmp.Diff(standard, strict); diff != "" {
			t.Errorf("%s (-standard +strict):\n%s", name, diff)
		}
		if found := eventType.Judge(doc, Schema).Findings; len(found) > 0 {
			t.Errorf("%s at schema: %d findings; expected none", name, len(found))
		}
	}
}
