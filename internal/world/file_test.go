package world

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nems/internal/directory"
	"nems/internal/directory/devworld"
	"nems/internal/yamltree"
)

var update = flag.Bool("update", false, "rewrite golden files")

func written(t testing.TB, w *World) string {
	t.Helper()
	var b bytes.Buffer
	if err := w.WriteYAML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAWorldIsReadAsItWasWritten(t *testing.T) {
	for seed := range uint64(5) {
		w := invented(t, 300, seed)
		text := written(t, w)
		again, err := Read("world.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(w, again); diff != "" {
			t.Fatal(diff)
		}
		if written(t, again) != text {
			t.Error("written again, it differs")
		}
		asJSON, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		if again, err = Read("world.json", asJSON); err != nil || !cmp.Equal(w, again) {
			t.Errorf("as JSON: %v", err)
		}
	}
}

// The same seed and day make the same bytes, today and in all later versions.
func TestSameSeedSameBytes(t *testing.T) {
	got := written(t, invented(t, 40, 7))
	if got != written(t, invented(t, 40, 7)) {
		t.Fatal("two runs differ")
	}
	if got == written(t, invented(t, 40, 8)) {
		t.Fatal("two seeds make the same world")
	}
	const file = "testdata/world-40-7.yaml"
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
		t.Errorf("worlds of old seeds have changed; if that is meant, run with -update: %s", diff)
	}
}

// whole is a writer that takes only whole lines.
type whole struct{ t *testing.T }

func (w whole) Write(p []byte) (int, error) {
	if !bytes.HasSuffix(p, []byte("\n")) {
		w.t.Errorf("a line is cut: ...%q", p[max(0, len(p)-20):])
	}
	return len(p), nil
}

// A terminal's filter would spoil a letter that comes in two pieces.
func TestNoLetterIsCut(t *testing.T) {
	if err := invented(t, 2000, 3).WriteYAML(whole{t}); err != nil {
		t.Fatal(err)
	}
}

// Everybody is as old on another day as on this one, and the same people are there.
func TestSeedsFillUpFromTheSamePeople(t *testing.T) {
	small, large := invented(t, 20, 9), invented(t, 200, 9)
	if diff := cmp.Diff(small.Households[:5], large.Households[:5]); diff != "" {
		t.Error(diff)
	}
}

func TestTheDevelopmentWorldKnowsThePlaces(t *testing.T) {
	dev, err := devworld.New()
	if err != nil {
		t.Fatal(err)
	}
	w := invented(t, 10, 1)
	for _, town := range w.Towns {
		for _, s := range town.Streets {
			got, err := dev.Places(t.Context(), s.Postcode)
			want := directory.Places{SubICB: town.SubICB, LocalAuthority: town.LocalAuthority, Country: town.Country}
			if err != nil || got != want {
				t.Errorf("%s: %+v, %v", s.Postcode, got, err)
			}
		}
	}
}

func TestTheImporterReadsAWorld(t *testing.T) {
	w := invented(t, 250, 5)
	sink, err := devworld.New()
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[directory.Kind]int{directory.KindPatients: 250, directory.KindOrganisations: 28, directory.KindPostcodes: 35} {
		var b bytes.Buffer
		if err := w.WriteCSV(kind, &b); err != nil {
			t.Fatal(err)
		}
		s, err := directory.Import(t.Context(), kind, &b, sink, nil)
		if err != nil || s.Bad > 0 || s.Rows != want {
			t.Errorf("%s: %d rows, %d bad %v, %v", kind, s.Rows, s.Bad, s.Problems, err)
		}
	}
}

// Whoever keeps records takes those of a world as they are.
func TestRecordsOfAWorld(t *testing.T) {
	w := invented(t, 400, 5)
	var b bytes.Buffer
	if err := w.WriteRecords(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	mothers := 0
	for _, line := range lines {
		var l loadable
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if err := l.Record.Check(); err != nil || len(l.Patient) != 10 || l.Record.Home() == nil {
			t.Errorf("%s: %v", line, err)
		}
		mothers += len(l.Record.Relatives)
	}
	if len(lines) != 400 || mothers == 0 {
		t.Errorf("%d records, %d mothers", len(lines), mothers)
	}
}

func TestMistakesInAWorld(t *testing.T) {
	_, err := Read("w.yaml", []byte(`seed: -1
day: 2026-02-30
people: []
towns:
  - town: LEEDS
    hospital: {code: RR8}
    child-health: {code: "R Y"}
    practices: [{code: B86056}]
    streets: [{postcode: LS1, street: Park}]
households:
  - address: []
    postcode: LS9 9ZZ
    people:
      - {nhs-number: 9990000019, given: A, family: B, born: 2020-01-01, gender: femal, practise: B86056}
      - {nhs-number: "999 000 0018", given: A, family: B, born: 2020-01-01, mother: 9990000026}
      - {nhs-number: 9990000018, given: A, family: B, born: 2020-13-01, practice: B1}
`))
	if err == nil {
		t.Fatal("it was read")
	}
	for _, want := range []string{
		`w.yaml:1:7: seed; expected a whole number from 0`,
		`w.yaml:2:6: day; expected a date that exists, as YYYY-MM-DD; received "2026-02-30"`,
		`w.yaml:3:1: there is no key "people" in a world; expected seed, day, towns or households`,
		`w.yaml:7:26: code: an ODS code has`,
		`w.yaml:9:26: postcode; expected a postcode, such as LS17 7DF; received "LS1"`,
		`w.yaml:11:14: the address; expected one to five lines`,
		`w.yaml:12:15: the postcode is in no town of the world`,
		`w.yaml:14:22: nhs-number: the check digit of the NHS number is wrong; expected ten digits, such as 9990000204; received "9990000019"`,
		`(did you mean female?); received "femal"`,
		`there is no key "practise" in a person; expected nhs-number, given, family, gender, born, practice, phone, email or mother (did you mean practice?)`,
		`the mother is not in the world`,
		`w.yaml:16:22: the NHS number is there twice`,
		`received "2020-13-01"`,
		`w.yaml:16:83: the practice is in no town of the world`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing: %s\nin\n%v", want, err)
		}
	}
}

func TestScalarsAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.StringMatching(`[A-Za-z0-9 ':,#{}\[\]éŁ"\\!&*?|>%@-]{1,12}`).Draw(t, "text")
		tree, root := yamltree.Parse("f", []byte("a: {b: "+scalar(want)+"}\n"))
		got := root.Map("m").Get("a").Map("n").Get("b").Text("t")
		if err := tree.Err(); err != nil || got != strings.TrimSpace(want) {
			t.Fatalf("%q became %q: %v", want, got, err)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add(written(f, invented(f, 3, 1)))
	f.Add("towns: [{town: x, streets: [{}]}]\nhouseholds: [{people: [{given: {}}]}]")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := Read("f", []byte(text))
		if err == nil {
			if again, err := Read("again", []byte(written(t, w))); err != nil || !cmp.Equal(w, again) {
				t.Fatalf("%v\n%s", err, cmp.Diff(w, again))
			}
		}
	})
}
