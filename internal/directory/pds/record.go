package pds

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"nems/internal/directory"
	"nems/internal/nhs"
)

// record is what PDS has about a patient, before dates are compared with today.
type record struct {
	invalidated bool // if true, nothing else is known
	id          nhs.NHSNumber
	resource    resource
}

// The parts of a Patient that routing needs (Patient.yaml and the schemas that
// it names). Member names are compared exactly. A repeated member is refused,
// and so is text that is not UTF-8, because other readers would understand
// those differently.
type (
	resource struct {
		Type       string       `json:"resourceType"`
		ID         string       `json:"id"`
		Identifier []identifier `json:"identifier"`
		Meta       struct {
			Security []struct {
				Code string `json:"code"`
			} `json:"security"`
		} `json:"meta"`
		Name      []name    `json:"name"`
		BirthDate string    `json:"birthDate"`
		Address   []address `json:"address"`
		GP        []struct {
			Identifier identifier `json:"identifier"`
		} `json:"generalPractitioner"`
	}
	identifier struct {
		System string `json:"system"`
		Value  string `json:"value"`
		Period period `json:"period"`
	}
	name struct {
		Use    string   `json:"use"`
		Period period   `json:"period"`
		Family string   `json:"family"`
		Given  []string `json:"given"`
	}
	address struct {
		Use      string `json:"use"`
		Period   period `json:"period"`
		Postcode string `json:"postalCode"`
	}
	period struct {
		Start string `json:"start"`
		End   string `json:"end"`
	}
)

// The systems of identifiers.
const (
	numberSystem = "https://fhir.nhs.uk/Id/nhs-number"
	odsSystem    = "https://fhir.nhs.uk/Id/ods-organization-code"
)

var errNoPatient = errors.New("pds: not a Patient with an NHS number")

// parseRecord reads a Patient. Its id must be an NHS number, and the same one
// that its identifier has.
func parseRecord(body []byte) (record, error) {
	var r record
	if err := json.Unmarshal(body, &r.resource); err != nil || r.resource.Type != "Patient" {
		return record{}, errNoPatient // the decoder's error may quote the text
	}
	var err error
	if r.id, err = nhs.ParseNHSNumber(r.resource.ID); err != nil || r.id.Digits() != r.resource.ID {
		return record{}, errNoPatient
	}
	for _, i := range r.resource.Identifier {
		if i.System == numberSystem && i.Value != r.resource.ID {
			return record{}, errNoPatient
		}
	}
	if slices.Contains(r.confidentiality(), redacted) {
		r.invalidated = true
	}
	return r, nil
}

// The codes of meta.security (Meta.yaml). Every code other than unrestricted
// counts as restricted: R, V, and codes that PDS may introduce.
const (
	unrestricted = "U"
	redacted     = "REDACTED"
)

func (r record) confidentiality() []string {
	var codes []string
	for _, s := range r.resource.Meta.Security {
		codes = append(codes, s.Code)
	}
	return codes
}

// patient converts the record to the directory's form, for the requested
// number, as of a moment.
func (r record) patient(asked nhs.NHSNumber, now time.Time) directory.Patient {
	p := directory.Patient{NHSNumber: asked, Invalid: r.invalidated}
	if r.invalidated {
		return p
	}
	if r.id != asked {
		p.SupersededBy = r.id
	}
	p.Sensitive = slices.ContainsFunc(r.confidentiality(), func(code string) bool { return code != unrestricted })
	today := now.UTC().Format(time.DateOnly)
	p.Family, p.Given = r.resource.usualName(today)
	// PDS has a few birth dates without a day or month. They count as missing.
	p.BirthDate, _ = time.Parse(time.DateOnly, r.resource.BirthDate)
	p.Postcode = r.resource.homePostcode(today)
	p.GP = r.resource.practice(today)
	return p
}

// usualName returns the name that the patient uses today. PDS always has a
// usual name, except where a record is restricted or incomplete. If all have
// ended, it is the latest. Each given name is one item; the first may have
// several words.
func (r *resource) usualName(today string) (family string, given []string) {
	usual := ofUse(r.Name, func(n name) (string, period) { return n.Use, n.Period }, "usual")
	if len(usual) == 0 {
		return "", nil
	}
	best := usual[0]
	if i := slices.IndexFunc(usual, func(n name) bool { return n.Period.covers(today) }); i >= 0 {
		best = usual[i]
	}
	for _, g := range best.Given {
		if g = strings.TrimSpace(g); g != "" {
			given = append(given, g)
		}
	}
	return strings.TrimSpace(best.Family), given
}

// homePostcode returns the postcode of today's home address; "" where it is unknown.
func (r *resource) homePostcode(today string) string {
	for _, a := range ofUse(r.Address, func(a address) (string, period) { return a.Use, a.Period }, "home") {
		if a.Period.covers(today) {
			postcode, _ := directory.NormalPostcode(a.Postcode)
			return postcode
		}
	}
	return ""
}

// practice returns today's practice, "" if the patient is registered with none.
// Periods matter, because generalPractitioner also lists the former practice.
func (r *resource) practice(today string) nhs.ODSCode {
	for _, gp := range r.GP {
		i := gp.Identifier
		if (i.System == odsSystem || i.System == "") && i.Period.covers(today) {
			code, _ := nhs.ParseODSCode(i.Value)
			return code
		}
	}
	return ""
}

// ofUse selects the entries of a use, the one that began last first.
func ofUse[E any](all []E, of func(E) (string, period), use string) []E {
	var picked []E
	for _, e := range all {
		if is, _ := of(e); is == use {
			picked = append(picked, e)
		}
	}
	slices.SortStableFunc(picked, func(a, b E) int {
		_, first := of(a)
		_, second := of(b)
		return cmp.Compare(second.Start, first.Start)
	})
	return picked
}

// covers reports whether a day lies in the period, both ends included. A
// missing end is open. Days are compared as texts, which also works for a month
// or a year that stands for the whole of it.
func (p period) covers(today string) bool {
	return upTo(p.Start, today) <= 0 && (p.End == "" || upTo(p.End, today) >= 0)
}

// upTo compares a date with a day, as far as the date is precise and at most up to the day.
func upTo(date, today string) int {
	date = date[:min(len(date), len(today))]
	return strings.Compare(date, today[:len(date)])
}

// spineCode returns the Spine code in an OperationOutcome; "" when there is
// none, or more than one.
func spineCode(body []byte) string {
	var outcome struct {
		Type  string `json:"resourceType"`
		Issue []struct {
			Details struct {
				Coding []struct {
					Code string `json:"code"`
				} `json:"coding"`
			} `json:"details"`
		} `json:"issue"`
	}
	if err := json.Unmarshal(body, &outcome); err != nil || outcome.Type != "OperationOutcome" {
		return ""
	}
	if len(outcome.Issue) != 1 || len(outcome.Issue[0].Details.Coding) != 1 {
		return ""
	}
	return outcome.Issue[0].Details.Coding[0].Code
}
