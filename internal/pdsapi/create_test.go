package pdsapi

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

const registering = `{"url":"` + registeringURL + `","extension":[{"url":"registeringAuthorityType","valueCodeableConcept":{"coding":[{"system":"https://fhir.nhs.uk/CodeSystem/UKCore-RegisteringAuthorityType","code":"x"}]}},{"url":"organisationIdentifier","valueString":"RGS"}]}`

const newPatient = `{"resourceType":"Patient","name":[{"use":"usual","given":["Jane"],"family":"Edwards","prefix":["Mrs"],"period":{"start":"1986-07-01"}}],
	"address":[{"use":"home","line":["","1 Trevelyan Square","","Leeds",""],"period":{"start":"2020-01-01"},"postalCode":"LS1 6AE"}],
	"gender":"female","birthDate":"1982-07-10","telecom":[{"use":"home","system":"phone","value":"123342"}],"extension":[` + registering + `]}`

func (fx *fixture) post(path, body, id string) reply {
	fx.t.Helper()
	return fx.ask("POST", path, body, map[string]string{"Content-Type": "application/json", "X-Request-ID": id})
}

// A new patient gets a number of the range for tests, the same one if the request is
// sent again. Who has a record gets none.
func TestCreate(t *testing.T) {
	fx := start(t)
	id := uuid.NewString()
	first := fx.post("/Patient", newPatient, id)
	digits, _ := first.body["id"].(string)
	if first.status != 201 || !strings.HasPrefix(digits, "999") || at(first.body, "meta", "versionId") != "1" || at(first.body, "address", 0, "line", 0) != "1 Trevelyan Square" || at(first.body, "name", 0, "id") == nil {
		t.Fatalf("%d %v", first.status, first.body)
	}
	if again := fx.post("/Patient", newPatient, id); again.status != 201 || again.body["id"] != digits {
		t.Errorf("again: %d %v", again.status, again.body)
	}
	got := fx.post("/Patient", newPatient, uuid.NewString())
	if code, diagnostics := got.code(); got.status != 200 || code != singleMatch || diagnostics != "Unable to create new patient. NHS number "+digits+" found for supplied demographic data." {
		t.Errorf("%d %s %s", got.status, code, diagnostics)
	}
	if got := fx.get("/Patient/" + digits); got.status != 200 || got.body["birthDate"] != "1982-07-10" {
		t.Errorf("%d %v", got.status, got.body)
	}
}

func TestRefusedCreates(t *testing.T) {
	for _, c := range []struct{ from, to, code, diagnostics string }{
		{`"address":[`, `"contact":[`, additionalProperty, ""},
		{`"gender":"female",`, ``, missingValue, "Missing value - 'gender'"},
		{`"gender":"female"`, `"gender":"other"`, invalidValue, "Invalid value - 'other' in field 'gender'"},
		{`"period":{"start":"2020-01-01"},`, ``, missingValue, "Missing value - 'address/0/period'"},
		{`"1982-07-10"`, `"not-a-date"`, invalidValue, "Invalid value - 'not-a-date' in field 'birthDate' - expected a date such as 2024-12-31"},
		{`"1982-07-10"`, `"2082-07-10"`, invalidUpdate, "Invalid update with error - 'birthDate' is in the future"},
		{`"use":"usual"`, `"use":"old"`, invalidValue, "Invalid value - 'old' in field 'name/0/use' - expected usual"},
		{`"Edwards"`, `"Ed#wards"`, unsupportedChars, "Unsupported characters in field 'name/0/family'"},
		{registering, ``, missingValue, "Missing value - 'extension/" + registeringURL + "'"},
		{`"RGS"`, `"R G"`, invalidValue, "Invalid value - 'R G' in field 'extension/0/extension/1/valueString' - expected an ODS code"},
		{`"resourceType":"Patient"`, `"resourceType":"Patient","pets":1`, additionalProperty, "Invalid request with error - Additional properties are not allowed ('pets' was unexpected)"},
		{newPatient, `[]`, invalidValue, ""},
		{newPatient, `{}`, missingValue, "Missing value - 'name'"},
	} {
		fx := start(t)
		got := fx.post("/Patient", strings.Replace(newPatient, c.from, c.to, 1), uuid.NewString())
		code, diagnostics := got.code()
		if got.status != 400 || code != c.code || c.diagnostics != "" && diagnostics != c.diagnostics {
			t.Errorf("%s: %d %s %q, want %s %q", c.to, got.status, code, diagnostics, c.code, c.diagnostics)
		}
	}
	fx := start(t)
	fx.api.Open = false
	if got := fx.post("/Patient", newPatient, uuid.NewString()); got.status != 401 {
		t.Errorf("in production: %d", got.status)
	}
	fx = closed(t)
	got := fx.ask("POST", "/Patient", newPatient, fx.bearer(writer))
	if code, _ := got.code(); got.status != 403 || code != invalidMethod {
		t.Errorf("in production: %d %s", got.status, code)
	}
}

// newBirth is the transaction of a birth, as PDS's own tests send one, shortened.
const newBirth = `{"resourceType":"Bundle","type":"transaction","entry":[
	{"fullUrl":"urn:uuid:c61b5c90-042b-4015-a1df-0d66868c80e1","request":{"method":"POST","url":"Patient"},"resource":{"resourceType":"Patient","name":[{"given":["Rose","Ann"],"family":"Smith","use":"usual","period":{"start":"2026-06-14"}}],
		"gender":"female","birthDate":"2026-06-14","_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthTime","valueDateTime":"2026-06-14T10:15:00+00:00"}]},
		"address":[{"use":"home","line":["1 Trevelyan Square","Leeds"],"period":{"start":"2026-06-14"},"postalCode":"LS1 6AE"}],"multipleBirthInteger":2,
		"extension":[` + registering + `,{"url":"` + ethnicityURL + `","valueCodeableConcept":{"coding":[{"code":"B"}]}},{"url":"` + birthplaceURL + `","valueAddress":{"text":"St Mary's","city":"Manchester","country":"1"}}]}},
	{"resource":{"resourceType":"Observation","code":{"coding":[{"code":"364589006"}]},"valueQuantity":{"value":2900}}},
	{"resource":{"resourceType":"Observation","code":{"coding":[{"code":"237364002"}]},"valueCodeableConcept":{"coding":[{"code":"1"}]}}},
	{"resource":{"resourceType":"Observation","code":{"coding":[{"code":"268477000"}]},"valueQuantity":{"value":38}}},
	{"resource":{"resourceType":"Observation","code":{"coding":[{"code":"246435002"}]},"valueInteger":2}},
	{"resource":{"resourceType":"Observation","code":{"coding":[{"code":"66091009"}]},"valueCodeableConcept":{"coding":[{"code":"N"}]}}},
	{"resource":{"resourceType":"RelatedPerson","identifier":[{"value":"9000000009"}],"relationship":[{"coding":[{"code":"GESTM"}]}]}},
	{"resource":{"resourceType":"Patient","identifier":[{"value":"9000000009"}],"name":[{"family":"Smith","given":["Jane"]}],"birthDate":"1990-01-01"}},
	{"resource":{"resourceType":"Location","identifier":[{"value":"RR8G5"}]}},
	{"resource":{"resourceType":"CareTeam","participant":[{"role":[{"text":"Partner child health"}],"member":{"identifier":{"value":"XYZ123"}}},{"role":[{"text":"Responsible child health"}],"member":{"identifier":{"value":"Y98765"}}}]}},
	{"resource":{"resourceType":"Practitioner","name":[{"family":"Dohn","given":["Joe"]}]}}]}`

func TestBirth(t *testing.T) {
	fx := start(t)
	id := uuid.NewString()
	got := fx.post("/Patient/$process-birth-details", newBirth, id)
	digits, _ := got.body["id"].(string)
	if got.status != 201 || !strings.HasPrefix(digits, "999") || got.header.Get("Notification-ID") == "" || got.body["multipleBirthInteger"] != 2.0 || at(got.body, "extension", 0, "valueAddress", "city") != "Manchester" {
		t.Fatalf("%d %v", got.status, got.body)
	}
	b := fx.records.births[0]
	if b.Mother != smith || b.WeightGrams != 2900 || b.GestationWeeks != 38 || b.Births != 2 || b.Authority != "RGS" || b.Place != "RR8G5" || b.ChildHealth != "Y98765" || strings.Join(b.Midwife, " ") != "Joe Dohn" {
		t.Errorf("%+v", b)
	}
	r := fx.records.all[digits]
	if r.Ethnicity != "B" || r.BirthTime != "2026-06-14T10:15:00+00:00" || r.Relatives[0].NHSNumber != smith {
		t.Errorf("%+v", r)
	}
	if again := fx.post("/Patient/$process-birth-details", newBirth, id); again.status != 201 || again.body["id"] != digits || len(fx.records.births) != 1 {
		t.Errorf("again: %d %v", again.status, again.body)
	}
	for _, c := range []struct{ from, to, code, diagnostics string }{
		{`"value":2900`, `"value":"2900"`, invalidValue, "Invalid value - '2900' in field 'entry/1/resource/valueQuantity/value' - expected a whole number from 1 to 9999"},
		{`"code":"364589006"`, `"code":"1"`, missingValue, "Missing value - 'entry/Observation 364589006'"},
		{`"valueCodeableConcept":{"coding":[{"code":"1"}]}`, `"valueCodeableConcept":{"coding":[{"code":"2"}]}`, unsupportedValue, "Unsupported value - '2' in field 'entry/2/resource/valueCodeableConcept/coding/0/code'"},
		{`"RelatedPerson","identifier":[{"value":"9000000009"}]`, `"RelatedPerson","identifier":[{"value":"9000000000"}]`, invalidValue, ""},
		{`"RelatedPerson","identifier":[{"value":"9000000009"}]`, `"RelatedPerson","identifier":[{"value":"9111231130"}]`, invalidValue, ""},
		{`"2026-06-14T10:15:00+00:00"`, `"2026-06-15T10:15:00+00:00"`, invalidValue, ""},
		{`"type":"transaction"`, `"type":"batch"`, invalidValue, "Invalid value - 'batch' in field 'type' - expected one of transaction"},
		{`"gender":"female",`, ``, missingValue, "Missing value - 'entry/0/resource/gender'"},
		{newBirth, `{"resourceType":"Bundle","type":"transaction","entry":[]}`, tooFewValues, ""},
		{newBirth, `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Location"}}]}`, missingValue, ""},
	} {
		got := fx.post("/Patient/$process-birth-details", strings.Replace(newBirth, c.from, c.to, 1), uuid.NewString())
		code, diagnostics := got.code()
		if got.status != 400 || code != c.code || c.diagnostics != "" && diagnostics != c.diagnostics {
			t.Errorf("%s: %d %s %q, want %s %q", c.to, got.status, code, diagnostics, c.code, c.diagnostics)
		}
	}
}

// Whatever the body of a birth is, the answer is one.
func FuzzBirth(f *testing.F) {
	f.Add(newBirth)
	f.Add(newPatient)
	f.Add(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient","name":null}}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		fx := start(t)
		for _, path := range []string{"/Patient", "/Patient/" + bornPath} {
			if got := fx.post(path, body, uuid.NewString()); got.status >= 500 {
				t.Fatalf("%s: %d %v", path, got.status, got.body)
			}
		}
	})
}
