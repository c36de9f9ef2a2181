// Package world invents people: families in households, in several towns, with names,
// ages, NHS numbers and GP practices as they might be. The same seed and day make the
// same world. Nobody in it exists.
package world

import (
	"slices"
	"time"

	"nems/internal/nhs"
)

// World is a population on one day.
type World struct {
	Seed uint64 `json:"seed"`
	// Day is the day on which people have their ages, YYYY-MM-DD.
	Day        string      `json:"day"`
	Towns      []Town      `json:"towns"`
	Households []Household `json:"households"`
}

// Town is a town with its organisations.
type Town struct {
	Name           string         `json:"town"`              // in capitals, as addresses have it
	SubICB         string         `json:"sub-icb,omitempty"` // ICB sub-location of its homes (ODS code); "" outside England
	LocalAuthority string         `json:"local-authority"`   // ONS code
	Country        string         `json:"country"`           // ONS code
	Hospital       Organisation   `json:"hospital"`
	ChildHealth    Organisation   `json:"child-health"`
	Practices      []Organisation `json:"practices"`
	Streets        []Street       `json:"streets"`
}

// Organisation is an organisation of the ODS.
type Organisation struct {
	Code   string `json:"code"`
	Name   string `json:"name"`
	SubICB string `json:"sub-icb,omitempty"` // of a practice: its commissioner
}

// Street is a street with its postcode.
type Street struct {
	Postcode string `json:"postcode"`
	Name     string `json:"street"`
	Locality string `json:"locality,omitempty"`
}

// Household is people who live at one address.
type Household struct {
	Lines    []string `json:"address"`
	Postcode string   `json:"postcode"`
	// Shared says that the people are no family, as in a house of students or a home
	// for the old: when one moves, the others stay.
	Shared bool     `json:"shared,omitempty"`
	People []Person `json:"people"`
}

// Person is a patient.
type Person struct {
	NHSNumber string   `json:"nhs-number"` // ten digits
	Family    string   `json:"family"`
	Given     []string `json:"given"`
	Gender    string   `json:"gender"`             // male, female
	Born      string   `json:"born"`               // YYYY-MM-DD
	Practice  string   `json:"practice,omitempty"` // ODS code; "" means registered nowhere
	Phone     string   `json:"phone,omitempty"`
	Email     string   `json:"email,omitempty"`
	Mother    string   `json:"mother,omitempty"` // NHS number, if she is in the world
}

// Patients counts the people.
func (w *World) Patients() int {
	n := 0
	for _, h := range w.Households {
		n += len(h.People)
	}
	return n
}

// Midnight returns the beginning of the world's day in the United Kingdom.
func (w *World) Midnight() time.Time {
	day, _ := time.ParseInLocation(time.DateOnly, w.Day, nhs.UnitedKingdom()) // Read and New have checked it
	return day
}

// TownOf returns the town in which a postcode lies; nil if in none.
func (w *World) TownOf(postcode string) *Town {
	for i := range w.Towns {
		if slices.ContainsFunc(w.Towns[i].Streets, func(s Street) bool { return s.Postcode == postcode }) {
			return &w.Towns[i]
		}
	}
	return nil
}

// Practice returns a practice of the world and its town.
func (w *World) Practice(code string) (Organisation, *Town, bool) {
	for i := range w.Towns {
		for _, p := range w.Towns[i].Practices {
			if p.Code == code {
				return p, &w.Towns[i], true
			}
		}
	}
	return Organisation{}, nil, false
}

// NewNumbers returns a function that gives NHS numbers which nobody in the world has,
// for those who come to it: each call another one, in an order that follows from the
// seed and the purpose, so that two scenarios hardly use the same numbers. It returns
// "" when the range of test numbers is used up.
func (w *World) NewNumbers(seed uint64, purpose string) func() string {
	taken := map[string]bool{}
	for _, h := range w.Households {
		for _, p := range h.People {
			taken[p.NHSNumber] = true
		}
	}
	next := numbers(seed, purpose)
	return func() string {
		for {
			n := next()
			if n == "" || !taken[n] {
				return n
			}
		}
	}
}
