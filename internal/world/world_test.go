package world

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"nems/internal/nhs"
)

var today = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func invented(t testing.TB, patients int, seed uint64) *World {
	t.Helper()
	w, err := New(patients, seed, today)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// The ages come near to those of the United Kingdom (ONS, mid-2023 estimates).
func TestAgesAreThoseOfTheCountry(t *testing.T) {
	w := invented(t, 20_000, 7)
	bands := map[string]int{}
	sizes := map[int]int{}
	women := 0
	for _, h := range w.Households {
		sizes[min(len(h.People), 5)]++
		for _, p := range h.People {
			born, _ := time.Parse(time.DateOnly, p.Born)
			age := today.Sub(born).Hours() / 24 / 365.25
			switch {
			case age < 0:
				t.Fatalf("born on %s", p.Born)
			case age < 1:
				bands["0"]++
			case age < 5:
				bands["1-4"]++
			case age < 15:
				bands["5-14"]++
			case age < 25:
				bands["15-24"]++
			case age < 45:
				bands["25-44"]++
			case age < 65:
				bands["45-64"]++
			case age < 85:
				bands["65-84"]++
			default:
				bands["85+"]++
			}
			if p.Gender == female {
				women++
			}
		}
	}
	for _, want := range []struct {
		band    string
		percent float64
		off     float64
	}{{"0", 1, 0.5}, {"1-4", 4.2, 1.5}, {"5-14", 11.7, 3}, {"15-24", 12, 3}, {"25-44", 27, 4}, {"45-64", 25.5, 4}, {"65-84", 16.3, 3}, {"85+", 2.5, 1.5}} {
		got := float64(bands[want.band]) / float64(w.Patients()) * 100
		t.Logf("%s: %.1f %%, the country %.1f %%", want.band, got, want.percent)
		if got < want.percent-want.off || got > want.percent+want.off {
			t.Errorf("%s: %.1f %%, expected %.1f", want.band, got, want.percent)
		}
	}
	t.Logf("households by size %v, women %d", sizes, women)
}

func TestNobodyIsThereTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		patients := rapid.IntRange(1, 400).Draw(t, "patients")
		w, err := New(patients, rapid.Uint64().Draw(t, "seed"), today)
		if err != nil {
			t.Fatal(err)
		}
		if w.Patients() != patients {
			t.Fatalf("%d patients, wanted %d", w.Patients(), patients)
		}
		seen, addresses := map[string]bool{}, map[string]bool{}
		fresh := w.NewNumbers(w.Seed, "later")
		number := func(n string) {
			if _, err := nhs.ParseNHSNumber(n); err != nil || seen[n] || n < "9990010" {
				t.Fatalf("the NHS number %q: %v, seen %t", n, err, seen[n])
			}
			seen[n] = true
		}
		for _, h := range w.Households {
			if key := h.Postcode + h.Lines[0]; addresses[key] && len(h.Lines[0]) > 7 {
				t.Fatalf("%s is there twice", key)
			} else {
				addresses[key] = true
			}
			if w.TownOf(h.Postcode) == nil {
				t.Fatalf("%s lies nowhere", h.Postcode)
			}
			for _, p := range h.People {
				number(p.NHSNumber)
				if p.Family == "" || len(p.Given) == 0 || p.Given[0] == "" {
					t.Fatalf("%+v has no name", p)
				}
				if p.Practice != "" {
					if _, town, known := w.Practice(p.Practice); !known || town != w.TownOf(h.Postcode) {
						t.Fatalf("%s is no practice of the town", p.Practice)
					}
				}
			}
		}
		for range 50 {
			number(fresh())
		}
	})
}

func TestEveryNumberIsMetOnce(t *testing.T) {
	for _, seed := range []uint64{3} {
		next, seen := numbers(seed, "test"), map[string]bool{}
		for n := next(); n != ""; n = next() {
			if seen[n] {
				t.Fatalf("%s came twice", n)
			}
			seen[n] = true
		}
		if len(seen) < MaxPatients+100_000 {
			t.Errorf("only %d numbers", len(seen))
		}
	}
}

func TestSizes(t *testing.T) {
	for _, n := range []int{0, -1, MaxPatients + 1} {
		if _, err := New(n, 1, today); err == nil {
			t.Errorf("a world of %d", n)
		}
	}
}

func TestMothersAreOlder(t *testing.T) {
	w := invented(t, 3000, 3)
	mothers := 0
	for _, h := range w.Households {
		people := map[string]Person{}
		for _, p := range h.People {
			people[p.NHSNumber] = p
			if p.Mother == "" {
				continue
			}
			mothers++
			m, known := people[p.Mother]
			mb, _ := time.Parse(time.DateOnly, m.Born)
			cb, _ := time.Parse(time.DateOnly, p.Born)
			if !known || m.Gender != female || cb.Before(mb.AddDate(16, 0, 0)) || cb.After(mb.AddDate(45, 0, 0)) {
				t.Errorf("mother %+v of %+v", m, p)
			}
		}
	}
	if mothers < 400 {
		t.Errorf("only %d children know their mother", mothers)
	}
}
