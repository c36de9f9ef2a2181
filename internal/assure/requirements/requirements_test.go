package requirements

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/goccy/go-yaml"
)

func all(t *testing.T) []Group {
	t.Helper()
	groups, err := All()
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

// root is the repository, seen from this package.
const root = "../../../"

// TestGoTestsAreThere: each Go test that a requirement names is in its package, and each
// case in the package's tests.
func TestGoTestsAreThere(t *testing.T) {
	sources := map[string]string{}
	source := func(folder string) string {
		if text, known := sources[folder]; known {
			return text
		}
		files, err := filepath.Glob(root + folder + "/*_test.go")
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, f := range files {
			content, err := os.ReadFile(f) //nolint:gosec // of this repository
			if err != nil {
				t.Fatal(err)
			}
			text.Write(content)
		}
		sources[folder] = text.String()
		return sources[folder]
	}
	looked := 0
	for _, r := range Select(all(t), nil) {
		for _, name := range r.Tests {
			if !goTest.MatchString(name) || check.MatchString(name) || aRule.MatchString(name) {
				continue
			}
			looked++
			folder, function, _ := strings.Cut(name, " ")
			function, example, hasExample := strings.Cut(function, "/")
			text := source(folder)
			if !strings.Contains(text, "\nfunc "+function+"(t *testing.T)") && !strings.Contains(text, "\nfunc "+function+"(f *testing.F)") {
				t.Errorf("%s: %s has no test %s", r.ID, folder, function)
			}
			if hasExample && !strings.Contains(text, `"`+example+`"`) {
				t.Errorf("%s: the tests of %s have no case %q", r.ID, folder, example)
			}
		}
	}
	if looked < 100 {
		t.Errorf("only %d Go tests were looked for", looked)
	}
}

// rules are the ids of all rules of the event catalogue.
func rules(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(root + "internal/catalogue/types/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d event types, %v", len(files), err)
	}
	var ids []string
	for _, file := range append(files, root+"internal/catalogue/requirements.yaml") {
		content, err := os.ReadFile(file) //nolint:gosec // of this repository
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			Code      string
			Resources []struct {
				Resource, Slice string
				Elements        []struct{ Path string }
			}
		}
		if err := yaml.Unmarshal(content, &f); err != nil {
			t.Fatal(file, err)
		}
		if f.Code == "" {
			f.Code = "generic"
		}
		for _, r := range f.Resources {
			name := f.Code + "/" + r.Resource
			if r.Slice != "" {
				name += "(" + r.Slice + ")"
			}
			ids = append(ids, name)
			for _, e := range r.Elements {
				ids = append(ids, name+"."+e.Path)
			}
		}
	}
	return ids
}

// TestRulesAreThere: each rule that a requirement names is in the catalogue, and each
// rule of the catalogue is behind a requirement, so that a finding leads to one.
func TestRulesAreThere(t *testing.T) {
	groups, ids := all(t), rules(t)
	for _, r := range Select(groups, nil) {
		if r.Event != "" && !slices.Contains(ids, r.Event+"/MessageHeader") {
			t.Errorf("%s: the catalogue has no event type %s", r.ID, r.Event)
		}
		for _, name := range r.Tests {
			name, is := strings.CutPrefix(name, "rule:")
			if is && r.Event != "" && !strings.HasPrefix(name, r.Event+"/") {
				t.Errorf("%s is of %s and names a rule of another event type: %s", r.ID, r.Event, name)
			}
			if is && !slices.ContainsFunc(ids, func(id string) bool { return Covers(name, id) }) {
				t.Errorf("%s: the catalogue has no rule %s", r.ID, name)
			}
		}
	}
	for _, id := range ids {
		if len(OfRule(groups, id)) == 0 {
			t.Errorf("no requirement is behind the rule %s", id)
		}
	}
}

// TestChecksAreUsed: every check shows a requirement.
func TestChecksAreUsed(t *testing.T) {
	checks, err := Checks()
	if err != nil || len(checks) < 50 {
		t.Fatalf("%d checks, %v", len(checks), err)
	}
	seen := map[string]bool{}
	for _, c := range checks {
		if seen[c.ID] || !check.MatchString(c.ID) || !strings.HasSuffix(c.Says, ".") {
			t.Errorf("%s: there twice, or not publisher/NAME or subscriber/NAME with a sentence", c.ID)
		}
		seen[c.ID] = true
		if len(Of(all(t), c.ID)) == 0 {
			t.Errorf("%s shows no requirement", c.ID)
		}
	}
}

// TestChecksAreThoseOfThePlans: a check is planned as long as its plan, or the check, is
// not there, and no longer.
func TestChecksAreThoseOfThePlans(t *testing.T) {
	if _, err := os.Stat("../plans"); err != nil {
		t.Skip("there are no plans in this tree")
	}
	checks, err := Checks()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	code := ""
	for _, f := range files {
		text, err := os.ReadFile(f) //nolint:gosec // of this repository
		if err != nil {
			t.Fatal(err)
		}
		code += string(text)
	}
	_, every, _ := strings.Cut(code, "var everyChecks")
	every, _, _ = strings.Cut(every, "\n}\n")
	for _, c := range checks {
		side, name, _ := strings.Cut(c.ID, "/")
		_, missing := os.Stat("../plans/" + side + ".yaml")
		// A check of steps is there if the plan has it, one of every request if the code has it:
		// the other side's checks of steps are in the same code.
		steps, _ := os.ReadFile("../plans/" + side + ".yaml") //nolint:gosec // of this repository
		inPlan := regexp.MustCompile(`[\[ ]` + name + `[,\]]`).Match(steps)
		there := missing == nil && (inPlan || strings.Contains(every, `"`+name+`"`) || strings.Contains(code, `"/`+name+`"`))
		if there == c.Planned {
			t.Errorf("%s: planned is %t, and whether its plan has it %t", c.ID, c.Planned, there)
		}
	}
}

// TestDecisionsAreThere: each decision that a requirement names has a page.
func TestDecisionsAreThere(t *testing.T) {
	files, err := filepath.Glob(root + "docs/decisions/0*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Select(all(t), nil) {
		for _, n := range r.Decisions {
			if !slices.ContainsFunc(files, func(f string) bool { return strings.HasPrefix(filepath.Base(f), four(n)+"-") }) {
				t.Errorf("%s: there is no decision %d", r.ID, n)
			}
		}
	}
}

func four(n int) string {
	digits := "0000" + strings.TrimSpace(strings.Trim(decidedText(n), "[]"))
	return digits[len(digits)-4:]
}

func decidedText(n int) string { r := Requirement{Decisions: []int{n}}; return r.decided() }

// TestWrongFilesAreRefused: whatever is wrong in a file is said, with the file and the id.
func TestWrongFilesAreRefused(t *testing.T) {
	const head = "group: HDR\ntitle: T\nsource: S\nsections:\n  - page: p\n    at: A\n    requirements:\n      - "
	const right = `{id: NEMS-HDR-01, actor: publisher, level: must, tests: [publisher/a], says: "It says."}`
	for name, c := range map[string]struct{ old, with, says string }{
		"right":                 {"", "", ""},
		"another group's id":    {"NEMS-HDR-01", "NEMS-SUB-01", "NEMS-HDR-NN"},
		"no number":             {"NEMS-HDR-01", "NEMS-HDR", "NEMS-HDR-NN"},
		"an unknown actor":      {"actor: publisher", "actor: postman", "postman"},
		"an unknown level":      {"level: must", "level: shall", "shall"},
		"no full stop":          {"It says.", "It says", "full stop"},
		"nothing said":          {"It says.", "", "full stop"},
		"much said":             {"It says.", strings.Repeat("a", longest) + ".", "received 321"},
		"no tests":              {"tests: [publisher/a], ", "", "tests or deviates"},
		"tests and why":         {"level: must", `level: must, why: "No."`, "only one"},
		"a check nobody has":    {"publisher/a", "publisher/b", "no such check"},
		"another plan's":        {"publisher/a", "subscriber/a", "expected publisher/"},
		"a Go test for others":  {"publisher/a", "internal/api TestX", "expected publisher/"},
		"a check for us":        {"actor: publisher", "actor: nems", "expected a Go test"},
		"others do not deviate": {"level: must", `level: must, decisions: [1], deviates: "It does."`, "only the service"},
		"no decision":           {"level: must", `level: must, deviates: "It does."`, "a decision says why"},
		"an unknown key":        {"level: must", "level: must, colour: red", "colour"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(fstest.MapFS{
				"checks.yaml":   {Data: []byte(`- {id: publisher/a, says: "A."}` + "\n" + `- {id: subscriber/a, says: "A."}` + "\n")},
				"data/hdr.yaml": {Data: []byte(head + strings.Replace(right, c.old, c.with, 1) + "\n")},
			})
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "hdr.yaml")):
				t.Errorf("expected an error with %q and the file; received %v", c.says, err)
			}
		})
	}
	for name, data := range map[string]string{
		"twice":           head + right + "\n      - " + right + "\n",
		"nothing":         "group: HDR\ntitle: T\nsource: S\nsections: []\n",
		"another's name":  strings.Replace(head, "HDR", "SUB", 1) + right + "\n",
		"not YAML at all": "\t[",
	} {
		if _, err := load(fstest.MapFS{"checks.yaml": {Data: []byte(`- {id: publisher/a, says: "A."}`)}, "data/hdr.yaml": {Data: []byte(data)}}); err == nil {
			t.Errorf("%s: expected an error", name)
		}
	}
}

// TestVerdicts: what is said of a requirement decides.
func TestVerdicts(t *testing.T) {
	for want, r := range map[Verdict]Requirement{
		Tested:      {Tests: []string{"publisher/a"}},
		Deviates:    {Tests: []string{"internal/api TestX"}, Deviates: "It does."},
		NotTestable: {Why: "No."},
		Untested:    {Open: "Later."},
	} {
		if got := r.Verdict(); got != want {
			t.Errorf("expected %s; received %s", want, got)
		}
	}
	const file = "group: HDR\ntitle: T\nsource: S\nsections:\n  - {page: p, at: A, requirements: [{id: NEMS-HDR-01, actor: publisher, level: must, says: It says., tests: [publisher/a, publisher/b]}]}\n"
	for planned, want := range map[string]Verdict{"": Untested, ", planned: false": Tested} {
		groups, err := load(fstest.MapFS{"data/hdr.yaml": {Data: []byte(file)}, "checks.yaml": {Data: []byte(
			`- {id: publisher/a, planned: true, says: "A."}` + "\n" + strings.Replace(`- {id: publisher/b, planned: true, says: "B."}`, ", planned: true", cmp.Or(planned, ", planned: true"), 1))}})
		if err != nil || groups[0].Requirements[0].Verdict() != want {
			t.Errorf("planned %q: expected %s; received %+v, %v", planned, want, groups, err)
		}
	}
}

// TestOfRule: a finding leads to the requirements nearest to its rule.
func TestOfRule(t *testing.T) {
	groups := []Group{{Requirements: []Requirement{
		{ID: "resource", Tests: []string{"rule:a-1/Patient"}},
		{ID: "element", Tests: []string{"rule:a-1/Patient.name"}},
		{ID: "also", Tests: []string{"publisher/a", "rule:a-1/Patient.name"}},
		{ID: "slice", Tests: []string{"rule:a-1/Patient(Baby)"}},
	}}}
	for rule, want := range map[string]string{
		"a-1/Patient":                "resource",
		"a-1/Patient.birthDate":      "resource",
		"a-1/Patient.name":           "element also",
		"a-1/Patient.name(official)": "element also",
		"a-1/Patient.named":          "resource",
		"a-1/Patient(Baby).name":     "slice",
		"a-1/PatientX":               "",
		"b-1/Patient":                "",
	} {
		var got []string
		for _, r := range OfRule(groups, rule) {
			got = append(got, r.ID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: expected %q; received %q", rule, want, got)
		}
	}
}

// TestWriteCSV: a line for each requirement, which a reader of CSV reads back.
func TestWriteCSV(t *testing.T) {
	var out bytes.Buffer
	everything := Select(all(t), nil)
	if err := WriteCSV(&out, everything); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(lines) != len(everything)+1 {
		t.Fatalf("%d lines of %d requirements: %v", len(lines), len(everything), err)
	}
	for i, r := range everything {
		if lines[i+1][0] != r.ID || lines[i+1][6] != r.Says || lines[i+1][5] != string(r.Verdict()) {
			t.Fatalf("%s became %q", r.ID, lines[i+1])
		}
	}
}

// TestEveryPageIsCovered: a group for each subject, and enough requirements that no page
// was left out.
func TestEveryPageIsCovered(t *testing.T) {
	pages, groups := map[string]int{}, all(t)
	for _, r := range Select(groups, nil) {
		pages[r.Page]++
	}
	for _, page := range []string{
		"index", "assurance", "explore_generic_event_requirements", "overview_supported_events", "overview_controller_catalogue",
		"overview_guide_versioning", "overview_msg_architecture", "overview_msg_architecture_event_content", "overview_msg_architecture_feedback",
		"overview_msg_architecture_life_cycle", "overview_msg_architecture_sequencing", "publication_general_api_guidance", "publication_ig",
		"publication_publish", "receiver_ig", "receiver_requirements", "explore_create_subscription", "explore_delete_subscription",
		"explore_read_subscription", "explore_subscriptions", "subscription_general_api_guidance", "subscription_ig", "blood_spot_test_outcome_1",
		"newborn_hearing_1", "nipe_outcome_1", "pds_birth_notification_1", "pds_change_of_address_1", "pds_change_of_gp_1", "pds_death_notification_1",
		"pds_record_change", "professional_contacts_1", "vaccinations_1", "security_jwt", "resources_error_handling", "build_endpoints", "pds_overview",
		"api_foundation_capabilitystatement", "api_spine-operationoutcome", "resources_overview",
	} {
		if pages[page] == 0 {
			t.Errorf("no requirement is of the page %s", page)
		}
	}
	if len(groups) != len(order) {
		t.Errorf("expected the %d groups %v; received %d", len(order), order, len(groups))
	}
}
