package operator

import (
	"context"
	"errors"
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/directory"
	"nems/internal/nhs"
)

// DirectoryState says which parts of the directory there are.
type DirectoryState struct {
	Patients      bool `json:"patients"`
	Organisations bool `json:"organisations"`
	Postcodes     bool `json:"postcodes"`
}

// showDirectory says what the directory of this node has.
func (d Desk) showDirectory(ctx context.Context, _ None) (none DirectoryState, err error) {
	if d.Contents == nil {
		return none, errNoDirectory
	}
	has, err := d.Contents(ctx)
	return DirectoryState(has), err
}

var errNoDirectory = conflict("the directory is asked by a service that runs: start it")

// OrganisationRef names an organisation.
type OrganisationRef struct {
	Code nhs.ODSCode `path:"code"`
}

// FoundOrganisation is an organisation of the directory.
type FoundOrganisation struct {
	Code       nhs.ODSCode `json:"code"`
	Name       string      `json:"name"`
	Practice   bool        `json:"practice,omitempty" jsonschema:"it is a GP practice"`
	SubICB     nhs.ODSCode `json:"subIcb,omitempty" jsonschema:"the ICB sub-location of a practice"`
	SubICBName string      `json:"subIcbName,omitempty"`
	Closed     bool        `json:"closed,omitempty"`
}

// lookUpOrganisation finds an organisation by its ODS code, or NotFound.
func (d Desk) lookUpOrganisation(ctx context.Context, ref OrganisationRef) (none FoundOrganisation, err error) {
	code, err := nhs.ParseODSCode(string(ref.Code))
	if err != nil {
		return none, invalid("code", "code: %s", err)
	}
	if d.Organisations == nil {
		return none, errNoDirectory
	}
	o, err := d.Organisations.Organisation(ctx, code)
	if err != nil {
		return none, d.notFound(err, "organisation", string(code))
	}
	out := FoundOrganisation{Code: o.Code, Name: o.Name, Practice: o.Practice, SubICB: o.SubICB, Closed: o.Closed}
	if o.SubICB != "" {
		if parent, err := d.Organisations.Organisation(ctx, o.SubICB); err == nil {
			out.SubICBName = parent.Name
		}
	}
	return out, nil
}

// notFound makes NotFound of what the directory does not have.
func (d Desk) notFound(err error, what, name string) error {
	if errors.Is(err, directory.ErrNotFound) {
		return &Error{Code: NotFound, Message: "the directory has no " + what + " " + name}
	}
	return err
}

// PostcodeQuestion asks where a postcode lies.
type PostcodeQuestion struct {
	Postcode string `json:"postcode" jsonschema:"such as LS17 7DF, in any spacing"`
}

// FoundPostcode is where a postcode lies: what subscriptions by place go by.
type FoundPostcode struct {
	Postcode       string `json:"postcode"`
	SubICB         string `json:"subIcb,omitempty"`
	SubICBName     string `json:"subIcbName,omitempty"`
	LocalAuthority string `json:"localAuthority,omitempty"`
	Country        string `json:"country,omitempty"`
}

// lookUpPostcode says where a postcode lies, or NotFound.
func (d Desk) lookUpPostcode(ctx context.Context, q PostcodeQuestion) (none FoundPostcode, err error) {
	postcode, ok := directory.NormalPostcode(q.Postcode)
	if !ok {
		return none, invalid("postcode", "postcode: expected one such as LS17 7DF; received another text")
	}
	return d.placesOf(ctx, postcode)
}

func (d Desk) placesOf(ctx context.Context, postcode string) (none FoundPostcode, err error) {
	if d.Postcodes == nil {
		return none, errNoDirectory
	}
	places, err := d.Postcodes.Places(ctx, postcode)
	if err != nil {
		return none, d.notFound(err, "postcode", postcode)
	}
	out := FoundPostcode{Postcode: postcode, SubICB: places.SubICB, LocalAuthority: places.LocalAuthority, Country: places.Country}
	if d.Organisations != nil && places.SubICB != "" {
		if o, err := d.Organisations.Organisation(ctx, nhs.ODSCode(places.SubICB)); err == nil {
			out.SubICBName = o.Name
		}
	}
	return out, nil
}

// PatientQuestion asks what the directory knows of a patient.
type PatientQuestion struct {
	Patient string `json:"patient" jsonschema:"an NHS number"`
	Reason  string `json:"reason" jsonschema:"why it is looked up, for the audit"`
}

// FoundPatient is what the directory knows of a patient, as far as routing needs it.
type FoundPatient struct {
	Patient      string        `json:"patient"`
	SupersededBy string        `json:"supersededBy,omitempty"`
	Family       string        `json:"family,omitempty"`
	Given        []string      `json:"given,omitempty"`
	BirthDate    string        `json:"birthDate,omitempty"`
	Postcode     string        `json:"postcode,omitempty"`
	Places       FoundPostcode `json:"places,omitzero"`
	GP           nhs.ODSCode   `json:"gp,omitempty"`
	GPName       string        `json:"gpName,omitempty"`
	Sensitive    bool          `json:"sensitive,omitempty" jsonschema:"flag S: nothing about the patient is delivered"`
	Invalid      bool          `json:"invalid,omitempty" jsonschema:"flag I: the record is invalid, nothing is delivered"`
}

// lookUpPatient says what the directory knows of a patient. That somebody looked is
// recorded, also where there is no such patient.
func (d Desk) lookUpPatient(ctx context.Context, q PatientQuestion) (none FoundPatient, err error) {
	number, err := nhs.ParseNHSNumber(q.Patient)
	if err != nil {
		return none, invalid("patient", "patient: %s", err)
	}
	if q.Reason = strings.TrimSpace(q.Reason); q.Reason == "" || len(q.Reason) > mostReason {
		return none, expected("reason", "why the patient is looked up, in at most 500 bytes", "")
	}
	if d.Patients == nil {
		return none, errNoDirectory
	}
	e := d.entry(audit.ActionLookUpPatient, "")
	e.Patient, e.Reason = number, q.Reason
	d.Store.Record(e)
	p, err := d.Patients.Patient(ctx, number)
	if errors.Is(err, directory.ErrNotFound) {
		return none, &Error{Code: NotFound, Message: "the directory has no such patient"}
	}
	if err != nil {
		return none, err
	}
	out := FoundPatient{Patient: number.Digits(), SupersededBy: p.SupersededBy.Digits(), Family: p.Family, Given: p.Given, Postcode: p.Postcode, GP: p.GP,
		Sensitive: p.Sensitive, Invalid: p.Invalid}
	if !p.BirthDate.IsZero() {
		out.BirthDate = p.BirthDate.Format(time.DateOnly)
	}
	if p.Postcode != "" {
		out.Places, _ = d.placesOf(ctx, p.Postcode) // one that is unknown has no places
	}
	if d.Organisations != nil && p.GP != "" {
		if o, err := d.Organisations.Organisation(ctx, p.GP); err == nil {
			out.GPName = o.Name
		}
	}
	return out, nil
}
