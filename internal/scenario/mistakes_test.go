package scenario

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nems/internal/world"
	"nems/internal/yamltree"
)

// problems returns what compiling says, without the file's name.
func problems(t *testing.T, text string) []string {
	t.Helper()
	_, err := compiled(t, text)
	if err == nil {
		return nil
	}
	return strings.Split(strings.ReplaceAll(err.Error(), "s.yaml:", ""), "\n")
}

// All mistakes of a file are reported, each with its line and column.
func TestMistakesOfWriting(t *testing.T) {
	got := problems(t, `scenario: mistakes
starts: 2026-03-02
patients:
  grace: {gender: femal, born: 2026-02-30}
  tom: {nhs-number: 9990000019, postcode: LS1 4AP}
  everyone: {}
  zoe: {pick: {age: 200, town: LEDS}}
  ann: {age: old, mother: grce}
happens:
  - {at: day five, who: grace, moves: anywhere}
  - {at: 2026-02-30, who: tom, moves: LEDES}
  - {at: day 5 25:00, who: tom, registers: "B 1"}
  - {at: +3 fortnights, who: tom, registers: B86056}
  - {at: age 8 weeks, who: [tom, grace], vaccinated: due}
  - {at: day 6, who: gracy, registers: B86056}
  - {at: day 6, who: 9990000034, registers: B86056}
  - {at: day 6, registers: B86056}
  - {at: day 7, who: tom}
  - {at: day 7, who: tom, registers: B86056, deregisters: scotland}
  - {at: day 7, who: tom, regsters: B86056}
  - {at: day 8, who: tom, death: unformal}
  - {at: day 8, who: tom, blood-spot: maybe}
  - {at: day 8, who: tom, vaccinated: {vaccine: 6in1, dose: 12}}
  - {at: day 8, born: {mother: grace, weight: heavy}}
  - {at: day 8, born: {baby: grace}}
  - {at: day 9, who: tom, repeat: {times: 3}, renames: }
  - {at: day 9, who: tom, repeat: {every: 0d}, renames: }
  - {at: day 999, who: tom, renames: }
  - {at: 2026-03-01, who: tom, renames: }
  - moves
  - {at: day 9, who: tom, registers: B86O56}
`)
	want := []string{
		`2:1: there is no key "starts" in a scenario; expected scenario, about, start, lasts, patients or happens (did you mean start?)`,
		`4:19: gender; expected female, male, other or unknown (did you mean female?); received "femal"`,
		`4:32: born; expected a date that exists, as YYYY-MM-DD; received "2026-02-30"`,
		`5:8: the home of tom; expected address and postcode, or neither`,
		`5:21: nhs-number: the check digit of the NHS number is wrong; expected ten digits, such as 9990000204; received "9990000019"`,
		`6:3: the label of a patient; expected a word, such as grace; received "everyone"`,
		`7:15: nobody in the world is so; expected a world (--world) with somebody of this kind`,
		`7:32: a town; expected LEEDS, HUDDERSFIELD, DURHAM, ST ALBANS, EXETER or CARDIFF (did you mean LEEDS?); received "LEDS"`,
		`8:14: age; expected a number from 0 to 120; received "old"`,
		`8:27: there is no patient "grce"; expected ann, grace, tom or zoe (did you mean grace?), written above`,
		`10:10: at; expected day 5 09:00, +3d, +2h, age 8 weeks (of who), 2026-03-02 or 2026-03-02 09:00; received "day five"`,
		`11:10: at; expected a date that exists; received "2026-02-30"`,
		`11:39: a town; expected LEEDS, HUDDERSFIELD, DURHAM, ST ALBANS, EXETER or CARDIFF (did you mean LEEDS?); received "LEDES"`,
		`12:10: at; expected a time that exists, from 00:00 to 23:59; received "25:00"`,
		`12:44: a practice: an ODS code has 1 to 12 capital letters and digits; expected a code such as B86056; received "B 1"`,
		`13:10: at; expected day 5 09:00, +3d, +2h, age 8 weeks (of who), 2026-03-02 or 2026-03-02 09:00; received "+3 fortnights"`,
		`14:10: an age; expected one patient as who; received "age 8 weeks"`,
		`15:22: there is no patient "gracy"; expected ann, grace, tom or zoe (did you mean grace?), written above`,
		`16:22: a patient who is not in the world; expected an NHS number of the world (--world), or a label of patients:; received "9990000034"`,
		`17:17: an item does not say to whom it happens; expected who: and a patient`,
		`18:5: an item in which nothing happens`,
		`19:46: an item in which two things happen; expected one of them; write - before deregisters to begin another item; received registers and deregisters`,
		`20:27: there is no key "regsters" in an item`,
		`21:34: death; expected informal, formal or removed (did you mean informal?); received "unformal"`,
		`22:39: blood-spot; expected clear, withdrawn, PKU`,
		`23:49: the vaccine; expected 4-in-1, 6-in-1`,
		`23:61: dose; expected a number from 1 to 9; received "12"`,
		`24:23: born; expected baby, or babies of one birth`,
		`24:47: weight in grams; expected a number from 300 to 7000; received "heavy"`,
		`25:30: there is a patient "grace" already; expected another label for the baby`,
		`26:35: repeat has no every; expected a length of time, such as every: 7d`,
		`27:43: every; expected more than nothing`,
		`28:5: this happens outside the scenario; expected a moment from 2026-03-02 to 2027-03-01 (start and lasts change that); received 2028-11-25 09:00`,
		`29:5: this happens outside the scenario`,
		`30:5: an item; expected a mapping, such as at: ...; received "moves"`,
		`31:38: a practice that is not in the world; expected B86056, B86991`,
	}
	for _, w := range want {
		found := false
		for _, g := range got {
			found = found || strings.HasPrefix(g, w)
		}
		if !found {
			t.Errorf("missing: %s", w)
		}
	}
	if t.Failed() {
		t.Logf("got\n%s", strings.Join(got, "\n"))
	}
}

// What cannot happen is found before anything is played.
func TestContradictions(t *testing.T) {
	const head = "scenario: x\npatients:\n  kim: {practice: B86056, born: 1990-05-05, gender: female, town: LEEDS}\n  lee: {gender: male}\n  new: {new: yes}\nhappens:\n"
	for _, test := range []struct{ items, want string }{
		{"- {at: day 1, who: kim, death: formal}\n- {at: day 2, who: kim, moves: anywhere}", `8:25: kim is dead since 2026-03-03; expected nothing of this kind afterwards`},
		{"- {at: day 1, who: kim, death: formal}\n- {at: day 2, who: kim, death: informal}", `8:25: kim is dead already, and formally so`},
		{"- {at: day 1, who: kim, death: {status: informal, on: 2026-03-01}}\n- {at: day 2, who: kim, death: {status: informal, on: 2026-03-01}}", `8:25: the same death of kim is notified twice`},
		{"- {at: day 1, who: kim, death: {status: formal, on: 1990-05-04}}", `7:25: kim dies before the birth; expected a date from 1990-05-05 on; received 1990-05-04`},
		{"- {at: day 1, who: kim, death: {status: formal, on: 2026-03-09}}", `7:25: the death of kim is notified before it; expected a date of death until 2026-03-03; received 2026-03-09`},
		{"- {at: day 1, who: kim, death: removed}", `7:25: kim has no death notification`},
		{"- {at: day 1, who: kim, registers: B86056}", `7:25: kim is registered with B86056 already; expected another practice`},
		{"- {at: day 1, who: kim, deregisters: scotland}\n- {at: day 1, who: kim, deregisters: scotland}", `8:25: kim is registered nowhere; expected a registration before it ends`},
		{"- {at: day 1, who: kim, merged-into: lee}\n- {at: day 2, who: kim, renames: }", `8:25: the number of kim was superseded; expected no change afterwards`},
		{"- {at: day 1, who: kim, merged-into: kim}", `7:25: kim is merged into the same record`},
		{"- {at: day 1, who: kim, merged-into: new}", `7:25: kim is merged into somebody who is not in PDS`},
		{"- {at: day 1, who: kim, invalidated: }\n- {at: day 2, who: kim, renames: }", `8:25: the record of kim was invalidated`},
		{"- {at: day 1, who: kim, invalidated: }\n- {at: day 2, who: lee, merged-into: kim}", `8:25: lee is merged into kim, whose record is no longer valid`},
		{"- {at: day 1, who: kim, sensitive: removed}", `7:25: the flag S of kim is not set already`},
		{"- {at: day 1, who: kim, added: }", `7:25: kim exists already`},
		{"- {at: day 1, who: new, moves: anywhere}", `7:25: new is not in PDS yet; expected born or added before`},
		{"- {at: day 1, who: kim, moves: {address: [9 X Road, LEEDS], postcode: LS1 4AP}}\n- {at: day 2, who: kim, moves: {address: [9 X Road, LEEDS], postcode: LS1 4AP}}", `8:25: kim lives there already; expected another address; rewrites-address`},
		{"- {at: day 1, who: kim, health-visiting: ends}", `7:25: kim is not under the care of this service`},
		{"- {at: day 1, who: kim, blood-spot: withdrawn}", `7:25: there is no such outcome of kim`},
		{"- {at: day 2, who: kim, vaccinated: {vaccine: HPV, dose: 1}}", `had dose 1 of HPV already`},
		{"- {at: day 1, who: kim, vaccinated: {withdraw: nothing}}", `7:25: there is no vaccination "nothing" of kim`},
		{"- {at: day 1, who: kim, corrects: {born: 1990-05-05}}", `7:25: the record of kim says so already`},
		{"- {at: day 5, born: {baby: bo, mother: lee}}", `7:15: the mother lee is male`},
		{"- {at: day 5, born: {baby: bo, mother: kim, care: none}}\n- {at: day 4, who: bo, renames: }", `8:24: bo is not born yet; expected a moment from 2026-03-07`},
		{"- {at: day 1, who: kim, death: formal}\n- {at: day 30, born: {baby: bo, mother: kim}}", `8:16: the mother kim is dead since 2026-03-03`},
		{"- {at: day 1, who: kim, repeat: {every: 1min}, contact-details: }", `7:41: repeated too often; expected at most 10000 times: say times or until`},
		{"- {at: day 1, who: kim, contact-details: , repeat: {every: 1min, times: 1000}, then: [{at: +1min, who: kim, contact-details: , repeat: {every: 1min, times: 1000}, then: [{at: +1min, who: kim, contact-details: , repeat: {every: 1min, times: 1000}}]}]}", `too much happens; expected at most 200000 things`},
		{"- {at: day 1, who: kim, repeat: {every: 1h, times: 5000}, contact-details: , then: [{at: +1min, who: lee, repeat: {every: 1min, times: 50}, renames: }]}", `too much happens; expected at most 200000 things`},
		{"- {at: day 1, who: kim, nipe: {outcome: testes, examination: infant}}", `7:25: kim is female; expected hips, eyes, heart or clear; received testes`},
		{"- {at: day 1, who: kim, nipe: {examination: infant}}", `7:31: nipe has no outcome; expected clear, withdrawn`},
		{"- {at: day 1, who: kim, corrects: {gender: female}}", `7:25: the record of kim says so already`},
		{"- {at: day 1, who: kim, corrects: {born: 2030-01-01}}", `7:25: kim is born in the future; expected a birth date until then; received 2030-01-01`},
		{"- {at: day 1, who: kim, corrects: {}}", `7:35: corrects; expected gender or born`},
		{"- {at: day 1, who: {town: PARIS}, renames: }", `7:27: a town; expected LEEDS, HUDDERSFIELD`},
		{"- {at: day 1, who: kim, invalidated: later}", `7:38: invalidated; expected nothing more, or yes`},
		{"- {at: day 1, who: kim, health-visiting: begins}\n- {at: day 2, who: kim, health-visiting: begins}", `8:25: kim is under the care of this service already`},
		{"- {at: day 1, who: kim, health-visiting: withdrawn}", `7:25: nothing was published about kim and this service`},
		{"- {at: day 1, who: kim, vaccinated: {vaccine: MenB, dose: 3, on: 1989-01-01}}", `7:25: kim is vaccinated before the birth`},
		{"- {at: day 1, who: kim, vaccinated: due}", `7:25: the schedule has nothing for kim that is not given already`},
		{"- {at: day 1, who: kim, death: formal}\n- {at: day 2, who: {household: kim}, renames: }", `8:38: this happens to nobody`},
	} {
		got := problems(t, head+test.items+"\n")
		if len(got) != 1 || !strings.Contains(got[0], test.want) {
			t.Errorf("%s\n got  %q\n want %q", test.items, got, test.want)
		}
	}
}

// One mistake is reported once: what follows from it is no news.
func TestOneMistakeIsOneMistake(t *testing.T) {
	for _, text := range []string{
		"scenario: x\npatients: {kim: {}}\nhappens:\n- {at: day 1, born: {baby: bo, mother: kim, weight: heavy}}\n- {at: day 9, who: bo, renames: }\n- {at: day 9, who: bo, registers: anywhere}\n",
		"scenario: x\npatients: {kim: {practice: none}}\nhappens:\n- {at: day 1, who: kmi, registers: B86056}\n- {at: day 9, who: kim, deregisters: other}\n",
		"scenario: x\npatients: {kim: {practice: none}}\nhappens:\n- {at: day one, who: kim, registers: B86056}\n- {at: day 9, who: kim, deregisters: other}\n",
		"scenario: x\npatients: {kim: {gender: male}}\nhappens:\n- {at: day 1, born: {baby: bo, mother: kim}}\n- {at: day 9, who: bo, renames: }\n",
	} {
		if got := problems(t, text); len(got) != 1 {
			t.Errorf("%s\n%q", text, got)
		}
	}
}

// What a seed leaves open changes with the seed; the rest does not.
func TestSeedsChooseOnlyWhatIsOpen(t *testing.T) {
	text, _ := Find("family-moves")
	rapid.Check(t, func(t *rapid.T) {
		s, err := Compile("x", text, Options{Seed: rapid.Uint64().Draw(t, "seed"), Start: time.Date(2026, 5, 4, 13, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		ordered(t, s)
		first, _ := s.Happenings[0].Deed.(Moved)
		if len(s.Patients) != 4 || s.Start.Format(time.RFC3339) != "2026-05-04T00:00:00+01:00" || first.To.Postcode != "DH1 3QJ" || len(s.Happenings) != 13 {
			t.Fatalf("%d patients, %d happenings, %+v", len(s.Patients), len(s.Happenings), first)
		}
	})
}

// An item more changes nothing of what the seed has chosen for the others.
func TestItemsDoNotDisturbEachOther(t *testing.T) {
	head := "scenario: x\npatients: {kim: {}, lee: {}}\nhappens:\n- {at: day 3, who: kim, moves: anywhere}\n- {at: day 4, who: lee, registers: anywhere}\n"
	few, err1 := compiled(t, head)
	more, err2 := compiled(t, strings.Replace(head, "happens:\n", "happens:\n- {at: day 1, who: lee, renames: }\n- {at: day 2, who: kim, contact-details: }\n", 1))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if diff := cmp.Diff(encoded(t, few.Happenings[0].Deed)+encoded(t, few.Happenings[1].Deed), encoded(t, more.Happenings[2].Deed)+encoded(t, more.Happenings[3].Deed)); diff != "" {
		t.Error(diff)
	}
}

// Scenarios of any acts on any patients either are refused with places or hold
// together.
func TestAnyScenarioHoldsTogether(t *testing.T) {
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	w, err := world.New(60, 5, day)
	if err != nil {
		t.Fatal(err)
	}
	verbs := []string{"moves: ", "moves: anywhere", "registers: ", "registers: B86056", "deregisters: other", "death: informal", "death: formal", "death: removed", "renames: ",
		"contact-details: ", "sensitive: set", "sensitive: removed", "invalidated: ", "merged-into: ann", "vaccinated: due", "health-visiting: begins", "health-visiting: ends",
		"blood-spot: PKU", "newborn-hearing: clear", "nipe: hips", "rewrites-address: ", "added: "}
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		b.WriteString("scenario: any\npatients: {ann: {pick: {}}, bob: {}, cas: {new: yes}}\nhappens:\n- {at: day 2, born: {baby: dot, mother: ann, care: [nipe]}}\n")
		for range rapid.IntRange(1, 12).Draw(t, "items") {
			b.WriteString("- {at: day " + rapid.StringMatching("[0-9]{1,2}").Draw(t, "day") + ", who: " + rapid.SampledFrom([]string{"ann", "bob", "cas", "dot", "everyone", "[ann, bob]"}).Draw(t, "who") +
				", " + rapid.SampledFrom(verbs).Draw(t, "verb") + "}\n")
		}
		text := b.String()
		s, err := Compile("any.yaml", []byte(text), Options{World: w, Seed: 3})
		if err != nil {
			placed(t, err, text)
			return
		}
		ordered(t, s)
		again, err := Compile("any.yaml", []byte(text), Options{World: w, Seed: 3})
		if err != nil || cmp.Diff(lines(t, s), lines(t, again)) != "" {
			t.Fatalf("the same seed makes another script: %v", err)
		}
	})
}

// placed checks that every problem of a text has a place in it.
func placed(t tester, err error, text string) {
	t.Helper()
	found, is := err.(yamltree.Problems) //nolint:errorlint // it is what Compile returns
	if !is || len(found) == 0 {
		t.Fatalf("%T: %v", err, err)
	}
	for _, p := range found {
		if p.Line < 1 || p.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+1 || p.Column < 1 || p.What == "" {
			t.Fatalf("%+v in\n%s", p, text)
		}
	}
}

func FuzzCompile(f *testing.F) {
	all, err := Builtins()
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range all {
		f.Add(string(b.Text))
	}
	f.Add("scenario: x\npatients: {a: {pick: }, b: [], c: {lives-with: a}}\nhappens: [{at: +, who: {household: a}, then: [{at: age, vaccinated: {correct: }}]}]")
	f.Add("scenario: x\nlasts: 99999y\nhappens: [{at: day 0, born: {babies: [a, b, a]}, repeat: {every: 1min}}]")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Compile("f", []byte(text), Options{Seed: 1})
		if err != nil {
			placed(t, err, text)
			return
		}
		ordered(t, s)
	})
}
