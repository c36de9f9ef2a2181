package demographics

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"nems/internal/nhs"
)

// Query selects records that may be the ones that somebody looks for. An empty
// field selects nothing: it matches all. The caller compares what it got with
// what it really wants, so that a store may select more, and never less.
type Query struct {
	// Family is the beginning of a family name in FoldName's form. It matches
	// any name of a record, also one that is no longer in use.
	Family string
	// BirthFrom and BirthTo are days (YYYY-MM-DD), both included.
	BirthFrom, BirthTo string
	// Postcode is the beginning of a postcode of any address, in FoldPostcode's form.
	Postcode string
	Gender   string
	Practice nhs.ODSCode
	// After is the last number of the page before: records come by their numbers.
	After nhs.NHSNumber
	// Limit is the largest number of records wanted.
	Limit int
}

// FoldName brings a name to a form in which spellings that people take for the
// same are equal: without accents, case, and everything but letters and digits.
func FoldName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToUpper(r)
		}
		return -1
	}, norm.NFD.String(name))
}

// FoldPostcode brings a postcode, or the beginning of one, to capitals without
// blanks.
func FoldPostcode(postcode string) string {
	return strings.ToUpper(strings.Join(strings.Fields(postcode), ""))
}

// Fits reports whether a query selects a record.
func (q Query) Fits(r Record) bool {
	return (q.BirthFrom == "" || r.BirthDate >= q.BirthFrom) && (q.BirthTo == "" || r.BirthDate != "" && r.BirthDate <= q.BirthTo) &&
		(q.Gender == "" || r.Gender == q.Gender) && (q.Practice == "" || r.PracticeCode() == q.Practice) &&
		q.fitsName(r) && q.fitsPostcode(r)
}

func (q Query) fitsName(r Record) bool {
	if q.Family == "" {
		return true
	}
	for _, n := range r.Names {
		if strings.HasPrefix(FoldName(n.Family), q.Family) {
			return true
		}
	}
	return false
}

func (q Query) fitsPostcode(r Record) bool {
	if q.Postcode == "" {
		return true
	}
	for _, a := range r.Addresses {
		if strings.HasPrefix(FoldPostcode(a.Postcode), q.Postcode) {
			return true
		}
	}
	return false
}
