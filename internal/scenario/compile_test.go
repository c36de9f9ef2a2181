package scenario

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/nhs"
	"nems/internal/world"
)

var update = flag.Bool("update", false, "rewrite golden files")

// tester is what tests and properties have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// lines writes a script as a text that people can compare.
func lines(t tester, s *Script) string {
	t.Helper()
	var b strings.Builder
	for _, p := range s.Patients {
		b.WriteString(encoded(t, p) + "\n")
	}
	for _, h := range s.Happenings {
		b.WriteString(encoded(t, h) + "\n")
	}
	return b.String()
}

func encoded(t tester, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The same seed makes the same bytes, today and in all later versions; and each
// scenario that comes with the program can be played.
func TestBuiltinScenarios(t *testing.T) {
	all, err := Builtins()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 8 {
		t.Errorf("only %d scenarios", len(all))
	}
	deeds := map[string]bool{}
	for _, b := range all {
		s, err := Compile(b.Name, b.Text, Options{Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Compile(b.Name, b.Text, Options{Seed: 7})
		got := lines(t, s)
		if got != lines(t, again) {
			t.Errorf("%s: two runs differ", b.Name)
		}
		golden(t, b.Name, got)
		if b.Title == "" || b.About == "" || len(s.Happenings) == 0 {
			t.Errorf("%s says nothing", b.Name)
		}
		for _, h := range s.Happenings {
			deeds[h.Deed.Name()] = true
		}
		ordered(t, s)
	}
	for _, d := range Deeds() {
		if !deeds[d.Name()] && d.Name() != "corrected" {
			t.Errorf("no scenario shows %s", d.Name())
		}
	}
}

// golden compares a script with that of an earlier version.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".jsonl")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: the script of an old seed has changed; if that is meant, run with -update: %s", name, diff)
	}
}

// ordered checks what holds for every script.
func ordered(t tester, s *Script) {
	t.Helper()
	ids, exists := map[string]bool{}, map[string]bool{}
	for _, p := range s.Patients {
		if _, err := nhs.ParseNHSNumber(p.NHSNumber); err != nil {
			t.Fatalf("%s: %v", p.NHSNumber, err)
		}
		exists[p.NHSNumber] = true
	}
	before := s.Start
	for i, h := range s.Happenings {
		if h.Sequence != i+1 || ids[h.ID] || h.At.Before(before) || !h.At.Before(s.End) || h.At.Location() != time.UTC {
			t.Fatalf("happening %d: %+v", i, h)
		}
		ids[h.ID], before = true, h.At
		switch d := h.Deed.(type) {
		case Added:
			exists[h.Patient.NHSNumber] = true
		case Born:
			if d.Mother != nil && !exists[d.Mother.NHSNumber] {
				t.Fatalf("the mother of %+v is not there", h)
			}
			exists[h.Patient.NHSNumber] = true
		case Merged:
			if !exists[d.Into] {
				t.Fatalf("%+v is merged into nobody", h)
			}
		}
		if !exists[h.Patient.NHSNumber] {
			t.Fatalf("happening %d: the patient is not there: %+v", i, h)
		}
	}
}

// compiled compiles a scenario in a world of 200 people.
func compiled(t testing.TB, text string) (*Script, error) {
	t.Helper()
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	w, err := world.New(200, 3, day)
	if err != nil {
		t.Fatal(err)
	}
	return Compile("s.yaml", []byte(text), Options{World: w, Seed: 1})
}

func deedsOf(s *Script) (names []string) {
	for _, h := range s.Happenings {
		names = append(names, local(h.At).Format("01-02 15:04 ")+h.Deed.Name())
	}
	return names
}

// Two scenarios that are played one after the other, with the same seed, are about
// different people.
func TestScenariosShareNobody(t *testing.T) {
	all, err := Builtins()
	if err != nil {
		t.Fatal(err)
	}
	whose := map[string]string{}
	for _, b := range all {
		s, err := Compile(b.Name, b.Text, Options{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range s.Happenings {
			n := h.Patient.NHSNumber
			if whose[n] != "" && whose[n] != b.Name {
				t.Errorf("%s is in %s and in %s", n, whose[n], b.Name)
			}
			whose[n] = b.Name
		}
	}
}

func TestMoments(t *testing.T) {
	s, err := compiled(t, `
scenario: moments
patients:
  kim: {born: 2026-01-10}
happens:
  - {at: day 5 14:30, who: kim, contact-details: }
  - {at: +3d, who: kim, contact-details: }
  - {at: +1d 08:00, who: kim, contact-details: }
  - {at: +2h 30min, who: kim, contact-details: }
  - {who: kim, renames: }
  - {at: age 12 weeks, who: kim, contact-details: }
  - {at: 2026-03-29 12:00, who: kim, contact-details: }
  - {at: "2026-03-30T12:00:00Z", who: kim, contact-details: }
  - at: 2026-05-01
    who: kim
    repeat: {every: 1mo, times: 3}
    contact-details:
    then:
      - {at: +1h, who: kim, renames: }
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"03-07 14:30 telecom-changed", "03-10 14:30 telecom-changed", "03-11 08:00 telecom-changed", "03-11 10:30 telecom-changed", "03-11 10:30 renamed",
		"03-29 12:00 telecom-changed", "03-30 13:00 telecom-changed", "04-04 09:00 telecom-changed",
		"05-01 09:00 telecom-changed", "05-01 10:00 renamed", "06-01 09:00 telecom-changed", "06-01 10:00 renamed", "07-01 09:00 telecom-changed", "07-01 10:00 renamed",
	}
	if diff := cmp.Diff(want, deedsOf(s)); diff != "" {
		t.Error(diff)
	}
}
