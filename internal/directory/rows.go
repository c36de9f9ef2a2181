package directory

import (
	"encoding/csv"
	"slices"
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

var patientLayout = layout{columns: []column{
	{names: []string{"nhs_number"}}, {names: []string{"superseded_by"}}, {names: []string{"family"}}, {names: []string{"given"}},
	{names: []string{"birth_date"}}, {names: []string{"postcode"}}, {names: []string{"gp"}}, {names: []string{"sensitive"}}, {names: []string{"invalid"}},
}}

// patientRow reads a patient. Given names are separated by blanks. The flags
// may be written as their letters, S and I.
func patientRow(r row) (Patient, error) {
	c := cells{row: r}
	p := Patient{
		NHSNumber:    c.number(patientNumber, true),
		SupersededBy: c.number(patientSupersededBy, false),
		Family:       c.text(patientFamily),
		Given:        strings.Fields(c.text(patientGiven)),
		BirthDate:    c.date(patientBirthDate),
		Postcode:     c.postcode(patientPostcode, false),
		GP:           c.code(patientGP, false),
		Sensitive:    c.flag(patientSensitive, "S"),
		Invalid:      c.flag(patientInvalid, "I"),
	}
	if p.SupersededBy == p.NHSNumber {
		c.fail(patientSupersededBy, "another number than the patient's own")
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

var organisationLayout = layout{
	columns: []column{
		{names: []string{"code", "organisation_code", "ods_code", "org_code", "org_id"}},
		{names: []string{"name", "organisation_name", "org_name"}},
		{names: []string{"sub_icb", "commissioner", "commissioned_by", "is_commissioned_by", "commissioner_code", "sub_icb_location_code", "target_org_code"}},
		{names: []string{"practice"}},
		{names: []string{"setting", "prescribing_setting", "role_id", "role_ids", "non_primary_role_id"}},
		{names: []string{"closed"}},
		{names: []string{"status", "status_code", "status_name"}},
	},
	headless: odsReport,
}

// Roles and relationships of the ODS (ORD, CodeSystem).
const (
	roleCostCentre   = "RO177" // prescribing cost centre: GP practices and other prescribers
	roleGPPractice   = "RO76"  // role of a cost centre that is a GP practice
	roleSubICB       = "RO98"  // clinical commissioning group, today an ICB sub-location
	relCommissioned  = "RE4"   // is commissioned by
	settingPractice  = "4"     // RO76 as files before 2024 write it
	statusActiveORD  = "Active"
	columnsODSReport = 27
)

// odsReport recognises the reports of ODS Data Search and Export, which replaced
// the ODS files (epraccur, ebranchs, etr, ...). They have 27 columns without a
// header: 1 code, 2 name, 13 status, 15 the organisation's parent, 26
// prescribing setting. The status is ACTIVE or INACTIVE, formerly A, C (closed),
// D (dormant) or P (proposed). The setting is the roles separated by bars
// (RO76), formerly a number (4). Source: ODS Reference Data Catalogue, GP
// Practices.
func odsReport(_ []column, first []string, _ *csv.Reader) []int {
	_, err := nhs.ParseODSCode(strings.TrimSpace(first[0]))
	if err != nil || len(first) < columnsODSReport {
		return nil
	}
	return []int{0, 1, 14, -1, 25, -1, 12}
}

// organisationRow reads an organisation. It is a practice if the file says so;
// if the file says nothing, it is one when it has an ICB sub-location. The
// parent of an organisation that prescribes nothing is not a commissioner: a
// branch's parent is its practice.
func (im *importer) organisationRow(r row) (Organisation, error) {
	c := cells{row: r}
	o := Organisation{
		Code:   c.code(organisationCode, true),
		Name:   strings.ToValidUTF8(r.get(organisationName), "\ufffd"),
		SubICB: c.code(organisationSubICB, false),
		Closed: c.flag(organisationClosed, "") || isClosed(r.get(organisationStatus)),
	}
	setting := r.get(organisationSetting)
	switch {
	case r.has(organisationPractice):
		o.Practice = c.flag(organisationPractice, "")
	case r.has(organisationSetting):
		o.Practice = setting == settingPractice || slices.Contains(strings.Split(setting, "|"), roleGPPractice)
	default:
		o.Practice = o.SubICB != ""
	}
	if r.has(organisationSetting) && setting == "" {
		o.SubICB = ""
	}
	if c.err == nil {
		im.named(string(o.SubICB))
	}
	return o, c.err
}

// isClosed reads a status. Dormant and proposed organisations are not closed.
func isClosed(status string) bool {
	switch strings.ToUpper(status) {
	case "C", "CLOSED", "INACTIVE":
		return true
	}
	return false
}

// The columns of a postcodes file, in the order of postcodeLayout.
const (
	postcodePostcode = iota
	postcodeSubICB
	postcodeLocalAuthority
	postcodeCountry
)

// postcodeLayout recognises the NHS Postcode Directory (NHSPD) of the ODS and the
// ONS Postcode Directory and Lookup (ONSPD, NSPL), by all names that their
// columns have had: PCD2, OSLAUA, CCG, CTRY; laua, sicbl; lad25cd, sicbl24cd,
// ctry25cd. NHSPD is published without a header. It had 41 columns at first, 43
// with cancer alliances and STPs, 46 with the mental health collaboratives and 49
// with the census of 2021, so its columns are recognised by their content.
// Sources: the user guides of NHSPD and ONSPD.
var postcodeLayout = layout{
	columns: []column{
		{[]string{"postcode", "pcds", "pcd8", "pcd2", "pcd7", "pcd"}, func(s string) bool { _, ok := NormalPostcode(s); return ok }, nil},
		{[]string{"sub_icb", "sicblh", "sicb", "sicbl", "ccgh", "ccg"}, isSubICB, inEngland},
		{[]string{"local_authority", "oslaua", "laua", "lad"}, isLocalAuthority, nil},
		{[]string{"country", "ctry"}, isCountry, nil},
	},
	headless: recognise,
}

// postcodeRow reads where a postcode lies. Health areas outside England share the
// column with ICB sub-locations and count as empty. If a file without a header
// begins with so many Scottish postcodes that the column was not found, English
// rows are refused rather than stored without an ICB sub-location.
func (im *importer) postcodeRow(r row) (PostcodePlaces, error) {
	c := cells{row: r}
	p := PostcodePlaces{Postcode: c.postcode(postcodePostcode, true), Places: Places{
		SubICB:         string(c.code(postcodeSubICB, false)),
		LocalAuthority: c.ons(postcodeLocalAuthority),
		Country:        c.ons(postcodeCountry),
	}}
	if p.Country != "" && !strings.HasPrefix(p.Country, onsEngland) || isPseudo(p.SubICB) {
		p.SubICB = ""
	}
	if !r.header && !r.has(postcodeSubICB) && strings.HasPrefix(p.Country, onsEngland) {
		c.fail(postcodeSubICB, "postcodes of England within the first 16 MiB, or a header")
	}
	switch {
	case c.err != nil:
	case isONS(p.SubICB):
		im.ONSCodes++
		im.named(p.LocalAuthority)
	default:
		im.named(p.SubICB, p.LocalAuthority)
	}
	return p, c.err
}
