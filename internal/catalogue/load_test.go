package catalogue

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const admission = `code: admission-1
display: Admission
interaction: Admission
workflow: ADMISSION_1
publishers: anyone
page: admission_1
kinds: [new]
focus: [Encounter]
life-cycle: {state: deprecated, deprecated: 2026-03-31, no-longer-supported: 2027-01-31, url: "https://example.nhs.uk/admission"}
resources:
  - resource: Encounter
    count: 1..1
    elements:
      - {path: status, count: 1..1, value: arrived}
`

func writeType(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAnOperatorAddsAnEventType(t *testing.T) {
	c, err := Load(writeType(t, admission))
	if err != nil {
		t.Fatal(err)
	}
	own, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	if n, want := len(c.Types()), len(own.Types())+1; n != want {
		t.Errorf("the catalogue has %d types; expected %d", n, want)
	}
	added, ok := c.ByInteraction("Admission")
	if !ok || added.Code != "admission-1" || added.LifeCycle.State != Deprecated {
		t.Fatalf("found %+v, %v", added, ok)
	}
	if want := time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC); !added.LifeCycle.NoLongerSupported.Equal(want) {
		t.Errorf("it is supported until %v; expected %v", added.LifeCycle.NoLongerSupported, want)
	}
	if _, ok := c.Type("Admission"); ok {
		t.Error("Type found an event type by its interaction name")
	}
}

func TestBrokenFilesAreRefusedWithTheirLine(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"unknown key", "kinds:", "kind:", `mine.yaml:7: unknown field "kind"`},
		{"unknown key inside", "value: arrived", "values: [a], colour: red", "mine.yaml:14: unknown field"},
		{"not YAML", "kinds: [new]", "kinds: [new", "mine.yaml:"},
		{"no code", "code: admission-1\n", "", `needs the key "code"`},
		{"publishers", "anyone", "everyone", "mine.yaml:5: publishers must be"},
		{"kind", "kinds: [new]", "kinds: [new, renew]", "mine.yaml:7: a kind must be new, update or delete"},
		{"state", "state: deprecated", "state: gone", "mine.yaml:9: life-cycle: state: a state is"},
		{"date", "2027-01-31", "31.1.2027", "mine.yaml:9: a date has the form"},
		{"deprecated without a date", "deprecated: 2026-03-31, ", "", "mine.yaml:9: life-cycle: state: an event type that is deprecated needs the date of its deprecation (deprecated) and a page about it (url), which callers are told; missing: deprecated"},
		{"deprecated without a page", `, url: "https://example.nhs.uk/admission"`, "", "missing: url"},
		{"no longer supported, without either", `state: deprecated, deprecated: 2026-03-31, no-longer-supported: 2027-01-31, url: "https://example.nhs.uk/admission"`, "state: no-longer-supported", "missing: deprecated, url"},
		{"dates in another order", "2027-01-31", "2026-01-31", "mine.yaml:9: life-cycle: no-longer-supported: the date is before"},
		{"page that is none", `"https://example.nhs.uk/admission"`, "soon", "mine.yaml:9: life-cycle: url: expected an address"},
		{"cardinality", "count: 1..1, value", "count: 2..1, value", "mine.yaml:14: Encounter: status: a cardinality"},
		{"cardinality of resource", "    count: 1..1\n", "    count: one\n", "mine.yaml:11: Encounter: a cardinality"},
		{"extension", "path: status", "path: extension(nobody)", `mine.yaml:14: Encounter: the extension "nobody"`},
		{"slice", "path: status", "path: identifier(mine)", `mine.yaml:14: Encounter: the slice "identifier(mine)"`},
		{"path", "path: status", `path: "status("`, "mine.yaml:14:"},
		{"no path", "path: status, ", "", "mine.yaml:14: Encounter: a rule needs a path"},
		{"resource that STU3 has not", "resource: Encounter", "resource: Encunter", `mine.yaml:11: Encunter: STU3 has no resource "Encunter"`},
		{"element that STU3 has not", "path: status", "path: statsu", "mine.yaml:14: Encounter: STU3 has no element Encounter.statsu"},
		{"condition that STU3 has not", "value: arrived", "when: {path: sttaus, values: [x]}", "mine.yaml:14: Encounter: status: when: STU3 has no element Encounter.sttaus"},
		{"target that STU3 has not", "value: arrived", "refers: [Patent]", `mine.yaml:14: Encounter: STU3 has no resource "Patent"`},
		{"focus that STU3 has not", "focus: [Encounter]", "focus: [Encunter]", `mine.yaml:8: STU3 has no resource "Encunter"`},
		{"list", "value: arrived", "bound: [Colours-1]", `mine.yaml:14: Encounter: status: there is no code system "Colours-1"`},
		{"type of no choice", "value: arrived", "types: [code]", `mine.yaml:14: Encounter: status: STU3 has no status of the type "code"`},
		{"profile", "kinds:", "profiles: [CareConnect-Ward-1]\nkinds:", `there is no profile "CareConnect-Ward-1" of a resource`},
		{"profile of an extension", "kinds:", "profiles: [birthPlace]\nkinds:", `there is no profile "birthPlace" of a resource`},
		{"codes", "value: arrived", "codes: Colours-1", `mine.yaml:14: Encounter: status: there is no code system "Colours-1"`},
		{"form", "value: arrived", "form: roman", "mine.yaml:14:"},
		{"from", "value: arrived", "from: hearsay", "mine.yaml:14:"},
		{"twice", "  - resource: Encounter\n", "  - resource: Encounter\n  - resource: Encounter\n", "mine.yaml:12: Encounter: Encounter occurs twice"},
		{"slice without is", "    count: 1..1\n", "    slice: mine\n", "mine.yaml:11:"},
		{"referenced by nobody", "    count: 1..1\n", "    slice: mine\n    is: {referenced-by: [Procedure.subject]}\n", "mine.yaml:"},
		{"name taken", "interaction: Admission", "interaction: Vaccinations", `share the name "Vaccinations"`},
		{"empty", admission, "", "mine.yaml:1: the file is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(admission, c.from, c.to, 1)
			if text == admission {
				t.Fatalf("%q is not in the file", c.from)
			}
			_, err := Load(writeType(t, text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("refused with %v; expected %q in it", err, c.want)
			}
		})
	}
}

func TestAFolderThatIsNotThereIsAnError(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("loaded event types from a folder that is not there")
	}
}

func TestLifeCyclesChangeWhileRunning(t *testing.T) {
	before, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	after := before.WithLifeCycles(map[string]LifeCycle{"vaccinations-1": {State: Withdrawn}, "unknown-1": {State: Withdrawn}})
	for _, name := range []string{"vaccinations-1", "Vaccinations"} {
		was, _ := before.ByInteraction(name)
		is, _ := after.ByInteraction(name)
		if was.LifeCycle.State != Current || is.LifeCycle.State != Withdrawn {
			t.Errorf("%s was %s and is %s; expected current and withdrawn", name, was.LifeCycle.State, is.LifeCycle.State)
		}
	}
	shown := slices.ContainsFunc(after.Types(), func(t *EventType) bool { return t.Code == "vaccinations-1" && t.LifeCycle.State == Withdrawn })
	if len(after.Types()) != len(before.Types()) || !shown {
		t.Error("Types does not show the change")
	}
}
