package scenario

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nems/internal/world"
)

func TestAWeekOfTheNation(t *testing.T) {
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	w, err := world.New(20_000, 7, day)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Week(w, 7, day, 7)
	if err != nil {
		t.Fatal(err)
	}
	ordered(t, s)
	count := map[string]int{}
	for _, h := range s.Happenings {
		count[h.Deed.Name()]++
	}
	t.Log(len(s.Happenings), count)
	// 17,000 changes of GP a day among 60 million: 40 in a week among 20,000, with
	// those of newborns and newcomers.
	for kind, want := range map[string][2]int{
		"registered": {20, 70}, "deregistered": {4, 22}, "born": {1, 10}, "died": {1, 18}, "moved": {10, 90}, "vaccinated": {30, 200},
		"telecom-changed": {70, 190}, "nipe": {1, 30}, "blood-spot": {1, 20}, "newborn-hearing": {1, 20}, "contact": {1, 30},
	} {
		if n := count[kind]; n < want[0] || n > want[1] {
			t.Errorf("%s: %d, expected %d to %d", kind, n, want[0], want[1])
		}
	}
	if again, err := Week(w, 7, day, 7); err != nil || lines(t, again) != lines(t, s) {
		t.Errorf("the same seed makes another week: %v", err)
	}
	if other, err := Week(w, 8, day, 7); err != nil || lines(t, other) == lines(t, s) {
		t.Errorf("another seed makes the same week: %v", err)
	}
}

// The same seed makes the same bytes, in all later versions too.
func TestTheMixOfOldSeeds(t *testing.T) {
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	w, err := world.New(40, 7, day)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Mix(w, 7, day, 14, 100)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "mix", lines(t, s))
}

// Who shares a house moves alone, a family moves together.
func TestWhoMovesTogether(t *testing.T) {
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	w, err := world.New(600, 7, day)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[bool]bool{}
	for _, h := range w.Households {
		if len(h.People) < 3 || seen[h.Shared] {
			continue
		}
		seen[h.Shared] = true
		s, err := Compile("m", []byte("scenario: m\nhappens: [{who: "+h.People[0].NHSNumber+", moves: anywhere}]"), Options{World: w})
		if want := len(h.People); err != nil || h.Shared && len(s.Happenings) != 1 || !h.Shared && len(s.Happenings) != want {
			t.Errorf("shared %t: %d move of %d, %v", h.Shared, len(s.Happenings), want, err)
		}
	}
	counts := map[string]int{}
	for _, p := range Cast(w) {
		counts[p.Given[0]+" "+p.Family]++
	}
	one, two := "", ""
	for _, p := range Cast(w) {
		switch name := p.Given[0] + " " + p.Family; counts[name] {
		case 1:
			one = name
		case 2:
			two = name
		}
	}
	if s, err := Compile("m", []byte("scenario: m\nhappens: [{who: \""+one+"\", renames: }]"), Options{World: w}); err != nil || len(s.Patients) != 1 || s.Patients[0].Given[0]+" "+s.Patients[0].Family != one {
		t.Errorf("%s: %v", one, err)
	}
	if _, err := Compile("m", []byte("scenario: m\nhappens: [{who: \""+two+"\", renames: }]"), Options{World: w}); err == nil || !strings.Contains(err.Error(), "several people of the world are called") {
		t.Errorf("%s: %v", two, err)
	}
	if len(seen) != 2 {
		t.Errorf("seen %v", seen)
	}
	if all := Cast(w); len(all) != 600 || all[599].NHSNumber == "" {
		t.Errorf("a cast of %d", len(all))
	}
}

// Whatever the seed, nothing impossible happens: a second stage accepts all of it.
func TestAWeekHasNoContradictions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := time.Date(2026, time.Month(rapid.IntRange(1, 12).Draw(t, "month")), 28, 0, 0, 0, 0, time.UTC)
		seed := rapid.Uint64().Draw(t, "seed")
		w, err := world.New(rapid.IntRange(1, 60).Draw(t, "patients"), seed, day)
		if err != nil {
			t.Fatal(err)
		}
		days := rapid.IntRange(1, 14).Draw(t, "days")
		s, err := Mix(w, seed, day, days, 100)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Mix(w, seed, day, days, 100); err != nil || lines(t, again) != lines(t, s) {
			t.Fatalf("the same seed makes another script: %v", err)
		}
		ordered(t, s)
		second, err := newStage(w, seed, s.Start)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range second.order { // what children had before the first day is the generator's to know
			a.doses = map[string]int{}
		}
		for _, h := range s.Happenings {
			a := second.people[h.Patient.NHSNumber]
			if a == nil {
				a = &actor{waiting: true, Patient: h.Patient}
				if b, is := h.Deed.(Born); is {
					a.bornAt = b.Time
				}
				second.enter(a)
			}
			if c, is := h.Deed.(Contact); is && c.Kind == "update" && a.contacts[c.Service.Code] == nil {
				a.note(Contact{Record: Record{Kind: "new"}, Service: c.Service})
			}
			if f := second.perform(h.At, a, h.Deed, 0, 0); f != nil {
				t.Fatalf("%s: %+v", encoded(t, h), f)
			}
		}
	})
}

func TestMixRefuses(t *testing.T) {
	w, err := world.New(3, 1, time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	for _, days := range []int{0, -1, 401} {
		if _, err := Week(w, 1, time.Now(), days); err == nil {
			t.Errorf("%d days", days)
		}
	}
	if _, err := Mix(w, 1, time.Now(), 1, -1); err == nil {
		t.Error("a negative multiple")
	}
}
