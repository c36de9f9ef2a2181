package pdsapi

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"nems/internal/demographics"
)

// extent is how much of a record an answer has.
type extent int

const (
	// whole is what reading one record gives.
	whole extent = iota
	// found is what a search gives: names in use, the home address, and of the
	// extensions only that of death (patient-search.yaml, Patient data returned).
	found
	// editable is whole, also of a restricted record: what a patch changes.
	editable
)

// encode writes a record as an R4 Patient. Of a restricted record, it leaves out
// what tells where the patient is (patient-get.yaml, Restricted patients).
func encode(r demographics.Record, as extent) patient {
	r = withIDs(r)
	hide := r.Sensitive && as != editable
	p := patient{
		ResourceType: "Patient", ID: r.NHSNumber.Digits(),
		Identifier: []identifier{{System: nhsNumberSystem, Value: r.NHSNumber.Digits(), Extension: []extension{{
			URL: verificationURL, Concept: codeOf(verificationSystem, codeVersion, "01", "Number present and verified")}}}},
		Meta:   meta{VersionID: strconv.FormatInt(r.SCN, 10), Security: []coding{security(r)}},
		Gender: r.Gender, BirthDate: r.BirthDate, MultipleBirth: r.BirthOrder,
	}
	for _, n := range r.Names {
		if as != found || slices.Contains([]string{"usual", "temp", "nickname"}, n.Use) {
			p.Name = append(p.Name, humanName{ID: n.ID, Use: n.Use, Period: periodOf(n.Period), Given: n.Given, Family: n.Family, Prefix: n.Prefix, Suffix: n.Suffix})
		}
	}
	if r.Death != nil {
		p.Deceased = r.Death.At
	}
	if !hide {
		p.whereabouts(r, as)
	}
	p.Extension = extensions(r, as, hide)
	return p
}

// whereabouts adds what a restricted record hides.
func (p *patient) whereabouts(r demographics.Record, as extent) {
	if r.Practice != nil {
		practice := organisation(string(r.Practice.Practice))
		practice.ID, practice.Type = r.Practice.ID, "Organization"
		practice.Identifier.Period = periodOf(demographics.Period{Start: r.Practice.Start})
		p.Practice = []reference{practice}
	}
	if r.Managing != "" && as != found {
		managing := organisation(string(r.Managing))
		managing.Type = "Organization"
		p.Managing = &managing
	}
	for _, a := range r.Addresses {
		if as != found || a.Use == "home" {
			p.Address = append(p.Address, encodeAddress(a))
		}
	}
	for _, t := range r.Telecoms {
		p.Telecom = append(p.Telecom, encodeTelecom(t))
	}
	for _, c := range r.Contacts {
		p.Contact = append(p.Contact, encodeContact(c))
	}
}

func encodeAddress(a demographics.Address) address {
	out := address{ID: a.ID, Period: periodOf(a.Period), Use: a.Use, Text: a.Text, Postcode: a.Postcode}
	for _, line := range a.Lines {
		if strings.TrimSpace(line) != "" { // FHIR has no empty strings
			out.Line = append(out.Line, line)
		}
	}
	for _, key := range []struct{ kind, value string }{{"PAF", a.PAF}, {"UPRN", a.UPRN}} {
		if key.value != "" {
			out.Extension = append(out.Extension, extension{URL: addressKeyURL, Extension: []extension{
				{URL: "type", Coding: &coding{System: addressKeySystem, Code: key.kind}}, {URL: "value", String: key.value}}})
		}
	}
	return out
}

func encodeTelecom(t demographics.Telecom) telecom {
	out := telecom{ID: t.ID, Period: periodOf(t.Period), System: t.System, Value: t.Value, Use: t.Use}
	if t.System == "other" {
		out.Extension = []extension{{URL: otherSystemURL, Coding: &coding{System: otherSystemSystem, Code: "textphone", Display: "Minicom (Textphone)"}}}
	}
	return out
}

func encodeContact(c demographics.Contact) contact {
	system := c.System
	if system == "" {
		system = "phone"
	}
	return contact{ID: c.ID, Period: periodOf(c.Period), Telecom: []telecom{{System: system, Value: c.Phone}},
		Relationship: []concept{*codeOf(contactSystem, "", "C", "Emergency Contact")}}
}

// extensions writes those of a record, in PDS's order.
func extensions(r demographics.Record, as extent, hide bool) (out []extension) {
	add := func(e extension) { out = append(out, e) }
	if !hide && as != found {
		for _, o := range []struct{ url, code string }{{pharmacyURL, string(r.Pharmacy)}, {dispenserURL, string(r.Dispenser)}, {appliancesURL, string(r.Appliances)}} {
			if o.code != "" {
				to := organisation(o.code)
				add(extension{URL: o.url, Reference: &to})
			}
		}
	}
	if d := r.Death; d != nil && d.Status != "" {
		e := extension{URL: deathURL, Extension: []extension{{URL: "deathNotificationStatus", Concept: codeOf(deathSystem, codeVersion, d.Status, deathStatuses[d.Status])}}}
		if !d.Effective.IsZero() {
			e.Extension = append(e.Extension, extension{URL: "systemEffectiveDate", DateTime: instant(d.Effective)})
		}
		add(e)
	}
	if as == found {
		return out
	}
	if r.Language != "" || r.Interpreter {
		e := extension{URL: communicationURL}
		if r.Language != "" {
			e.Extension = append(e.Extension, extension{URL: "language", Concept: codeOf(languageSystem, codeVersion, r.Language, languageName(r.Language))})
		}
		add(extension{URL: communicationURL, Extension: append(e.Extension, extension{URL: "interpreterRequired", Boolean: &r.Interpreter})})
	}
	if r.Preferences != nil {
		add(encodePreferences(*r.Preferences))
	}
	if b := r.Birthplace; b != nil && !hide {
		add(extension{URL: birthplaceURL, Address: &place{City: b.City, District: b.District, Country: b.Country}})
	}
	if m := r.Removal; m != nil {
		e := extension{URL: removalURL, Extension: []extension{{URL: "removalFromRegistrationCode", Concept: codeOf(removalSystem, "", m.Reason, removalReasons[m.Reason])}}}
		if m.At != "" {
			e.Extension = append(e.Extension, extension{URL: "effectiveTime", Period: &period{Start: m.At + "T00:00:00+00:00"}})
		}
		add(e)
	}
	return out
}

func encodePreferences(p demographics.Preferences) extension {
	e := extension{URL: preferenceURL}
	if p.Format != "" {
		e.Extension = append(e.Extension, extension{URL: "PreferredWrittenCommunicationFormat", Concept: codeOf(formatSystem, "", p.Format, letterFormats[p.Format])})
	}
	if p.Method != "" {
		e.Extension = append(e.Extension, extension{URL: "PreferredContactMethod", Concept: codeOf(methodSystem, "", p.Method, contactMethods[p.Method])})
	}
	if p.Times != "" {
		e.Extension = append(e.Extension, extension{URL: "PreferredContactTimes", String: p.Times})
	}
	return e
}

func security(r demographics.Record) coding {
	if r.Sensitive {
		return coding{System: confidentiality, Code: "R", Display: "restricted"}
	}
	return coding{System: confidentiality, Code: "U", Display: "unrestricted"}
}

func codeOf(system, version, code, display string) *concept {
	return &concept{Coding: []coding{{System: system, Version: version, Code: code, Display: display}}}
}

func organisation(code string) reference {
	return reference{Identifier: identifier{System: odsSystem, Value: code}}
}

func periodOf(p demographics.Period) *period {
	if p == (demographics.Period{}) {
		return nil
	}
	return &period{p.Start, p.End}
}

// instant writes a moment in PDS's form, which says +00:00 and never Z.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") + "+00:00" }

// withIDs gives an id to every item that has none, because a patch names items by
// their ids. It is the same until the record changes.
func withIDs(r demographics.Record) demographics.Record {
	r = r.Clone()
	give := func(list string, i int, id *string) {
		if *id == "" {
			digest := sha256.Sum256([]byte(strings.Join([]string{r.NHSNumber.Digits(), strconv.FormatInt(r.SCN, 10), list, strconv.Itoa(i)}, "|")))
			*id = strings.ToUpper(hex.EncodeToString(digest[:4]))
		}
	}
	for i := range r.Names {
		give("name", i, &r.Names[i].ID)
	}
	for i := range r.Addresses {
		give("address", i, &r.Addresses[i].ID)
	}
	for i := range r.Telecoms {
		give("telecom", i, &r.Telecoms[i].ID)
	}
	for i := range r.Contacts {
		give("contact", i, &r.Contacts[i].ID)
	}
	for i := range r.Relatives {
		give("relative", i, &r.Relatives[i].ID)
	}
	if r.Practice != nil {
		give("generalPractitioner", 0, &r.Practice.ID)
	}
	return r
}
