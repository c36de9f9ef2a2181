package pdsapi

import (
	"maps"
	"reflect"
	"slices"
	"strconv"

	"nems/internal/demographics"
	"nems/internal/nhs"
)

// extensionURLs are those of a Patient.
var extensionURLs = []string{
	pharmacyURL, dispenserURL, appliancesURL, deathURL, communicationURL, preferenceURL, birthplaceURL, removalURL,
}

// extensions reads deceasedDateTime and the extensions. There is at most one of each.
func (d *decoding) extensions(r *demographics.Record, changed object) {
	d.death(r, changed, nil)
	if !d.differs(changed, "extension") {
		return
	}
	seen := map[string]bool{}
	var cleared = r.Clone()
	cleared.Pharmacy, cleared.Dispenser, cleared.Appliances, cleared.Language, cleared.Interpreter = "", "", "", "", false
	cleared.Preferences, cleared.Birthplace, cleared.Removal = nil, nil, nil
	if cleared.Death != nil {
		cleared.Death.Status = ""
	}
	for i, item := range d.list("extension", changed["extension"], 0, anyNumber) {
		path := "extension/" + strconv.Itoa(i)
		o, ok := item.(object)
		if !ok {
			d.add(wrongValue(kindOf(item), path, "an object"))
			return
		}
		url := d.code(path+"/url", o["url"], extensionURLs...)
		if seen[url] {
			d.add(badRequest(tooManyValues, "Too many values - '"+path+"' is a second "+url))
			return
		}
		seen[url] = true
		if d.unchanged(url, item) {
			keep(&cleared, d.old, url)
			continue
		}
		d.extension(&cleared, path, url, o)
	}
	if cleared.Death != nil && *cleared.Death == (demographics.Death{}) {
		cleared.Death = nil
	}
	*r = cleared
}

// unchanged reports whether the record had this very extension.
func (d *decoding) unchanged(url string, item any) bool {
	was, _ := d.tree["extension"].([]any)
	return slices.ContainsFunc(was, func(old any) bool { return old.(object)["url"] == url && reflect.DeepEqual(old, item) })
}

// keep copies what an extension says from the record before.
func keep(r *demographics.Record, old demographics.Record, url string) {
	old = old.Clone()
	switch url {
	case pharmacyURL:
		r.Pharmacy = old.Pharmacy
	case dispenserURL:
		r.Dispenser = old.Dispenser
	case appliancesURL:
		r.Appliances = old.Appliances
	case deathURL:
		if r.Death == nil {
			r.Death = &demographics.Death{}
		}
		r.Death.Status, r.Death.Effective = old.Death.Status, old.Death.Effective
	case communicationURL:
		r.Language, r.Interpreter = old.Language, old.Interpreter
	case preferenceURL:
		r.Preferences = old.Preferences
	case birthplaceURL:
		r.Birthplace = old.Birthplace
	case removalURL:
		r.Removal = old.Removal
	}
}

// extension reads one that is new or changed.
func (d *decoding) extension(r *demographics.Record, path, url string, o object) {
	switch url {
	case pharmacyURL:
		r.Pharmacy = d.organisation(path, o)
	case dispenserURL:
		r.Dispenser = d.organisation(path, o)
	case appliancesURL:
		r.Appliances = d.organisation(path, o)
	case deathURL:
		d.death(r, nil, o)
	case communicationURL:
		d.communication(r, path, o)
	case preferenceURL:
		d.preferences(r, path, o)
	case birthplaceURL:
		d.birthplace(r, path, o)
	case removalURL:
		d.add(mayNot("source not permitted to change '%s'", path))
	}
}

// organisation reads whom a patient has nominated.
func (d *decoding) organisation(path string, v object) nhs.ODSCode {
	o := d.object(path, v, "url", "valueReference")
	to := d.object(path+"/valueReference", o["valueReference"], "type", "identifier")
	code, _ := d.odsCode(path+"/valueReference/identifier", to["identifier"], "period")
	return code
}

// death reads deceasedDateTime of a Patient, or, if e is set, the extension with
// the status.
func (d *decoding) death(r *demographics.Record, changed, e object) {
	if r.Death == nil {
		r.Death = &demographics.Death{}
	}
	if e == nil {
		if d.differs(changed, "deceasedDateTime") {
			r.Death.At = d.moment("deceasedDateTime", changed["deceasedDateTime"])
		}
	} else {
		at := "extension/" + deathURL
		o := d.object(at, e, "url", "extension")
		status := ""
		for i, part := range d.list(at+"/extension", o["extension"], 1, 2) {
			path := at + "/extension/" + strconv.Itoa(i)
			p := d.object(path, part, "url", "valueCodeableConcept", "valueDateTime")
			switch d.code(path+"/url", p["url"], "deathNotificationStatus", "systemEffectiveDate") {
			case "deathNotificationStatus":
				status = d.coded(path+"/valueCodeableConcept", p["valueCodeableConcept"], deathSystem, sorted(deathStatuses)...)
			case "systemEffectiveDate": // PDS sets it itself
				if at := d.text(path+"/valueDateTime", p["valueDateTime"], 40); at == "" {
					d.add(missing(path + "/valueDateTime"))
				}
			}
		}
		if status == "" {
			d.add(missing(at + "/extension/deathNotificationStatus"))
		}
		r.Death.Status = status
	}
	if *r.Death == (demographics.Death{}) {
		r.Death = nil
	}
}

// communication reads the language and whether an interpreter is needed.
func (d *decoding) communication(r *demographics.Record, path string, v object) {
	o := d.object(path, v, "url", "extension")
	r.Language, r.Interpreter = "", false
	for i, part := range d.list(path+"/extension", o["extension"], 1, 2) {
		at := path + "/extension/" + strconv.Itoa(i)
		p := d.object(at, part, "url", "valueCodeableConcept", "valueBoolean")
		switch d.code(at+"/url", p["url"], "language", "interpreterRequired") {
		case "language":
			code := d.coded(at+"/valueCodeableConcept", p["valueCodeableConcept"], languageSystem)
			if d.first == nil && (code == "en" || languageName(code) == "") {
				d.add(wrongValue(code, at+"/valueCodeableConcept/coding/0/code", "a code of UKCore-HumanLanguage other than en"))
			}
			r.Language = code
		case "interpreterRequired":
			needed, ok := p["valueBoolean"].(bool)
			if !ok {
				d.add(wrongValue(shown(p["valueBoolean"]), at+"/valueBoolean", "true or false"))
			}
			r.Interpreter = needed
		}
	}
}

// preferences reads how the patient wants to be reached.
func (d *decoding) preferences(r *demographics.Record, path string, v object) {
	o := d.object(path, v, "url", "extension")
	p := &demographics.Preferences{}
	for i, part := range d.list(path+"/extension", o["extension"], 1, 3) {
		at := path + "/extension/" + strconv.Itoa(i)
		e := d.object(at, part, "url", "valueCodeableConcept", "valueString")
		switch d.code(at+"/url", e["url"], "PreferredWrittenCommunicationFormat", "PreferredContactMethod", "PreferredContactTimes") {
		case "PreferredWrittenCommunicationFormat":
			p.Format = d.coded(at+"/valueCodeableConcept", e["valueCodeableConcept"], formatSystem, sorted(letterFormats)...)
		case "PreferredContactMethod":
			p.Method = d.coded(at+"/valueCodeableConcept", e["valueCodeableConcept"], methodSystem, sorted(contactMethods)...)
		case "PreferredContactTimes":
			p.Times = d.needed(at+"/valueString", e["valueString"], 40)
		}
	}
	if p.Times != "" && p.Method == "" {
		d.add(badUpdate("'%s' has PreferredContactTimes without PreferredContactMethod", path))
	}
	r.Preferences = p
}

// ukCountries are PDS's codes of parts of the UK (BirthPlace.yaml).
var ukCountries = []string{"1", "2", "3", "4", "7", "9", "10"}

func (d *decoding) birthplace(r *demographics.Record, path string, v object) {
	o := d.object(path, v, "url", "valueAddress")
	at := path + "/valueAddress"
	a := d.object(at, o["valueAddress"], "city", "district", "country")
	b := demographics.Birthplace{City: d.text(at+"/city", a["city"], 100), District: d.text(at+"/district", a["district"], 100), Country: d.text(at+"/country", a["country"], 10)}
	if c := b.Country; c != "" && !slices.Contains(ukCountries, c) && !isCountry(c) {
		d.add(wrongValue(c, at+"/country", "a code of ISO 3166-1 with three letters, or of PDS for a part of the UK"))
	}
	if b == (demographics.Birthplace{}) {
		d.add(missing(at + "/city, district or country"))
	}
	r.Birthplace = &b
}

// sorted returns the codes of a table.
func sorted(codes map[string]string) []string { return slices.Sorted(maps.Keys(codes)) }
