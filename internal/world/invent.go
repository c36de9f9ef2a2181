package world

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// Genders, as FHIR writes them.
const (
	female = "female"
	male   = "male"
)

// New invents a world of so many patients on a day. It fails if patients is not
// from 1 to MaxPatients.
func New(patients int, seed uint64, day time.Time) (*World, error) {
	if patients < 1 || patients > MaxPatients {
		return nil, fmt.Errorf("world: the number of patients: expected 1 to %d; received %d", MaxPatients, patients)
	}
	known, err := places()
	if err != nil {
		return nil, err
	}
	i := &inventor{day: day, places: known, random: newRandom(seed, "households"), number: numbers(seed, "world")}
	if i.namer, err = newNamer(newRandom(seed, "names")); err != nil {
		return nil, err
	}
	w := &World{Seed: seed, Day: day.Format(time.DateOnly), Towns: slices.Clone(known.towns)}
	for left := patients; left > 0; {
		h := i.household(left)
		left -= len(h.People)
		w.Households = append(w.Households, h)
	}
	return w, nil
}

// inventor invents households one after the other.
type inventor struct {
	random
	namer  namer
	day    time.Time
	places settled
	number func() string
	doors  map[string]int // how many houses of a street are taken
}

// household invents a household of at most so many people.
func (i *inventor) household(most int) Household {
	t := i.places.towns[i.weighted(i.places.shares...)]
	s := pick(i.random, t.Streets)
	h := Household{Lines: i.lines(t, s), Postcode: s.Postcode}
	members := i.members()
	members = members[:min(len(members), most)]
	practice := pick(i.random, t.Practices).Code
	landline := i.percent(40)
	home := i.phone(t)
	for _, m := range members {
		h.Shared = h.Shared || m.apart
		p := Person{NHSNumber: i.number(), Family: m.family, Given: m.given, Gender: m.gender, Born: m.born.Format(time.DateOnly), Practice: practice}
		if m.apart && i.percent(60) {
			p.Practice = pick(i.random, t.Practices).Code
		}
		if i.percent(2) {
			p.Practice = ""
		}
		if m.mother > 0 && m.mother <= len(h.People) {
			p.Mother = h.People[m.mother-1].NHSNumber
		}
		switch age := i.age(m.born); {
		case age >= 12 && i.percent(85):
			p.Phone = i.mobile()
		case landline:
			p.Phone = home
		}
		if age := i.age(m.born); age >= 16 && i.percent(70) {
			p.Email = i.email(p)
		}
		h.People = append(h.People, p)
	}
	return h
}

// lines invents the address of one more home in a street.
func (i *inventor) lines(t Town, s Street) (lines []string) {
	if i.doors == nil {
		i.doors = map[string]int{}
	}
	i.doors[s.Postcode]++
	house, flat := i.doors[s.Postcode], 0
	if house%9 == 0 { // one house in nine has flats
		flat = 1 + house/9%6
		lines = append(lines, fmt.Sprintf("Flat %d", flat))
	}
	lines = append(lines, fmt.Sprintf("%d %s", house, s.Name))
	if s.Locality != "" {
		lines = append(lines, s.Locality)
	}
	return append(lines, t.Name)
}

// phone and mobile are numbers that Ofcom keeps for drama: nobody has them.
func (i *inventor) phone(t Town) string {
	area := "01632 960" // of no area
	if t.Name == "LEEDS" {
		area = "0113 496 0"
	}
	return fmt.Sprintf("%s%03d", area, i.intn(1000))
}

func (i *inventor) mobile() string { return fmt.Sprintf("07700 900%03d", i.intn(1000)) }

// email is an address in a domain that is reserved for examples (RFC 2606).
func (i *inventor) email(p Person) string {
	plain := func(s string) string {
		s, _, _ = transform.String(transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn))), s)
		return strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r == '-' {
				return r
			}
			return -1
		}, strings.ToLower(s))
	}
	return fmt.Sprintf("%s.%s%d@example.org", plain(p.Given[0]), plain(p.Family), i.between(1, 99))
}

// age is an age in full years on the world's day.
func (i *inventor) age(born time.Time) int {
	years := i.day.Year() - born.Year()
	if born.AddDate(years, 0, 0).After(i.day) {
		years--
	}
	return years
}
