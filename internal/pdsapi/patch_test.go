package pdsapi

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"nems/internal/demographics"
)

const (
	communication = `{"url":"` + communicationURL + `","extension":[{"url":"language","valueCodeableConcept":{"coding":[{"code":"de"}]}}]}`
	deathOf       = `{"url":"` + deathURL + `","extension":[{"url":"deathNotificationStatus","valueCodeableConcept":{"coding":[{"system":"` + deathSystem + `","version":"1.0.0","code":"STATUS"}]}}]}`
	dies          = `{"op":"add","path":"/deceasedDateTime","value":"2026-06-14T10:00:00+00:00"},{"op":"add","path":"/extension/-","value":` + deathOf + `}`
)

func informal() string { return strings.ReplaceAll(dies, "STATUS", "1") }

// refusedPatches are patches that PDS refuses. The diagnostics of those marked with
// k are those that PDS's own tests compare (karate-tests, updatePatientDetails).
var refusedPatches = []struct{ name, patches, code, diagnostics string }{
	{"k: none", ``, invalidUpdate, "Invalid update with error - No patches found"},
	{"k: operation", `{"op":"bad_value","path":"not a path"}`, invalidValue, "Invalid value - 'bad_value' in field '0/op'"},
	{"path", `{"op":"add","path":"name","value":1}`, invalidValue, "Invalid value - 'name' in field '0/path' - expected a JSON pointer such as /name/0"},
	{"no value", `{"op":"add","path":"/gender"}`, missingValue, "Missing value - '0/value'"},
	{"no path", `{"op":"add","value":"male"}`, missingValue, "Missing value - '0/path'"},
	{"member", `{"op":"replace","path":"/gender","value":"male","from":"x"}`, additionalProperty, "Invalid request with error - Additional properties are not allowed ('from' was unexpected) in '0'"},
	{"root", `{"op":"add","path":"/pets","value":1}`, invalidUpdate, "Invalid update with error - Update unsupported for resource - 'pets'"},
	{"meta", `{"op":"replace","path":"/meta/versionId","value":"9"}`, invalidUpdate, "Invalid update with error - Update unsupported for resource - 'meta'"},
	{"nested member", `{"op":"replace","path":"/name/0","value":{"id":"123","use":"usual","family":"A","given":["B"],"pets":1}}`, additionalProperty, "Invalid request with error - Additional properties are not allowed ('pets' was unexpected) in 'name/0'"},
	{"k: second usual name", `{"op":"add","path":"/name/-","value":{"use":"usual","period":{"start":"2019-12-31"},"family":"Bloggs","given":["Joe"]}}`, forbiddenUpdate, "Forbidden update with error - multiple usual names cannot be added"},
	{"k: time zone", `{"op":"add","path":"/deceasedDateTime","value":"2026-05-01T00:00:00+01:00"}`, invalidValue, "Invalid value - '2026-05-01T00:00:00+01:00' in field 'deceasedDateTime'"},
	{"k: removal without test", `{"op":"remove","path":"/name/1"}`, invalidUpdate, "Invalid update with error - removal '/name/1' is not immediately preceded by equivalent test - instead it is the first item"},
	{"k: removal out of bounds", `{"op":"test","path":"/name/1/id","value":"123456"},{"op":"remove","path":"/name/1"}`, invalidUpdate, "Invalid update with error - Invalid patch - index '1' is out of bounds"},
	{"k: removal of nothing", `{"op":"test","path":"/contact/0/id","value":"C123"},{"op":"remove","path":"/contact/0/suffix/0"}`, invalidUpdate, "Invalid update with error - Invalid patch - can't remove non-existent object '0'"},
	{"k: no address id", `{"op":"replace","path":"/address/0/line/0","value":"2 Whitehall Quay"},{"op":"replace","path":"/address/0/postalCode","value":"LS1 4BU"}`, invalidUpdate, "Invalid update with error - no id or url found for path with root /address/0"},
	{"k: non-existent object", `{"op":"replace","path":"/name/0/id","value":"123"},{"op":"replace","path":"/name/0/text","value":["2 Trevelyan Square"]}`, invalidUpdate, "Invalid update with error - Invalid patch - can't replace non-existent object 'text'"},
	{"k: wrong address id", `{"op":"replace","path":"/address/0/id","value":"123456"},{"op":"replace","path":"/address/0/line/0","value":"2 Whitehall Quay"}`, invalidUpdate, "Invalid update with error - no 'address' resources with object id '123456'"},
	{"k: wrong address id only", `{"op":"replace","path":"/address/0/id","value":"123456"}`, invalidUpdate, "Invalid update with error - no 'address' resources with object id '123456'"},
	{"k: no such address", `{"op":"replace","path":"/address/1/id","value":"456"},{"op":"replace","path":"/address/1/line/0","value":"2 Whitehall Quay"}`, invalidUpdate, "Invalid update with error - Invalid patch - index '1' is out of bounds"},
	{"k: usual name removed", `{"op":"test","path":"/name/0/id","value":"123"},{"op":"remove","path":"/name/0"}`, forbiddenUpdate, "Forbidden update with error - not permitted to remove usual name"},
	{"k: birth date removed", `{"op":"test","path":"/birthDate","value":"2010-10-22"},{"op":"remove","path":"/birthDate"}`, forbiddenUpdate, "Forbidden update with error - source not permitted to remove 'birthDate'"},
	{"gender removed", `{"op":"remove","path":"/gender"}`, forbiddenUpdate, "Forbidden update with error - source not permitted to remove 'gender'"},
	{"gender other", `{"op":"replace","path":"/gender","value":"other"}`, unsupportedValue, "Unsupported value - 'other' in field 'gender'"},
	{"gender unknown to FHIR", `{"op":"replace","path":"/gender","value":"mal"}`, invalidValue, "Invalid value - 'mal' in field 'gender' - expected one of male, female, other, unknown"},
	{"other item's id", `{"op":"replace","path":"/telecom/0/id","value":"790"},{"op":"replace","path":"/telecom/0/value","value":"0"}`, invalidUpdate, "Invalid update with error - '/telecom/0' is not the item with the object id '790'"},
	{"add at an index", `{"op":"add","path":"/name/0","value":{}}`, invalidUpdate, "Invalid update with error - a new item has the path '/name/-', received '/name/0'"},
	{"whole list", `{"op":"replace","path":"/address","value":[]}`, invalidUpdate, "Invalid update with error - '/address' is a list - name one item of it, such as /address/0, or /address/- for a new one"},
	{"failed test", `{"op":"test","path":"/gender","value":"male"},{"op":"replace","path":"/gender","value":"unknown"}`, invalidUpdate, "Invalid update with error - Invalid patch - the test of '/gender' failed: the record has another value there"},
	{"test elsewhere", `{"op":"test","path":"/telecom/0/id","value":"789"},{"op":"remove","path":"/telecom/1"}`, invalidUpdate, "Invalid update with error - removal '/telecom/1' is not immediately preceded by equivalent test - instead it is preceded by 'test' of '/telecom/0/id'"},
	{"second home", `{"op":"add","path":"/address/-","value":{"use":"home","line":["1"],"postalCode":"LS1 6AE"}}`, forbiddenUpdate, "Forbidden update with error - multiple home addresses cannot be added"},
	{"six lines", `{"op":"replace","path":"/address/0","value":{"id":"456","use":"home","line":["1","2","3","4","5","6"]}}`, tooManyValues, "Too many values - 'address/0/line' has 6, expected at most 5"},
	{"temporary without end", `{"op":"add","path":"/address/-","value":{"use":"temp","text":"Second Home","line":["1"],"period":{"start":"2026-01-01"}}}`, missingValue, "Missing value - 'address/1/period/end'"},
	{"temporary without period", `{"op":"add","path":"/address/-","value":{"use":"temp","text":"Second Home","line":["1"]}}`, missingValue, "Missing value - 'address/1/period'"},
	{"temporary without text", `{"op":"add","path":"/address/-","value":{"use":"temp","line":["1"],"period":{"start":"2026-01-01","end":"2026-07-01"}}}`, missingValue, "Missing value - 'address/1/text'"},
	{"work address", `{"op":"add","path":"/address/-","value":{"use":"work","line":["1"],"period":{"start":"2026-01-01","end":"2026-07-01"}}}`, unsupportedValue, "Unsupported value - 'work' in field 'address/1/use'"},
	{"future period", `{"op":"add","path":"/name/-","value":{"use":"old","family":"A","period":{"start":"2026-06-16"}}}`, invalidUpdate, "Invalid update with error - 'name/1/period/start' is in the future"},
	{"end before start", `{"op":"add","path":"/name/-","value":{"use":"old","family":"A","period":{"start":"2026-06-01","end":"2026-05-01"}}}`, invalidUpdate, "Invalid update with error - 'name/1/period/end' is before 'name/1/period/start'"},
	{"no start", `{"op":"add","path":"/name/-","value":{"use":"old","family":"A","period":{"end":"2026-05-01"}}}`, missingValue, "Missing value - 'name/1/period/start'"},
	{"characters", `{"op":"replace","path":"/name/0/id","value":"123"},{"op":"replace","path":"/name/0/family","value":"Sm#th"}`, unsupportedChars, "Unsupported characters in field 'name/0/family'"},
	{"title", `{"op":"add","path":"/name/-","value":{"use":"old","family":"A","prefix":["MR."]}}`, invalidValue, "Invalid value - 'MR' in field 'name/1/prefix/0' - expected Mr"},
	{"suffix", `{"op":"add","path":"/name/-","value":{"use":"old","family":"A","suffix":["phD"]}}`, invalidValue, "Invalid value - 'phD' in field 'name/1/suffix/0' - expected a text that begins with A to Z"},
	{"official name", `{"op":"add","path":"/name/-","value":{"use":"official","family":"A"}}`, invalidValue, "Invalid value - 'official' in field 'name/1/use' - expected one of usual, temp, nickname, old, maiden"},
	{"long name", `{"op":"add","path":"/name/-","value":{"use":"old","family":"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJK"}}`, invalidValue, "Invalid value - 'ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJK' in field 'name/1/family' - expected at most 35 characters"},
	{"another use", `{"op":"replace","path":"/name/0","value":{"id":"123","use":"old","family":"A"}},{"op":"add","path":"/name/-","value":{"use":"usual","family":"A","given":["B"]}}`, forbiddenUpdate, "Forbidden update with error - the use of an existing name cannot be replaced: remove 'name/0' and add another"},
	{"date without status", `{"op":"add","path":"/deceasedDateTime","value":"2026-06-01"}`, invalidUpdate, "Invalid update with error - 'deceasedDateTime' was added without a death notification status"},
	{"status without date", `{"op":"add","path":"/extension/-","value":` + strings.ReplaceAll(deathOf, "STATUS", "1") + `}`, invalidUpdate, "Invalid update with error - a death notification status was added without 'deceasedDateTime'"},
	{"formal death", strings.ReplaceAll(dies, "STATUS", "2"), forbiddenUpdate, "Forbidden update with error - source not permitted to add a formal death notification"},
	{"death removed", strings.ReplaceAll(dies, "STATUS", "U"), unsupportedValue, "Unsupported value - 'U' in field 'extension/" + deathURL + "'"},
	{"death tomorrow", strings.ReplaceAll(informal(), "2026-06-14", "2026-06-16"), invalidUpdate, "Invalid update with error - 'deceasedDateTime' is in the future"},
	{"death before birth", strings.ReplaceAll(informal(), "2026-06-14", "2001-06-16"), invalidUpdate, "Invalid update with error - 'deceasedDateTime' is before 'birthDate'"},
	{"birth tomorrow", `{"op":"replace","path":"/birthDate","value":"2026-06-16"}`, invalidUpdate, "Invalid update with error - 'birthDate' is in the future"},
	{"birth on no day", `{"op":"replace","path":"/birthDate","value":"2026-02-30"}`, invalidValue, "Invalid value - '2026-02-30' in field 'birthDate' - expected a date such as 2024-12-31"},
	{"birth order", `{"op":"replace","path":"/multipleBirthInteger","value":10}`, invalidValue, "Invalid value - '10' in field 'multipleBirthInteger' - expected a whole number from 1 to 9"},
	{"practice removed", `{"op":"test","path":"/generalPractitioner/0/id","value":"254406A3"},{"op":"remove","path":"/generalPractitioner/0"}`, forbiddenUpdate, "Forbidden update with error - source not permitted to remove 'generalPractitioner'"},
	{"second practice", `{"op":"add","path":"/generalPractitioner/-","value":{"identifier":{"value":"A20047"}}}`, tooManyValues, "Too many values - 'generalPractitioner' has 2, expected at most 1"},
	{"no practice", `{"op":"replace","path":"/generalPractitioner/0","value":{"id":"254406A3","identifier":{"value":"RWF"}}}`, invalidValue, "Invalid value - 'RWF' in field 'generalPractitioner/0/identifier/value' - expected the ODS code of an open GP practice of the directory"},
	{"practice with end", `{"op":"replace","path":"/generalPractitioner/0","value":{"id":"254406A3","identifier":{"value":"A20047","period":{"start":"2026-01-01","end":"2026-02-01"}}}}`, invalidUpdate, "Invalid update with error - 'generalPractitioner/0/identifier/period/end' must not be sent"},
	{"managing", `{"op":"add","path":"/managingOrganization","value":{"identifier":{"value":"A20047"}}}`, forbiddenUpdate, "Forbidden update with error - source not permitted to change 'managingOrganization'"},
	{"email", `{"op":"replace","path":"/telecom/1/id","value":"790"},{"op":"replace","path":"/telecom/1/value","value":"jane"}`, invalidValue, "Invalid value - 'jane' in field 'telecom/1/value' - expected an email address of 7 to 89 characters"},
	{"telecom's use", `{"op":"replace","path":"/telecom/0/id","value":"789"},{"op":"replace","path":"/telecom/0/use","value":"work"}`, invalidUpdate, "Invalid update with error - the system and use of 'telecom/0' cannot be replaced: remove it and add another"},
	{"second telecom", `{"op":"add","path":"/telecom/-","value":{"system":"phone","use":"home","value":"01"}}`, invalidUpdate, "Invalid update with error - the record has a telecom 'phone home' already: replace it"},
	{"contact by fax", `{"op":"add","path":"/contact/-","value":{"relationship":[{"coding":[{"code":"C"}]}],"telecom":[{"system":"fax","value":"01"}]}}`, invalidValue, "Invalid value - 'fax' in field 'contact/1/telecom/0/system' - expected one of phone, email, other"},
	{"contact's use", `{"op":"add","path":"/contact/-","value":{"relationship":[{"coding":[{"code":"C"}]}],"telecom":[{"system":"phone","use":"home","value":"01"}]}}`, additionalProperty, "Invalid request with error - Additional properties are not allowed ('use' was unexpected) in 'contact/1/telecom/0'"},
	{"contact of another kind", `{"op":"add","path":"/contact/-","value":{"relationship":[{"coding":[{"code":"N"}]}],"telecom":[{"system":"phone","value":"01"}]}}`, invalidValue, "Invalid value - 'N' in field 'contact/1/relationship/0/coding/0/code' - expected one of C"},
	{"contact without relationship", `{"op":"add","path":"/contact/-","value":{"telecom":[{"system":"phone","value":"01"}]}}`, missingValue, "Missing value - 'contact/1/relationship'"},
	{"no telecom", `{"op":"add","path":"/contact/-","value":{"relationship":[{"coding":[{"code":"C"}]}],"telecom":[]}}`, tooFewValues, "Too few values - 'contact/1/telecom' has 0, expected at least 1"},
	{"unknown extension", `{"op":"add","path":"/extension/-","value":{"url":"http://example.com"}}`, invalidValue, ""},
	{"second extension", `{"op":"add","path":"/extension/-","value":` + communication + `}`, tooManyValues, ""},
	{"English", `{"op":"replace","path":"/extension/3","value":` + strings.ReplaceAll(communication, `"de"`, `"en"`) + `}`, invalidValue, "Invalid value - 'en' in field 'extension/3/extension/0/valueCodeableConcept/coding/0/code' - expected a code of UKCore-HumanLanguage other than en"},
	{"times without method", `{"op":"replace","path":"/extension/4","value":{"url":"` + preferenceURL + `","extension":[{"url":"PreferredContactTimes","valueString":"x"}]}}`, invalidUpdate, "Invalid update with error - 'extension/4' has PreferredContactTimes without PreferredContactMethod"},
	{"removal from registration", `{"op":"add","path":"/extension/-","value":{"url":"` + removalURL + `"}}`, forbiddenUpdate, "Forbidden update with error - source not permitted to change 'extension/6'"},
	{"extension without url", `{"op":"replace","path":"/extension/0/valueReference/identifier/value","value":"Y99999"}`, invalidUpdate, "Invalid update with error - no id or url found for path with root /extension/0"},
	{"a number as a name", `{"op":"replace","path":"/name/0/id","value":"123"},{"op":"replace","path":"/name/0/family","value":7}`, invalidValue, "Invalid value - '7' in field 'name/0/family' - expected a text"},
	{"an index with a zero", `{"op":"test","path":"/name/00/id","value":"123"}`, invalidUpdate, "Invalid update with error - Invalid patch - '00' is not an index of a list"},
}

func TestRefusedPatches(t *testing.T) {
	for _, c := range refusedPatches {
		t.Run(c.name, func(t *testing.T) {
			fx := start(t)
			got := fx.patch(smith, c.patches)
			code, diagnostics := got.code()
			if code != c.code || c.diagnostics != "" && diagnostics != c.diagnostics {
				t.Errorf("%d %s: %s\nwant %s: %s", got.status, code, diagnostics, c.code, c.diagnostics)
			}
			if want := map[string]int{forbiddenUpdate: 403}[c.code]; want != 0 && got.status != want || want == 0 && got.status != 400 {
				t.Errorf("status %d", got.status)
			}
			if diff := cmp.Diff(janeSmith(smith), fx.records.all[smith], equal); diff != "" {
				t.Errorf("the record has changed\n%s", diff)
			}
			if n := len(fx.audited); n != 1 || fx.audited[0].Outcome != c.code || fx.audited[0].Patient.Digits() != smith {
				t.Errorf("%d entries: %+v", n, fx.audited)
			}
		})
	}
}

// acceptedPatches are patches with what they change of a record.
var acceptedPatches = []struct {
	name, patches string
	change        func(*demographics.Record)
}{
	{"gender", `{"op":"replace","path":"/gender","value":"male"}`, func(r *demographics.Record) { r.Gender = "male" }},
	{"parts of an address", `{"op":"replace","path":"/address/0/id","value":"456"},{"op":"replace","path":"/address/0/line/0","value":"2 Whitehall Quay"},{"op":"replace","path":"/address/0/postalCode","value":"LS1 4BU"}`,
		func(r *demographics.Record) {
			r.Addresses[0].Lines, r.Addresses[0].Postcode = []string{"2 Whitehall Quay", "Boar Lane", "Leeds", "West Yorkshire"}, "LS1 4BU"
		}},
	{"a whole address without a period", `{"op":"replace","path":"/address/0","value":{"id":"456","use":"home","line":["","2 Whitehall Quay","","Leeds",""],"postalCode":"LS1 4BU"}}`,
		func(r *demographics.Record) {
			r.Addresses[0] = demographics.Address{ID: "456", Use: "home", Lines: []string{"2 Whitehall Quay", "Leeds"}, Postcode: "LS1 4BU", Period: demographics.Period{Start: "2026-06-15"}}
		}},
	{"a temporary address", `{"op":"add","path":"/address/-","value":{"id":"mine","use":"temp","text":"Second Home","line":["1"],"period":{"start":"2026-06-01","end":"2026-07-01"}}}`,
		func(r *demographics.Record) {
			r.Addresses = append(r.Addresses, demographics.Address{ID: "NEW1", Use: "temp", Text: "Second Home", Lines: []string{"1"}, Period: demographics.Period{Start: "2026-06-01", End: "2026-07-01"}})
		}},
	{"a name", `{"op":"add","path":"/name/-","value":{"use":"old","period":{"start":"2019-12-31"},"prefix":["Dr."],"given":["Joe","Horation Maximus"],"family":"Bloggs","suffix":["PhD"]}}`,
		func(r *demographics.Record) {
			r.Names = append(r.Names, demographics.Name{ID: "NEW1", Use: "old", Prefix: []string{"Dr"}, Given: []string{"Joe", "Horation", "Maximus"}, Family: "Bloggs", Suffix: []string{"PhD"}, Period: demographics.Period{Start: "2019-12-31"}})
		}},
	{"a given name, named by add", `{"op":"add","path":"/name/0/id","value":"123"},{"op":"add","path":"/name/0/given/0","value":"Rose"}`, func(r *demographics.Record) { r.Names[0].Given = []string{"Rose", "Jane", "Anne"} }},
	{"suffixes replaced", `{"op":"add","path":"/name/0/id","value":"123"},{"op":"add","path":"/name/0/suffix","value":["PhD","MBBS"]}`, func(r *demographics.Record) { r.Names[0].Suffix = []string{"PhD", "MBBS"} }},
	{"a suffix removed", `{"op":"test","path":"/name/0/id","value":"123"},{"op":"remove","path":"/name/0/suffix/0"}`, func(r *demographics.Record) { r.Names[0].Suffix = nil }},
	{"two telecoms removed, tested by id", `{"op":"test","path":"/telecom/0/id","value":"789"},{"op":"remove","path":"/telecom/0"},{"op":"test","path":"/telecom/0/id","value":"790"},{"op":"remove","path":"/telecom/0"}`, func(r *demographics.Record) { r.Telecoms = nil }},
	{"a contact removed, tested as a whole", `{"op":"test","path":"/contact/0","value":{"id":"C123","period":{"start":"2020-01-01"},"relationship":[{"coding":[{"system":"` + contactSystem + `","code":"C","display":"Emergency Contact"}]}],"telecom":[{"system":"phone","value":"01632960588"}]}},{"op":"remove","path":"/contact/0"}`,
		func(r *demographics.Record) { r.Contacts = nil }},
	{"a contact's number keeps its name", `{"op":"replace","path":"/contact/0/id","value":"C123"},{"op":"replace","path":"/contact/0/telecom/0/value","value":"0113"}`, func(r *demographics.Record) { r.Contacts[0].Phone = "0113" }},
	{"an extension removed by its url", `{"op":"test","path":"/extension/1/url","value":"` + dispenserURL + `"},{"op":"remove","path":"/extension/1"}`, func(r *demographics.Record) { r.Dispenser = "" }},
	{"the pharmacy", `{"op":"replace","path":"/extension/0","value":{"url":"` + pharmacyURL + `","valueReference":{"identifier":{"system":"` + odsSystem + `","value":"FA123"}}}}`, func(r *demographics.Record) { r.Pharmacy = "FA123" }},
	{"the pharmacy's code", `{"op":"test","path":"/extension/0/url","value":"` + pharmacyURL + `"},{"op":"replace","path":"/extension/0/valueReference/identifier/value","value":"FA123"}`, func(r *demographics.Record) { r.Pharmacy = "FA123" }},
	{"an extension of an extension", `{"op":"replace","path":"/extension/3/extension/1","value":{"url":"interpreterRequired","valueBoolean":false}}`, func(r *demographics.Record) { r.Interpreter = false }},
	{"the language", `{"op":"replace","path":"/extension/3","value":` + communication + `}`, func(r *demographics.Record) { r.Language, r.Interpreter = "de", false }},
	{"place of birth", `{"op":"replace","path":"/extension/5","value":{"url":"` + birthplaceURL + `","valueAddress":{"city":"Leeds"}}}`, func(r *demographics.Record) { r.Birthplace = &demographics.Birthplace{City: "Leeds"} }},
	{"a death", informal(), func(r *demographics.Record) {
		r.Death = &demographics.Death{Status: "1", At: "2026-06-14T10:00:00+00:00", Effective: now}
	}},
	{"another practice", `{"op":"replace","path":"/generalPractitioner/0","value":{"id":"254406A3","type":"Organization","identifier":{"system":"` + odsSystem + `","value":"A20047","period":{"start":"2026-06-01"}}}}`,
		func(r *demographics.Record) {
			r.Practice = &demographics.Registration{ID: "254406A3", Practice: "A20047", Start: "2026-06-01"}
		}},
	{"another practice's code", `{"op":"replace","path":"/generalPractitioner/0/id","value":"254406A3"},{"op":"replace","path":"/generalPractitioner/0/identifier/value","value":"A20047"}`, func(r *demographics.Record) { r.Practice.Practice = "A20047" }},
	{"birth order", `{"op":"replace","path":"/multipleBirthInteger","value":8}`, func(r *demographics.Record) { r.BirthOrder = 8 }},
}

func TestAcceptedPatches(t *testing.T) {
	for _, c := range acceptedPatches {
		t.Run(c.name, func(t *testing.T) {
			fx := start(t)
			got := fx.patch(smith, c.patches)
			if code, diagnostics := got.code(); got.status != 200 {
				t.Fatalf("%d %s: %s", got.status, code, diagnostics)
			}
			want := janeSmith(smith)
			c.change(&want)
			want.SCN = 3
			if diff := cmp.Diff(want, fx.records.all[smith], equal); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if tag := got.header.Get("ETag"); tag != `W/"3"` || at(got.body, "meta", "versionId") != "3" {
				t.Errorf("%s, %v", tag, at(got.body, "meta"))
			}
		})
	}
}

// A request that is sent again has the result of the first one; another one refers
// to a version that is gone.
func TestPatchAgain(t *testing.T) {
	fx := start(t)
	body := `{"patches":[{"op":"replace","path":"/gender","value":"male"}]}`
	id := map[string]string{"X-Request-ID": uuid.NewString()}
	for range 3 {
		if got := fx.ask("PATCH", "/Patient/"+smith, body, id); got.status != 200 || got.header.Get("ETag") != `W/"3"` {
			t.Fatalf("%d %v", got.status, got.body)
		}
	}
	if got := fx.ask("PATCH", "/Patient/"+smith, body, nil); got.status != 409 {
		t.Errorf("%d", got.status)
	} else if code, _ := got.code(); code != versionMismatch {
		t.Error(code)
	}
	if got := fx.ask("PATCH", "/Patient/"+smith, body, map[string]string{"If-Match": `W/"0"`}); got.status != 409 {
		t.Errorf("version 0: %d", got.status)
	}
	// What changes nothing makes no version.
	if got := fx.ask("PATCH", "/Patient/"+smith, body, map[string]string{"If-Match": `W/"3"`}); got.status != 200 || got.header.Get("ETag") != `W/"3"` {
		t.Errorf("%d %v", got.status, got.body)
	}
}

// Members beside the patches say nothing.
func TestOtherMembersOfABody(t *testing.T) {
	fx := start(t)
	if got := fx.ask("PATCH", "/Patient/"+smith, `{"correction":true,"patches":[{"op":"replace","path":"/gender","value":"male"}]}`, nil); got.status != 200 {
		t.Errorf("%d %v", got.status, got.body)
	}
}

// A death cannot be taken back, and a formal one not replaced.
func TestDeaths(t *testing.T) {
	fx := start(t)
	fx.patch(smith, informal())
	for _, c := range []struct{ patches, code string }{
		{`{"op":"remove","path":"/deceasedDateTime"}`, forbiddenUpdate},
		{`{"op":"test","path":"/extension/3/url","value":"` + deathURL + `"},{"op":"remove","path":"/extension/3"}`, forbiddenUpdate},
		{`{"op":"replace","path":"/deceasedDateTime","value":"2026-06-13"}`, ""},
	} {
		version := fx.get("/Patient/" + smith).header.Get("ETag")
		got := fx.ask("PATCH", "/Patient/"+smith, `{"patches":[`+c.patches+`]}`, map[string]string{"If-Match": version})
		if code, diagnostics := got.code(); code != c.code {
			t.Errorf("%s: %s %s", c.patches, code, diagnostics)
		}
	}
	r := fx.records.all[smith]
	r.Death = &demographics.Death{Status: "2", At: "2026-06-14", Effective: now}
	fx.records.all[smith] = r
	got := fx.ask("PATCH", "/Patient/"+smith, `{"patches":[{"op":"replace","path":"/deceasedDateTime","value":"2026-06-13"}]}`, map[string]string{"If-Match": `W/"4"`})
	if code, _ := got.code(); code != forbiddenUpdate {
		t.Errorf("formal: %d %s", got.status, code)
	}
}

// Whatever a patch says, the answer is a Patient or a refusal, and a refusal changes
// nothing.
func FuzzPatch(f *testing.F) {
	for _, c := range refusedPatches {
		f.Add(c.patches)
	}
	for _, c := range acceptedPatches {
		f.Add(c.patches)
	}
	f.Add(`{"op":"add","path":"/name/0/given/-","value":null},{"op":"add","path":"/~0~1/","value":[]}`)
	f.Fuzz(func(t *testing.T, patches string) {
		fx := start(t)
		got := fx.patch(smith, patches)
		if got.status >= 500 {
			t.Fatalf("%d: %v", got.status, got.body)
		}
		if got.status == 200 {
			r := fx.records.all[smith]
			if err := r.Check(); err != nil {
				t.Fatal(err)
			}
			if _, fault := decode(demographics.Record{NHSNumber: r.NHSNumber}, object{}, treeOf(encode(withIDs(withoutHistory(r)), editable)), "2026-06-15", randomID); fault != nil {
				t.Fatalf("what was stored does not read: %v", fault)
			}
		} else if !cmp.Equal(janeSmith(smith), fx.records.all[smith], equal) {
			t.Fatalf("%d changed the record", got.status)
		}
	})
}

// withoutHistory leaves out what cannot be sent: removals and effective dates are PDS's own.
func withoutHistory(r demographics.Record) demographics.Record {
	r = r.Clone()
	r.Removal = nil
	return r
}

// FuzzParse: no body makes it panic.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"patches":[{"op":"test","path":"/a~1b","value":1}]}`))
	f.Add([]byte(`[{"op":"remove","path":"/"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		patches, fault := parsePatches(body)
		if (fault == nil) != (len(patches) > 0) {
			t.Fatalf("%d patches, %v", len(patches), fault)
		}
		if fault != nil && !json.Valid([]byte(fault.Code)) && !slices.Contains(sortedCodes(), fault.Code) {
			t.Fatal(fault.Code)
		}
	})
}

func sortedCodes() (out []string) {
	for code := range meanings {
		out = append(out, code)
	}
	return out
}

// BenchmarkEdit is what a change costs before anything is stored.
func BenchmarkEdit(b *testing.B) {
	fx := start(b)
	patches, fault := parsePatches([]byte(`{"patches":[{"op":"replace","path":"/address/0/id","value":"456"},{"op":"replace","path":"/address/0/line/0","value":"2 Whitehall Quay"}]}`))
	if fault != nil {
		b.Fatal(fault)
	}
	x := &exchange{r: httptest.NewRequestWithContext(b.Context(), "PATCH", "/", nil)}
	b.ReportAllocs()
	for b.Loop() {
		r := janeSmith(smith)
		if err := fx.api.edit(x, &r, patches); err != nil {
			b.Fatal(err)
		}
	}
}
