package directory

import (
	"strings"
	"time"
	"unicode/utf8"

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

// patientRow reads a patient. Given names are separated by blanks.
func patientRow(r row) (Patient, error) {
	p := Patient{Family: r.get(patientFamily), Given: strings.Fields(r.get(patientGiven))}
	if !utf8.ValidString(p.Family) || !utf8.ValidString(r.get(patientGiven)) {
		return p, rowError("a name is not in UTF-8")
	}
	var err error
	if p.NHSNumber, err = nhs.ParseNHSNumber(r.get(patientNumber)); err != nil {
		return p, rowError("nhs_number: " + err.Error())
	}
	if s := r.get(patientSupersededBy); s != "" {
		p.SupersededBy, err = nhs.ParseNHSNumber(s)
		if err != nil || p.SupersededBy == p.NHSNumber {
			return p, rowError("superseded_by: another NHS number is needed")
		}
	}
	if s := r.get(patientBirthDate); s != "" {
		if p.BirthDate, err = date(s); err != nil {
			return p, rowError("birth_date: a date is written YYYY-MM-DD or YYYYMMDD")
		}
	}
	var ok bool
	if p.Postcode, ok = optionalPostcode(r.get(patientPostcode)); !ok {
		return p, rowError("postcode: not the form of a postcode")
	}
	if p.GP, ok = optionalCode(r.get(patientGP)); !ok {
		return p, rowError("gp: " + nhs.ErrODSCode.Error())
	}
	if p.Sensitive, ok = flag(r.get(patientSensitive), "S"); !ok {
		return p, rowError("sensitive: true or false, or S")
	}
	if p.Invalid, ok = flag(r.get(patientInvalid), "I"); !ok {
		return p, rowError("invalid: true or false, or I")
	}
	return p, nil
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
	headless: []int{0, 1, 14, -1, 25, -1, 12},
	fields:   27,
}

// organisationRow reads an organisation. It is a practice when the file says
// so; where the file says nothing, when it has an ICB sub-location.
func organisationRow(r row) (Organisation, error) {
	o := Organisation{Name: strings.ToValidUTF8(r.get(organisationName), "\ufffd")}
	var err error
	if o.Code, err = nhs.ParseODSCode(r.get(organisationCode)); err != nil {
		return o, rowError("code: " + err.Error())
	}
	var ok bool
	if o.SubICB, ok = optionalCode(r.get(organisationSubICB)); !ok {
		return o, rowError("sub_icb: " + nhs.ErrODSCode.Error())
	}
	switch {
	case r.positions[organisationPractice] >= 0:
		if o.Practice, ok = flag(r.get(organisationPractice), ""); !ok {
			return o, rowError("practice: true or false")
		}
	case r.positions[organisationSetting] >= 0:
		o.Practice = r.get(organisationSetting) == "4"
	default:
		o.Practice = o.SubICB != ""
	}
	if o.Closed, ok = flag(r.get(organisationClosed), ""); !ok {
		return o, rowError("closed: true or false")
	}
	if strings.EqualFold(r.get(organisationStatus), "C") {
		o.Closed = true
	}
	return o, nil
}

// The columns of a postcodes file, in the order of postcodeLayout.
const (
	postcodePostcode = iota
	postcodeSubICB
	postcodeLocalAuthority
	postcodeCountry
)

// postcodeLayout knows the NHS Postcode Directory and the ONS Postcode
// Directory, whose columns carry the year since 2025 (lad25cd).
var postcodeLayout = layout{columns: [][]string{
	{"postcode", "pcds", "pcd8", "pcd2", "pcd7", "pcd"},
	{"subicb", "sicbl", "ccg"},
	{"localauthority", "oslaua", "laua", "lad"},
	{"country", "ctry"},
}}

// The beginnings of ONS codes (GSS): England, and the ICB sub-locations in it.
const (
	onsEngland = "E92"
	onsSubICB  = "E38"
)

// postcodeRow reads where a postcode lies. ONS's pseudo codes (L99999999: no
// such area) count as nothing, and so do health areas outside England, which
// share the column with ICB sub-locations.
func (im *importer) postcodeRow(r row) (PostcodePlaces, error) {
	var p PostcodePlaces
	var ok bool
	if p.Postcode, ok = NormalPostcode(r.get(postcodePostcode)); !ok {
		return p, rowError("postcode: not the form of a postcode")
	}
	if p.LocalAuthority, ok = onsCode(r.get(postcodeLocalAuthority)); !ok {
		return p, rowError("local authority: an ONS code has a capital letter and eight digits")
	}
	if p.Country, ok = onsCode(r.get(postcodeCountry)); !ok {
		return p, rowError("country: an ONS code has a capital letter and eight digits")
	}
	code, ok := optionalCode(r.get(postcodeSubICB))
	if !ok {
		return p, rowError("ICB sub-location: " + nhs.ErrODSCode.Error())
	}
	if p.Country != "" && !strings.HasPrefix(p.Country, onsEngland) || isPseudo(string(code)) {
		return p, nil
	}
	p.SubICB = string(code)
	if _, ons := onsCode(p.SubICB); ons && strings.HasPrefix(p.SubICB, onsSubICB) {
		im.ONSCodes++
	}
	return p, nil
}

// onsCode reads an ONS code; "" for none and for a pseudo code.
func onsCode(s string) (string, bool) {
	s = strings.ToUpper(s)
	if s == "" || isPseudo(s) {
		return "", true
	}
	if len(s) != 9 || !isUpper(s[0]) {
		return "", false
	}
	for i := 1; i < len(s); i++ {
		if !isDigit(s[i]) {
			return "", false
		}
	}
	return s, true
}

func isPseudo(code string) bool { return len(code) == 9 && code[1:] == "99999999" }

func optionalPostcode(s string) (string, bool) {
	if s == "" {
		return "", true
	}
	return NormalPostcode(s)
}

func optionalCode(s string) (nhs.ODSCode, bool) {
	if s == "" {
		return "", true
	}
	code, err := nhs.ParseODSCode(s)
	return code, err == nil
}

// flag reads yes or no in the ways that files have it, the flag's own letter
// included; nothing is no.
func flag(s, letter string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "", "0", "n", "no", "false":
		return false, true
	case "1", "y", "yes", "true":
		return true, true
	}
	return true, letter != "" && strings.EqualFold(s, letter)
}

func date(s string) (time.Time, error) {
	if len(s) == len("20060102") {
		return time.Parse("20060102", s)
	}
	return time.Parse(time.DateOnly, s)
}
