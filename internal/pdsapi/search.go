package pdsapi

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"nems/internal/demographics"
	"nems/internal/nhs"
)

// search is what somebody looks for (patient-search.yaml).
type search struct {
	family           pattern
	given            []pattern
	gender           string
	birth, death     span
	postcode         pattern
	practice         string
	email, phone     string
	fuzzy, exact     bool
	history          bool
	most             int
	wantsWhereabouts bool // what it asks for would tell where a restricted patient is
}

// span is a range of days, both included; "" is open.
type span struct{ from, to string }

func (s span) set() bool { return s != span{} }

func (s span) has(day string) bool {
	return day != "" && (s.from == "" || day >= s.from) && (s.to == "" || day <= s.to)
}

// parameters are those that a search may have, and whether they may come several times.
var parameters = map[string]bool{
	"_fuzzy-match": false, "_exact-match": false, "_history": false, "_max-results": false,
	"family": false, "given": true, "gender": false, "birthdate": true, "death-date": true,
	"address-postalcode": false, "address-postcode": false, "general-practitioner": false, "email": false, "phone": false,
}

// resultsAtMost is the largest number of patients that a search gives.
const resultsAtMost = 50

// parseSearch reads the parameters of a search. single says that the caller gets
// one patient at most: the only one who matches.
func parseSearch(q url.Values, single bool) (search, *Fault) {
	s := search{most: resultsAtMost}
	if single {
		s.most = 1
	}
	if len(q) == 0 {
		return s, badRequest(unsupportedService, "")
	}
	if fault := known(q); fault != nil {
		return s, fault
	}
	var f faults
	s.birth, s.death = f.span("birthdate", q), f.span("death-date", q)
	s.gender = q.Get("gender")
	if s.gender != "" && !slices.Contains(genders, s.gender) {
		f.add(badRequest(invalidValue, "Invalid value - "+quote(s.gender)+" in field 'gender'"))
	}
	s.fuzzy, s.exact, s.history = f.flag("_fuzzy-match", q), f.flag("_exact-match", q), f.flag("_history", q)
	s.family = f.pattern("family", q.Get("family"), readName)
	for _, given := range q["given"] {
		s.given = append(s.given, f.pattern("given", given, readName))
	}
	s.postcode = f.pattern("address-postalcode", q.Get("address-postalcode")+q.Get("address-postcode"), demographics.FoldPostcode)
	s.practice = strings.ToUpper(q.Get("general-practitioner"))
	s.email, s.phone = strings.ToLower(strings.TrimSpace(q.Get("email"))), plainPhone(q.Get("phone"))
	s.limit(&f, q.Get("_max-results"), single)
	s.wantsWhereabouts = s.postcode.set() || s.practice != ""
	if f.first != nil {
		return s, f.first
	}
	s.history = s.history || s.fuzzy
	return s, s.enough(q)
}

// known checks that there are no other parameters, and none twice.
func known(q url.Values) *Fault {
	var others []string
	for name, values := range q {
		several, ok := parameters[name]
		switch {
		case name == "" && strings.Join(values, "") == "": // a stray = or &
		case !ok:
			others = append(others, name)
		case !several && len(values) > 1:
			return badRequest(tooManyValues, "Too many values - '"+name+"' was sent "+strconv.Itoa(len(values))+" times")
		case len(values) > 10:
			return badRequest(tooManyValues, "Too many values - '"+name+"' was sent "+strconv.Itoa(len(values))+" times, expected at most 10")
		}
	}
	if len(others) > 0 {
		slices.Sort(others)
		return surplus("", others)
	}
	return nil
}

// span reads days with prefixes.
func (f *faults) span(name string, q url.Values) (s span) {
	for _, value := range q[name] {
		prefix, day := "eq", value
		for _, p := range []string{"eq", "ge", "le"} {
			if strings.HasPrefix(value, p) {
				prefix, day = p, value[2:]
			}
		}
		if !isDate(day) {
			f.add(badRequest(invalidValue, "Invalid value - "+quote(value)+" in field '"+name+"'"))
			return s
		}
		if prefix != "le" {
			s.from = max(s.from, day)
		}
		if prefix != "ge" && (s.to == "" || day < s.to) {
			s.to = day
		}
	}
	return s
}

func (f *faults) flag(name string, q url.Values) bool {
	switch value := q.Get(name); strings.ToLower(value) {
	case "true":
		return true
	case "", "false":
	default:
		f.add(wrongValue(value, name, "true or false"))
	}
	return false
}

// limit reads how many patients may come back.
func (s *search) limit(f *faults, value string, single bool) {
	if value == "" {
		return
	}
	n, err := strconv.Atoi(value)
	switch {
	case err != nil || n < 1 || n > resultsAtMost:
		f.add(wrongValue(value, "_max-results", "a number from 1 to 50"))
	case single && n > 1:
		f.add(&Fault{Status: http.StatusForbidden, Code: invalidValue, Diagnostics: "Invalid value - " + quote(value) + " in field '_max-results' - this application gets one patient at most"})
	default:
		s.most = n
	}
}

// enough checks that there is enough to search by.
func (s *search) enough(q url.Values) *Fault {
	const refused = "Invalid search data provided - 'No searches were performed as the search criteria did not meet the minimum requirements'"
	wild := s.family.wild() || s.postcode.wild() || slices.ContainsFunc(s.given, pattern.wild)
	switch {
	case !s.birth.set():
		return missing("birth_date/birth_date_range_start/birth_date_range_end")
	case q.Has("address-postalcode") && q.Has("address-postcode"):
		return badRequest(invalidSearch, "Invalid search data provided - 'address-postalcode and address-postcode are the same: send one of them'")
	case !s.fuzzy && !s.family.set():
		return badRequest(invalidSearch, refused)
	case s.fuzzy && wild:
		return badRequest(invalidSearch, "Invalid search data provided - 'a fuzzy search has no wildcards'")
	}
	given, family, place := len(s.given) > 0, s.family.set(), s.gender != "" && s.postcode.set()
	if s.fuzzy && !(family && given) && !(family && place) && !(given && place) {
		return badRequest(invalidSearch, refused)
	}
	return nil
}

// query returns what the store is asked for: at least the records that match.
func (s *search) query() demographics.Query {
	q := demographics.Query{BirthFrom: s.birth.from, BirthTo: s.birth.to, Gender: s.gender}
	if !s.fuzzy {
		q.Family, q.Practice = demographics.FoldName(s.family.start()), nhs.ODSCode(s.practice)
	}
	return q
}

// pattern is a text to compare with; * in it stands for any characters.
type pattern struct{ parts []string }

// pattern reads one. The first two characters are never wild, so that a search
// stays one for somebody.
func (f *faults) pattern(name, value string, read func(string) string) pattern {
	if value == "" {
		return pattern{}
	}
	if len([]rune(value)) > 35 {
		f.add(wrongValue(value, name, "at most 35 characters"))
		return pattern{}
	}
	if at := strings.Index(value, "*"); at >= 0 && len([]rune(read(value[:at]))) < 2 {
		f.add(wrongValue(value, name, "at least two characters before a wildcard"))
		return pattern{}
	}
	p := pattern{}
	for _, part := range strings.Split(value, "*") {
		p.parts = append(p.parts, read(part))
	}
	if !p.wild() && p.parts[0] == "" {
		f.add(wrongValue(value, name, "a text that is not blank"))
	}
	return p
}

func (p pattern) set() bool  { return len(p.parts) > 0 }
func (p pattern) wild() bool { return len(p.parts) > 1 }

func (p pattern) start() string {
	if len(p.parts) == 0 {
		return ""
	}
	return p.parts[0]
}

// fits compares with a text that was read as the pattern was.
func (p pattern) fits(text string) bool {
	if !p.wild() {
		return text == p.start()
	}
	rest, ok := strings.CutPrefix(text, p.parts[0])
	if !ok {
		return false
	}
	last := len(p.parts) - 1
	for _, part := range p.parts[1:last] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, p.parts[last])
}
