package pdsapi

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
	"pgregory.net/rapid"

	"nems/internal/demographics"
	"nems/internal/nhs"
)

var equal = cmp.Comparer(func(a, b nhs.NHSNumber) bool { return a == b })

// anyRecord generates records as they can be read from a Patient: nothing hidden,
// and only what PDS accepts.
func anyRecord(t *rapid.T) demographics.Record {
	day := func(label string) string {
		return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 8000).Draw(t, label)).Format(time.DateOnly)
	}
	period := func() demographics.Period { return demographics.Period{Start: day("start")} }
	word := func(label string) string {
		return rapid.StringMatching(`[A-Z][a-zé'-]{0,10}[a-z]`).Draw(t, label)
	}
	words := func(label string, least, most int) []string {
		out := make([]string, rapid.IntRange(least, most).Draw(t, label))
		for i := range out {
			out[i] = word(label)
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	maybe := func(label string) bool { return rapid.Bool().Draw(t, label) }
	code := func(label string) nhs.ODSCode {
		if !maybe(label) {
			return ""
		}
		return nhs.ODSCode(rapid.StringMatching(`[A-Z][0-9]{5}`).Draw(t, label))
	}
	r := demographics.Record{
		NHSNumber: number(smith), SCN: rapid.Int64Range(1, 1000).Draw(t, "scn"), Gender: rapid.SampledFrom([]string{"male", "female", "unknown", "other"}).Draw(t, "gender"),
		BirthDate: day("born"), BirthOrder: rapid.IntRange(0, 9).Draw(t, "order"),
		Managing: code("managing"), Pharmacy: code("pharmacy"), Dispenser: code("dispenser"), Appliances: code("appliances"),
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "names") {
		r.Names = append(r.Names, demographics.Name{ID: fmt.Sprint("N", i), Use: rapid.SampledFrom(nameUses).Draw(t, "use"), Family: word("family"),
			Given: words("given", 0, 3), Prefix: words("prefix", 0, 1), Suffix: words("suffix", 0, 2), Period: period()})
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "addresses") {
		a := demographics.Address{ID: fmt.Sprint("A", i), Use: "home", Lines: words("line", 1, 5), Postcode: "LS1 6AE", Period: period()}
		if maybe("key") {
			a.UPRN, a.PAF = rapid.StringMatching(`[0-9]{1,12}`).Draw(t, "uprn"), rapid.StringMatching(`[0-9]{8}`).Draw(t, "paf")
		}
		r.Addresses = append(r.Addresses, a)
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "telecoms") {
		r.Telecoms = append(r.Telecoms, demographics.Telecom{ID: fmt.Sprint("T", i), System: rapid.SampledFrom([]string{"phone", "fax", "other"}).Draw(t, "system"),
			Use: rapid.SampledFrom(telecomUses).Draw(t, "use"), Value: rapid.StringMatching(`[0-9]{5,11}`).Draw(t, "value"), Period: period()})
	}
	if maybe("contact") {
		r.Contacts = []demographics.Contact{{ID: "C1", System: rapid.SampledFrom([]string{"", "other"}).Draw(t, "system"), Phone: "0113", Period: period()}}
	}
	if c := code("practice"); c != "" {
		r.Practice = &demographics.Registration{ID: "G1", Practice: c, Start: day("registered")}
	}
	if maybe("death") {
		r.Death = &demographics.Death{Status: "1", At: day("death")}
	}
	if maybe("language") {
		r.Language, r.Interpreter = rapid.SampledFrom([]string{"fr", "q4", "cy", "ur"}).Draw(t, "language"), maybe("interpreter")
	}
	if maybe("preferences") {
		r.Preferences = &demographics.Preferences{Method: "3", Times: word("times")}
	}
	if maybe("birthplace") {
		r.Birthplace = &demographics.Birthplace{City: word("city"), Country: rapid.SampledFrom([]string{"GBR", "FRA", "1"}).Draw(t, "country")}
	}
	return r
}

// What is written of a record reads as the same record, from nothing and from the
// record before.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecord(t)
		tree := treeOf(encode(r, editable))
		next := 0
		newID := func() string { next++; return fmt.Sprint("X", next) }
		got, fault := decode(demographics.Record{NHSNumber: r.NHSNumber, SCN: r.SCN}, object{}, tree, "2024-01-01", newID)
		if fault != nil {
			t.Fatalf("%v", fault)
		}
		if diff := cmp.Diff(withoutIDs(r), withoutIDs(got), equal); diff != "" {
			t.Fatalf("from nothing (-want +got)\n%s", diff)
		}
		got, fault = decode(withIDs(r), tree, tree, "2024-01-01", newID)
		if diff := cmp.Diff(withIDs(r), got, equal); fault != nil || diff != "" {
			t.Fatalf("unchanged: %v (-want +got)\n%s", fault, diff)
		}
	})
}

func withoutIDs(r demographics.Record) demographics.Record {
	r = r.Clone()
	for i := range r.Names {
		r.Names[i].ID = ""
	}
	for i := range r.Addresses {
		r.Addresses[i].ID = ""
	}
	for i := range r.Telecoms {
		r.Telecoms[i].ID = ""
	}
	for i := range r.Contacts {
		r.Contacts[i].ID = ""
	}
	if r.Practice != nil {
		r.Practice.ID = ""
	}
	return r
}

// What the API does not show survives a change of something else.
func TestHiddenPartsSurvive(t *testing.T) {
	r := janeSmith(smith)
	r.Removal = &demographics.Removal{Reason: "SCT", At: "2019-01-01"}
	tree := treeOf(encode(r, editable))
	changed := copyOf(tree).(object)
	changed["gender"] = "male"
	got, fault := decode(withIDs(r), tree, changed, "2026-01-01", nil)
	if fault != nil {
		t.Fatal(fault)
	}
	want := r
	want.Gender = "male"
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Items without ids have the same ones until the record changes.
func TestIDsAreGiven(t *testing.T) {
	r := withoutIDs(janeSmith(smith))
	a, b := withIDs(r), withIDs(r)
	if a.Names[0].ID == "" || a.Names[0].ID != b.Names[0].ID || a.Addresses[0].ID == a.Names[0].ID || a.Practice.ID == "" {
		t.Errorf("%q, %q", a.Names[0].ID, a.Addresses[0].ID)
	}
	if r.Names[0].ID != "" {
		t.Error("the record itself was changed")
	}
}

// The table says of every code of two letters what x/text says.
func TestLanguagesAreThoseOfTheStandard(t *testing.T) {
	for a := 'a'; a <= 'z'; a++ {
		for b := 'a'; b <= 'z'; b++ {
			code, want := string(a)+string(b), ""
			if base, err := language.ParseBase(code); err == nil && base.String() == code {
				want = display.English.Languages().Name(base)
			}
			if got := languageName(code); got != want {
				t.Errorf("%s: %q, want %q", code, got, want)
			}
		}
	}
}

func TestLanguages(t *testing.T) {
	for code, want := range map[string]string{"fr": "French", "q4": "British Sign Language", "cy": "Welsh", "zz": "", "fra": "", "FR": "", "qa": ""} {
		if got := languageName(code); got != want {
			t.Errorf("%s: %q, want %q", code, got, want)
		}
	}
	for code, want := range map[string]bool{"GBR": true, "FRA": true, "XXX": false, "gbr": false, "GB": false} {
		if isCountry(code) != want {
			t.Errorf("%s: %v", code, !want)
		}
	}
}
