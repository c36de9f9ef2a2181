package pdsapi

import (
	"math"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"nems/internal/demographics"
	"nems/internal/nhs"
)

// What a criterion counts that does not match exactly. PDS does not publish how it
// scores; these only put the best match first, and keep 1 for exact ones.
const (
	byWildcard   = 0.9
	byHomophone  = 0.85
	byTransposed = 0.8
	byHistory    = 0.9
	byMismatch   = 0.5 // of what a fuzzy search only scores by
)

// match compares a record with the search, and returns a score from 0 to 1. today
// says which names and addresses are in use.
func (s *search) match(r demographics.Record, today string) (score float64, ok bool) {
	if r.Invalid || s.wantsWhereabouts && r.Sensitive || !s.birth.has(r.BirthDate) || s.gender != "" && r.Gender != s.gender {
		return 0, false
	}
	sum, of := 1.0, 1.0 // of the birth date
	count := func(value float64) { sum, of = sum+value, of+1 }
	if s.gender != "" {
		count(1)
	}
	name, names := s.matchName(r, today)
	if name == 0 {
		return 0, false
	}
	sum, of = sum+name*names, of+names
	if s.postcode.set() {
		value := s.matchPostcode(r, today)
		if value == 0 {
			return 0, false
		}
		count(value)
	}
	for _, t := range []struct{ system, value string }{{"email", s.email}, {"phone", s.phone}} {
		if t.value == "" {
			continue
		}
		value := s.matchTelecom(r, t.system, t.value, today)
		if value == 0 {
			return 0, false
		}
		count(value)
	}
	for _, asked := range []struct{ set, fits bool }{
		{s.death.set(), r.Death != nil && s.death.has(day(r.Death.At))},
		{s.practice != "", string(r.PracticeCode()) == s.practice},
	} {
		switch {
		case !asked.set:
		case asked.fits:
			count(1)
		case s.fuzzy: // only the score follows it
			count(byMismatch)
		default:
			return 0, false
		}
	}
	return math.Round(sum/of*10000) / 10000, true
}

// matchName returns how well the best of a record's names matches, and how many
// criteria that are; 0 if none does.
func (s *search) matchName(r demographics.Record, today string) (best, criteria float64) {
	if s.family.set() {
		criteria++
	}
	criteria += float64(len(s.given))
	if criteria == 0 {
		return 1, 0
	}
	for _, n := range r.Names {
		current := (n.Use == "usual" || n.Use == "nickname" || n.Use == "temp") && (n.End == "" || n.End >= today)
		if !current && !s.history {
			continue
		}
		value := s.compare(n) / criteria
		if !current {
			value *= byHistory
		}
		best = max(best, value)
	}
	return best, criteria
}

// compare returns the sum of what the criteria for names count for one name; 0 if
// one does not match.
func (s *search) compare(n demographics.Name) float64 {
	family := readName(n.Family)
	var given []string
	for _, g := range n.Given {
		given = append(given, readName(g))
	}
	straight := s.compareAs(family, given, 1)
	if straight == 0 && s.fuzzy && len(given) > 0 {
		return s.compareAs(strings.Join(given, " "), []string{family}, byTransposed)
	}
	return straight
}

func (s *search) compareAs(family string, given []string, weight float64) (sum float64) {
	if s.family.set() {
		value := s.compareText(s.family, family)
		if value == 0 {
			return 0
		}
		sum += value * weight
	}
	whole := strings.Join(given, " ")
	for _, wanted := range s.given {
		value := 0.0
		if wanted.wild() { // it is compared with the first given name
			if len(given) > 0 && wanted.fits(given[0]) {
				value = byWildcard
			}
		} else {
			for _, g := range append(slices.Clone(given), whole) {
				value = max(value, s.compareText(wanted, g))
			}
		}
		if value == 0 {
			return 0
		}
		sum += value * weight
	}
	return sum
}

// compareText returns what one text counts for one criterion.
func (s *search) compareText(wanted pattern, text string) float64 {
	switch {
	case wanted.fits(text) && wanted.wild():
		return byWildcard
	case wanted.fits(text):
		return 1
	case s.fuzzy && soundex(wanted.start()) == soundex(text) && soundex(text) != "":
		return byHomophone
	}
	return 0
}

func (s *search) matchPostcode(r demographics.Record, today string) (best float64) {
	for _, a := range r.Addresses {
		current := a.End == "" || a.End >= today
		if !current && !s.history || !s.postcode.fits(demographics.FoldPostcode(a.Postcode)) {
			continue
		}
		value := 1.0
		if s.postcode.wild() {
			value = byWildcard
		}
		if !current {
			value *= byHistory
		}
		best = max(best, value)
	}
	return best
}

func (s *search) matchTelecom(r demographics.Record, system, wanted, today string) (best float64) {
	for _, t := range r.Telecoms {
		current := t.End == "" || t.End >= today
		if t.System != system || !current && !s.history {
			continue
		}
		have := strings.ToLower(strings.TrimSpace(t.Value))
		if system == "phone" {
			have = plainPhone(t.Value)
		}
		if have != wanted {
			continue
		}
		value := 1.0
		if !current {
			value = byHistory
		}
		best = max(best, value)
	}
	return best
}

// readName brings a name to the form in which names are compared: capitals, one
// form of accents and apostrophes, single blanks.
func readName(name string) string {
	name = strings.NewReplacer("’", "'", "‘", "'", "`", "'", "´", "'").Replace(norm.NFC.String(name))
	return strings.ToUpper(strings.Join(strings.Fields(name), " "))
}

func plainPhone(number string) string {
	return strings.Join(strings.FieldsFunc(number, func(r rune) bool { return strings.ContainsRune(" -()", r) }), "")
}

// soundex returns the American Soundex code of a name; "" if it has no letter.
func soundex(name string) string {
	const codes = "01230120022455012623010202" // of A to Z
	var out []byte
	last := byte('0')
	for _, r := range demographics.FoldName(name) {
		if r < 'A' || r > 'Z' {
			continue
		}
		code := codes[r-'A']
		switch {
		case len(out) == 0:
			out = append(out, byte(r))
		case code != '0' && code != last:
			out = append(out, code)
		}
		if r != 'H' && r != 'W' { // they do not separate equal codes
			last = code
		}
		if len(out) == 4 {
			break
		}
	}
	if len(out) == 0 {
		return ""
	}
	return string(append(out, "000"...)[:4])
}

// hit is a patient who was found.
type hit struct {
	record demographics.Record
	score  float64
}

// rank puts the best match first, and equal ones in the order of their numbers.
func rank(hits []hit) {
	slices.SortFunc(hits, func(a, b hit) int {
		if a.score != b.score {
			if a.score > b.score {
				return -1
			}
			return 1
		}
		return strings.Compare(a.record.NHSNumber.Digits(), b.record.NHSNumber.Digits())
	})
}

// has reports whether a patient is among the hits already.
func has(hits []hit, n nhs.NHSNumber) bool {
	return slices.ContainsFunc(hits, func(h hit) bool { return h.record.NHSNumber == n })
}
