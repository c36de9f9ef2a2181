package pdstest

import (
	"encoding/json"
	"net/http"
	"time"

	"nems/internal/directory"
)

// reply is the answer that a well-behaved service would give.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (a *reply) json(status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // cannot happen: maps and strings can be encoded
	}
	a.status, a.body = status, body
	a.header.Set("Content-Type", "application/json;charset=UTF-8")
}

// object is a JSON object.
type object = map[string]any

// outcome makes the reply an OperationOutcome with a Spine code.
func (a *reply) outcome(status int, code string) {
	coding := object{"system": "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode", "version": "1", "code": code, "display": code}
	a.json(status, object{"resourceType": "OperationOutcome", "issue": []object{{
		"severity": "error", "code": "processing", "details": object{"coding": []object{coding}},
	}}})
	a.header.Set("Content-Type", "application/fhir+json")
}

// long is a period that began long ago and goes on.
var long = object{"start": "1948-07-05"}

// over is a period that ended.
var over = object{"start": "1948-07-05", "end": "1950-01-01"}

// record makes the reply a Patient as PDS writes it, with further names and
// addresses that do not count. If the patient is flagged S, place and practice
// are missing.
func (a *reply) record(p directory.Patient) {
	number := p.NHSNumber
	if !p.SupersededBy.IsZero() {
		number = p.SupersededBy
	}
	code := "U"
	if p.Sensitive {
		code = "R"
	}
	r := object{
		"resourceType": "Patient", "id": number.Digits(),
		"identifier": []object{{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number.Digits()}},
		"meta": object{"versionId": "2", "security": []object{
			{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": code},
		}},
	}
	if p.Family != "" {
		r["name"] = []object{
			{"use": "nickname", "period": long, "family": "Decoy", "given": []string{"Nick"}},
			{"use": "usual", "period": over, "family": "Former", "given": []string{"Once"}},
			{"use": "usual", "period": long, "family": p.Family, "given": p.Given},
		}
	}
	if !p.BirthDate.IsZero() {
		r["birthDate"] = p.BirthDate.Format(time.DateOnly)
	}
	if !p.Sensitive {
		place(r, p)
	}
	a.json(http.StatusOK, r)
	a.header.Set("Content-Type", "application/fhir+json; charset=utf-8")
	a.header.Set("ETag", `W/"2"`)
}

// place adds where the patient lives and is registered.
func place(r object, p directory.Patient) {
	homes := []object{
		{"use": "temp", "period": long, "postalCode": "EX2 5SE", "text": "Holiday Home"},
		{"use": "home", "period": over, "postalCode": "TR1 1XU"},
	}
	if p.Postcode != "" {
		homes = append(homes, object{"use": "home", "period": long, "postalCode": p.Postcode, "line": []string{"", "1 Trevelyan Square"}})
	}
	r["address"] = homes
	if p.GP != "" {
		r["generalPractitioner"] = []object{{"id": "254406A3", "type": "Organization", "identifier": object{
			"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": string(p.GP), "period": long,
		}}}
	}
}
