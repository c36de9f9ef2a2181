package catalogue_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"nems/internal/catalogue"
	"nems/internal/catalogue/example"
	"nems/internal/fhir"
)

// harnessRules lists, for an event type, the transforms of the NHS assurance
// harness, in validator_config of nhsdigitalmait/FHIR_NEMS.
var harnessRules = map[string][]string{
	"vaccinations-1": {
		"NEMSDCHTransforms/vaccinations/*.xslt",
		"Cardinality_Scripts/FHIR_NEMS_Publish_Event_Message_Header_1_vaccinations_*.xslt",
		"Cardinality_Scripts/FHIR_NEMS_Publish_CareConnect_Immunization_*.xslt",
		"Cardinality_Scripts/FHIR_NEMS_Publish_CareConnect_Organization_DCH*.xslt",
		"Cardinality_Scripts/FHIR_NEMS_Publish_CareConnect_Patient_DCH*.xslt",
		"Cardinality_Scripts/FHIR_NEMS_Publish_CareConnect_Practitioner_Role_*.xslt",
		"Cardinality_Scripts/FHIR_NEMS_Publish_CareConnect_Encounter_*.xslt",
		"Cardinality_Scripts/FHIR_NEMS_Publish_CareConnect_HealthcareService_*.xslt",
	},
	"professional-contacts-1": {
		"NEMSDCHTransforms/professional_contacts/*.xslt",
		"Cardinality_Scripts/FHIR_NEMS_Publish_Event_Message_Header_1_professional_contacts_*.xslt",
		"Cardinality_Scripts/FHIR_NEMS_Publish_CareConnect_EpisodeOfCare_*.xslt",
		"Cardinality_Scripts/FHIR_NEMS_Publish_CareConnect_Organization_professional_contacts_*.xslt",
		"Cardinality_Scripts/FHIR_NEMS_Publish_CareConnect_Patient_professional_contacts_*.xslt",
		"Cardinality_Scripts/FHIR_NEMS_Publish_CareConnect_CareTeam_*.xslt",
	},
}

// harnessErrs are findings of the harness that contradict the specification
// 2.15: see docs/harness-differences.md.
var harnessErrs = []string{
	"notGiven is true and reasonNotGiven is not included",   // it does not look inside explanation
	"DCH-ChildHealthEncounterType-1 code element not found", // a type SHOULD be one of the list
}

// TestStrictFindsWhatTheHarnessFinds mutates our own messages and runs the
// harness's transforms on them: whatever the harness fails, strict refuses.
// NEMS_HARNESS names a checkout of nhsdigitalmait/FHIR_NEMS, NEMS_SAXON the
// Saxon-HE jar. Without them the test is skipped.
func TestStrictFindsWhatTheHarnessFinds(t *testing.T) {
	harness, saxon := os.Getenv("NEMS_HARNESS"), os.Getenv("NEMS_SAXON")
	if harness == "" || saxon == "" {
		t.Skip("NEMS_HARNESS and NEMS_SAXON are not set: the harness is not there")
	}
	for code, patterns := range harnessRules {
		t.Run(code, func(t *testing.T) {
			in := t.TempDir()
			mutations := writeMutations(t, in, code)
			failed := runHarness(t, saxon, filepath.Join(harness, "validator_config"), patterns, in)
			missed, refused := 0, 0
			for name, message := range mutations {
				found := refusals(t, code, message)
				if len(found) > 0 {
					refused++
				}
				if len(found) == 0 && len(failed[name]) > 0 {
					missed++
					t.Errorf("%s: the harness says %q; strict finds nothing", name, failed[name])
				}
				if name == "base.xml" && len(failed[name]) > 0 {
					t.Errorf("the harness refuses our example: %q", failed[name])
				}
			}
			t.Logf("%d mutations: the harness refuses %d, strict %d; missed %d", len(mutations), len(failed), refused, missed)
			if len(failed) < 20 {
				t.Errorf("the harness refused only %d messages: did its transforms run?", len(failed))
			}
		})
	}
}

// refusals returns the rules that refuse a message at strict.
func refusals(t *testing.T, code string, message []byte) []string {
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	eventType, _ := types.Type(code)
	doc, findings, err := fhir.ParseXML(message)
	if err != nil {
		return []string{err.Error()}
	}
	findings = append(findings, eventType.Judge(doc, catalogue.Strict).Errors()...)
	var out []string
	for _, f := range findings {
		out = append(out, f.Rule)
	}
	return out
}

// writeMutations writes messages that each differ from a valid one in one place.
func writeMutations(t *testing.T, dir, code string) map[string][]byte {
	out := map[string][]byte{}
	for _, kind := range []string{"new", "update", "delete"} {
		base, err := example.Message(code, kind, example.Patient{})
		if err != nil {
			t.Fatal(err)
		}
		mutations := mutate(t, base)
		if kind == "new" {
			mutations["base.xml"] = base
		}
		for name, m := range mutations {
			if name != "base.xml" {
				name = kind + "-" + name
			}
			out[name] = m
			if err := os.WriteFile(filepath.Join(dir, name), m, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

// mutate deletes, repeats and changes elements, one at a time.
func mutate(t *testing.T, base []byte) map[string][]byte {
	doc, _, err := fhir.ParseXML(base)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	random := rand.New(rand.NewPCG(1, 2))
	replace := func(name string, n fhir.Node, with []byte) {
		start, end := n.Offset()
		out[fmt.Sprintf("%04d-%s-%s.xml", len(out), name, n.Name())] = bytes.Join([][]byte{base[:start], with, base[end:]}, nil)
	}
	var visit func(n fhir.Node, depth int)
	visit = func(n fhir.Node, depth int) {
		for c := range n.Children() {
			start, end := c.Offset()
			if depth > 2 && random.IntN(2) == 0 {
				replace("delete", c, nil)
				replace("repeat", c, bytes.Repeat(base[start:end], 2))
			}
			if c.HasValue() && random.IntN(2) == 0 {
				for _, v := range []string{"urn:uuid:00000000-0000-4000-8000-00000000dead", "999", "true", "false"} {
					replace("change", c, bytes.Replace(base[start:end], []byte(`value="`+c.Value()), []byte(`value="`+v), 1))
				}
			}
			visit(c, depth+1)
		}
	}
	visit(doc.Root(), 0)
	return out
}

// runHarness runs transforms over a folder and collects the failures that they report.
func runHarness(t *testing.T, saxon, config string, patterns []string, in string) map[string][]string {
	failed := map[string][]string{}
	for _, pattern := range patterns {
		transforms, err := filepath.Glob(filepath.Join(config, pattern))
		if err != nil || len(transforms) == 0 {
			t.Fatalf("no transforms %s: %v", pattern, err)
		}
		for _, transform := range transforms {
			if strings.Contains(transform, "reporting_templates") {
				continue
			}
			out := t.TempDir()
			if text, err := exec.Command("java", "-cp", saxon, "net.sf.saxon.Transform", "-s:"+in, "-o:"+out, "-xsl:"+transform).CombinedOutput(); err != nil {
				t.Logf("%s: %v (%.200s)", filepath.Base(transform), err, text)
			}
			collect(t, out, filepath.Base(transform), failed)
		}
	}
	return failed
}

// collect reads the reports that a transform wrote.
func collect(t *testing.T, dir, transform string, failed map[string][]string) {
	reports, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, report := range reports {
		text, err := os.ReadFile(filepath.Join(dir, report.Name()))
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(report.Name(), filepath.Ext(report.Name())) + ".xml"
		for _, line := range strings.Split(string(text), "\n") {
			refuses := strings.Contains(line, "FAIL: ") || strings.Contains(line, "    ERROR")
			for _, known := range harnessErrs {
				refuses = refuses && !strings.Contains(line, known)
			}
			if refuses {
				failed[name] = append(failed[name], transform+": "+strings.TrimSpace(line))
			}
		}
	}
}
