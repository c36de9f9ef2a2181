package pdsapi

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/quick"

	"nems/internal/audit"
	"nems/internal/demographics"
	"nems/internal/nhs"
)

// people adds somebody for each test of the search.
func people(fx *fixture) {
	add := func(digits, family string, given []string, born string, change func(*demographics.Record)) {
		r := demographics.Record{NHSNumber: number(digits), SCN: 1, Gender: "male", BirthDate: born, Names: []demographics.Name{{ID: "1", Use: "usual", Family: family, Given: given}}}
		if change != nil {
			change(&r)
		}
		fx.records.all[digits] = r
	}
	add("9990000069", "O'Reilly", []string{"Seán", "Paul"}, "1980-05-05", func(r *demographics.Record) {
		r.Addresses = []demographics.Address{{ID: "1", Use: "home", Lines: []string{"1"}, Postcode: "DN17 4AA"}, {ID: "2", Use: "temp", Lines: []string{"9"}, Postcode: "LS1 6AE", Period: demographics.Period{Start: "2019-01-01", End: "2019-02-01"}}}
		r.Telecoms = []demographics.Telecom{{System: "email", Use: "home", Value: "New@new.com"}, {System: "email", Use: "work", Value: "Historic@historic.com", Period: demographics.Period{Start: "2010-01-01", End: "2011-01-01"}}, {System: "phone", Use: "mobile", Value: "07700 900123"}}
		r.Names = append(r.Names, demographics.Name{ID: "2", Use: "old", Family: "Garton", Given: []string{"Bill"}})
		r.Practice, r.Death = &demographics.Registration{Practice: "A20047"}, &demographics.Death{Status: "1", At: "2019-02-28T10:00:00+00:00"}
	})
	add("9990000077", "Smythe", []string{"Adam Thomas"}, "1980-05-05", nil)
	add("9990000085", "Smith", []string{"Adam"}, "1980-05-06", nil)
	add("9990000107", "Thomas", []string{"Adam"}, "1980-05-06", nil)
}

func TestSearching(t *testing.T) {
	fx := start(t)
	people(fx)
	const reilly, smythe, smith2, thomas = "9990000069", "9990000077", "9990000085", "9990000107"
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"family=o'reilly&birthdate=1980-05-05", []string{reilly}},
		{"family=O%E2%80%99REILLY&birthdate=eq1980-05-05", []string{reilly}},
		{"family=Oreilly&birthdate=eq1980-05-05", nil},
		{"family=smith&birthdate=ge1980-01-01&birthdate=le1980-12-31", []string{smith2}},
		{"family=Sm*&birthdate=ge1980-01-01&birthdate=le1980-12-31", []string{smythe, smith2}},
		{"family=Sm*t*&birthdate=ge1980-01-01&birthdate=le1980-12-31&given=ad*", []string{smythe, smith2}},
		{"family=Sm*h&birthdate=ge1980-01-01&birthdate=le1980-12-31", []string{smith2}},
		{"family=smythe&birthdate=1980-05-05&given=Adam%20Thomas", []string{smythe}},
		{"family=smythe&birthdate=1980-05-05&given=Thomas", nil},
		{"family=o'reilly&birthdate=1980-05-05&given=Paul", []string{reilly}},
		{"family=o'reilly&birthdate=1980-05-05&given=Pau*", nil}, // wildcards are for the first name
		{"family=o'reilly&birthdate=1980-05-05&given=Se%C3%A1n&given=Paul", []string{reilly}},
		{"family=Garton&birthdate=1980-05-05", nil},
		{"family=Garton&birthdate=1980-05-05&_history=true", []string{reilly}},
		{"family=o'reilly&birthdate=1980-05-05&gender=female", nil},
		{"family=o'reilly&birthdate=1980-05-05&address-postalcode=dn174aa", []string{reilly}},
		{"family=o'reilly&birthdate=1980-05-05&address-postcode=DN17*", []string{reilly}},
		{"family=o'reilly&birthdate=1980-05-05&address-postalcode=LS1%206AE", nil},
		{"family=o'reilly&birthdate=1980-05-05&address-postalcode=LS1%206AE&_history=true", []string{reilly}},
		{"family=o'reilly&birthdate=1980-05-05&email=NEW@NEW.COM", []string{reilly}},
		{"family=o'reilly&birthdate=1980-05-05&email=Historic@historic.com", nil},
		{"family=o'reilly&birthdate=1980-05-05&email=Historic@historic.com&_history=true", []string{reilly}},
		{"family=o'reilly&birthdate=1980-05-05&phone=07700900123", []string{reilly}},
		{"family=o'reilly&birthdate=1980-05-05&phone=0", nil},
		{"family=o'reilly&birthdate=1980-05-05&general-practitioner=a20047", []string{reilly}},
		{"family=o'reilly&birthdate=1980-05-05&general-practitioner=B86056", nil},
		{"family=o'reilly&birthdate=1980-05-05&death-date=le2019-02-28", []string{reilly}},
		{"family=o'reilly&birthdate=1980-05-05&death-date=ge2019-03-01", nil},
		{"_fuzzy-match=true&family=Smithe&given=Adam&birthdate=1980-05-06", []string{smith2}},
		{"_fuzzy-match=true&family=Adam&given=Tomas&birthdate=1980-05-06", []string{thomas}},
		{"_fuzzy-match=true&family=Gartun&given=Bill&birthdate=1980-05-05", []string{reilly}},
		{"_fuzzy-match=true&family=Reilly&birthdate=1980-05-05&gender=male&address-postalcode=DN174AA", nil},
		{"_fuzzy-match=true&family=O'Reily&birthdate=1980-05-05&gender=male&address-postalcode=DN174AA&general-practitioner=B86056", []string{reilly}},
		{"_exact-match=true&family=Sm*&birthdate=1980-05-05", nil},
		{"_exact-match=true&family=smythe&birthdate=1980-05-05", []string{smythe}},
		{"family=smith&birthdate=2010-10-22", []string{"9000000009", "9000000025"}}, // one is restricted, one withdrawn
		{"family=smith&birthdate=2010-10-22&address-postalcode=LS16AE", []string{"9000000009"}},
		{"family=older&birthdate=2010-10-22", []string{"9000000009"}}, // superseded
	} {
		got := fx.get("/Patient?" + c.query)
		var ids []string
		entries, _ := got.body["entry"].([]any)
		for _, e := range entries {
			ids = append(ids, at(e, "resource", "id").(string))
			if s, _ := at(e, "search", "score").(float64); s <= 0 || s > 1 {
				t.Errorf("%s: score %v", c.query, s)
			}
		}
		if !slices.Equal(ids, c.want) || at(got.body, "total") != float64(len(c.want)) {
			t.Errorf("%s: %v, want %v (%v)", c.query, ids, c.want, at(got.body, "issue"))
		}
	}
}

// What PDS refuses, with what its own tests compare (karate-tests, searchErrors).
func TestRefusedSearches(t *testing.T) {
	fx := start(t)
	people(fx)
	const criteria = "Invalid search data provided - 'No searches were performed as the search criteria did not meet the minimum requirements'"
	const noBirth = "Missing value - 'birth_date/birth_date_range_start/birth_date_range_end'"
	for _, c := range []struct{ query, code, diagnostics string }{
		{"", unsupportedService, ""},
		{"manufacturer=Ford&model=focus&year=2003", additionalProperty, "Invalid request with error - Additional properties are not allowed ('manufacturer', 'model', 'year' were unexpected)"},
		{"family=Smith&birthdate=eq2010-10-22&year=2003", additionalProperty, "Invalid request with error - Additional properties are not allowed ('year' was unexpected)"},
		{"email=j.smith@example.com&phone=0163", missingValue, noBirth},
		{"family=Smith&birthdate=20101022", invalidValue, "Invalid value - '20101022' in field 'birthdate'"},
		{"family=Smith&death-date=20101022", invalidValue, "Invalid value - '20101022' in field 'death-date'"},
		{"birthdate=eq2010-10-22", invalidSearch, criteria},
		{"gender=female", missingValue, noBirth},
		{"family=Smith&birthdate=2010-10-22&gender=mal", invalidValue, "Invalid value - 'mal' in field 'gender'"},
		{"family=S*&birthdate=2010-10-22", invalidValue, "Invalid value - 'S*' in field 'family' - expected at least two characters before a wildcard"},
		{"family=Smith&birthdate=2010-10-22&_max-results=51", invalidValue, "Invalid value - '51' in field '_max-results' - expected a number from 1 to 50"},
		{"family=Smith&birthdate=2010-10-22&_history=yes", invalidValue, "Invalid value - 'yes' in field '_history' - expected true or false"},
		{"_fuzzy-match=true&family=Smith&birthdate=2010-10-22", invalidSearch, criteria},
		{"_fuzzy-match=true&family=Sm*&given=Jo&birthdate=2010-10-22", invalidSearch, "Invalid search data provided - 'a fuzzy search has no wildcards'"},
		{"family=Smith&birthdate=2010-10-22&address-postcode=LS1&address-postalcode=LS1", invalidSearch, ""},
		{"family=Smith&family=Jones&birthdate=2010-10-22", tooManyValues, "Too many values - 'family' was sent 2 times"},
		{"family=%zz&birthdate=2010-10-22", invalidSearch, ""},
		{"family=Smith&birthdate=2010-10-22&_max-results=1", tooManyMatches, ""},
	} {
		got := fx.get("/Patient?" + c.query)
		code, diagnostics := got.code()
		if code != c.code || c.diagnostics != "" && diagnostics != c.diagnostics {
			t.Errorf("%s: %s %q, want %s %q", c.query, code, diagnostics, c.code, c.diagnostics)
		}
		if want := map[string]int{tooManyMatches: 200}[c.code]; want != 0 && got.status != want || want == 0 && got.status != 400 {
			t.Errorf("%s: %d", c.query, got.status)
		}
	}
}

// A search shows less of a patient than reading does, and is recorded for each
// patient whom it shows.
func TestFoundPatients(t *testing.T) {
	fx := start(t)
	r := fx.records.all[smith]
	r.Addresses = append(r.Addresses, demographics.Address{ID: "T1", Use: "temp", Text: "Second Home", Lines: []string{"1"}})
	r.Names = append(r.Names, demographics.Name{ID: "O1", Use: "old", Family: "Older"})
	fx.records.all[smith] = r
	body := fx.get("/Patient?family=Smith&birthdate=2010-10-22").body
	if at(body, "entry", 0, "fullUrl") != "https://pds.example"+Base+"/Patient/"+smith || at(body, "entry", 0, "search", "score") != 1.0 {
		t.Errorf("%v", at(body, "entry", 0))
	}
	found := at(body, "entry", 0, "resource")
	if at(found, "address", 1) != nil || at(found, "name", 1) != nil || at(found, "extension") != nil || at(found, "address", 0) == nil || at(found, "telecom", 0) == nil {
		t.Errorf("%v", found)
	}
	if at(body, "entry", 1, "resource", "address") != nil || at(body, "entry", 1, "resource", "meta", "security", 0, "code") != "R" {
		t.Errorf("restricted: %v", at(body, "entry", 1))
	}
	var who []string
	for _, e := range fx.audited {
		if e.Action == audit.ActionFindRecords {
			who = append(who, e.Patient.Digits())
		}
	}
	if !slices.Equal(who, []string{smith, restricted}) {
		t.Errorf("recorded: %v", who)
	}
}

// More than can be compared is too many, whoever matches.
func TestManyCandidates(t *testing.T) {
	fx := start(t)
	for i := range comparedAtMost * 12 / 10 * 10 {
		if n, err := nhs.ParseNHSNumber(fmt.Sprintf("%010d", 4010000000+i)); err == nil {
			fx.records.all[n.Digits()] = demographics.Record{NHSNumber: n, SCN: 1, BirthDate: "1950-01-01", Names: []demographics.Name{{Use: "usual", Family: "Smithers"}}}
		}
	}
	if code, _ := fx.get("/Patient?family=Sm*x&birthdate=1950-01-01").code(); code != tooManyMatches {
		t.Errorf("%q", code)
	}
}

func TestSoundex(t *testing.T) {
	for name, want := range map[string]string{
		"Robert": "R163", "Rupert": "R163", "Rubin": "R150", "Ashcraft": "A261", "Tymczak": "T522", "Pfister": "P236", "Honeyman": "H555", "O'Reilly": "O640", "": "", "Kociński": "K252",
	} {
		if got := soundex(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// A pattern fits whatever it was made of.
func TestPatterns(t *testing.T) {
	var f faults
	fits := func(start, middle, end string) bool {
		clean := func(s string) string { return strings.NewReplacer("*", "", "\t", "", "\n", "").Replace(s) }
		text := readName("AB" + clean(start) + "x" + clean(middle) + "y" + clean(end))
		p := pattern{[]string{readName("AB" + clean(start)), "", ""}}
		return p.fits(text) && !pattern{[]string{text + "Z"}}.fits(text)
	}
	if err := quick.Check(fits, nil); err != nil {
		t.Error(err)
	}
	p := f.pattern("family", "Sm*t*", readName)
	for text, want := range map[string]bool{"SMITH": true, "SMYTHE": true, "SMT": true, "SMALL": false, "S": false} {
		if p.fits(text) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}

// No query makes a search fail, or find somebody who was not asked for.
func FuzzSearch(f *testing.F) {
	f.Add("family=Sm*&birthdate=ge1980-01-01&given=Adam")
	f.Add("_fuzzy-match=true&family=a&given=b&birthdate=1980-05-05&phone=0")
	f.Fuzz(func(t *testing.T, query string) {
		if _, err := url.ParseQuery(query); err != nil || strings.ContainsAny(query, "# \x00\r\n\t") || strings.ContainsFunc(query, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
			return
		}
		fx := start(t)
		people(fx)
		if got := fx.get("/Patient?" + query); got.status != 200 && got.status != 400 {
			t.Fatalf("%s: %d %v", query, got.status, got.body)
		}
	})
}
