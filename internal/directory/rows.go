package directory

import (
	"strings"

	"nems/internal/nhs"
)

// The columns of a patients file, in the order of patientLayout.
const (
	patientNumber = iota
	patientSupersededBy
	patientFamily
	patientGiven
	patientBirthDate
	patientPostcode
	patientGP
	patientSensitive
	patientInvalid
)

var patientLayout = layout{columns: [][]string{
	{"nhsnumber"}, {"supersededby"}, {"family"}, {"given"}, {"birthdate"}, {"postcode"}, {"gp"}, {"sensitive"}, {"invalid"},
}}

// patientRow reads a patient. Given names are separated by blanks; the flags
// may be written as their letters, S and I.
func patientRow(r row) (Patient, error) {
	c := cells{row: r}
	p := Patient{
		NHSNumber:    c.number(patientNumber, "nhs_number", true),
		SupersededBy: c.number(patientSupersededBy, "superseded_by", false),
		Family:       c.text(patientFamily, "family"),
		Given:        strings.Fields(c.text(patientGiven, "given")),
		BirthDate:    c.date(patientBirthDate, "birth_date"),
		Postcode:     c.postcode(patientPostcode, "postcode", false),
		GP:           c.code(patientGP, "gp", false),
		Sensitive:    c.flag(patientSensitive, "sensitive", "S"),
		Invalid:      c.flag(patientInvalid, "invalid", "I"),
	}
	if p.SupersededBy == p.NHSNumber {
		c.fail("superseded_by", "another number than the patient's own")
	}
	return p, c.err
}

// The columns of an organisations file, in the order of organisationLayout.
const (
	organisationCode = iota
	organisationName
	organisationSubICB
	organisationPractice
	organisationSetting
	organisationClosed
	organisationStatus
)

// organisationLayout knows ODS's epraccur ("GP Practices"), which has 27
// columns and no header: 1 code, 2 name, 13 status (A active, C closed, D
// dormant, P proposed), 15 commissioner (the ICB sub-location), 26 prescribing
// setting (4 is a GP practice).
var organisationLayout = layout{
	columns: [][]string{
		{"code", "organisationcode"}, {"name", "orgname", "organisationname"}, {"subicb", "commissioner"},
		{"practice"}, {"prescribingsetting"}, {"closed"}, {"statuscode", "status"},
	},
	headless: headless{27, []int{0, 1, 14, -1, 25, -1, 12}, func(s string) bool {
		_, err := nhs.ParseODSCode(s)
		return err == nil
	}},
}

// organisationRow reads an organisation. It is a practice when the file says
// so; where the file says nothing, when it has an ICB sub-location.
func (im *importer) organisationRow(r row) (Organisation, error) {
	c := cells{row: r}
	o := Organisation{
		Code:   c.code(organisationCode, "code", true),
		Name:   strings.ToValidUTF8(r.get(organisationName), "\ufffd"),
		SubICB: c.code(organisationSubICB, "sub_icb", false),
		Closed: c.flag(organisationClosed, "closed", "") || strings.EqualFold(r.get(organisationStatus), "C"),
	}
	switch {
	case r.has(organisationPractice):
		o.Practice = c.flag(organisationPractice, "practice", "")
	case r.has(organisationSetting):
		o.Practice = r.get(organisationSetting) == "4"
	default:
		o.Practice = o.SubICB != ""
	}
	if c.err == nil {
		im.named(string(o.SubICB))
	}
	return o, c.err
}

// The columns of a postcodes file, in the order of postcodeLayout.
const (
	postcodePostcode = iota
	postcodeSubICB
	postcodeLocalAuthority
	postcodeCountry
)

// postcodeLayout knows the NHS Postcode Directory and the ONS Postcode
// Directory, whose columns have come to carry the year (lad25cd). The former
// is published without a header in 43 columns: 1 PCD2, 9 OSLAUA, 13 CTRY, 18 CCG.
var postcodeLayout = layout{
	columns: [][]string{
		{"postcode", "pcds", "pcd8", "pcd2", "pcd7", "pcd"},
		{"subicb", "sicbl", "ccg"},
		{"localauthority", "oslaua", "laua", "lad"},
		{"country", "ctry"},
	},
	headless: headless{43, []int{0, 17, 8, 12}, func(s string) bool {
		_, ok := NormalPostcode(s)
		return ok
	}},
}

// The beginnings of ONS codes: England, and the ICB sub-locations in it.
const (
	onsEngland = "E92"
	onsSubICB  = "E38"
)

// postcodeRow reads where a postcode lies. Health areas outside England, which
// share the column with ICB sub-locations, count as nothing.
func (im *importer) postcodeRow(r row) (PostcodePlaces, error) {
	c := cells{row: r}
	p := PostcodePlaces{Postcode: c.postcode(postcodePostcode, "postcode", true), Places: Places{
		SubICB:         string(c.code(postcodeSubICB, "ICB sub-location", false)),
		LocalAuthority: c.ons(postcodeLocalAuthority, "local authority"),
		Country:        c.ons(postcodeCountry, "country"),
	}}
	if p.Country != "" && !strings.HasPrefix(p.Country, onsEngland) || isPseudo(p.SubICB) {
		p.SubICB = ""
	}
	switch {
	case c.err != nil:
	case isONS(p.SubICB) && strings.HasPrefix(p.SubICB, onsSubICB):
		im.ONSCodes++
		im.named(p.LocalAuthority)
	default:
		im.named(p.SubICB, p.LocalAuthority)
	}
	return p, c.err
}
