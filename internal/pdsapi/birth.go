package pdsapi

import (
	"errors"
	"math"
	"time"

	"nems/internal/broker"
	"nems/internal/demographics"
	"nems/internal/nhs"
	"nems/internal/store"
)

// bornPath is the operation that makes the record of a newborn (karate-tests,
// createNewPdsRecordAtBirth).
const bornPath = "$process-birth-details"

// The observations of a birth, by their SNOMED CT codes. The message of the birth has
// others for some of them.
const (
	weightCode      = "364589006"
	stillbirthCode  = "237364002"
	gestationCode   = "268477000"
	foetusesCode    = "246435002"
	abnormalityCode = "66091009"
)

// born answers POST /Patient/$process-birth-details: a transaction with the baby, the
// mother and the observations. It makes the baby's record and notifies the birth.
func (a *API) born(x *exchange) error {
	if fault := a.mayCreate(); fault != nil {
		return fault
	}
	tree, fault := a.body(x, fhirJSON, "application/json")
	if fault != nil {
		return fault
	}
	b := bundleOf(tree)
	n, fault := a.baby(b)
	if fault != nil {
		return fault
	}
	birth, born, fault := b.birth(n)
	if fault != nil {
		return fault
	}
	if born.After(a.Now()) {
		return badUpdate("the time of birth is in the future")
	}
	if birth.Authority = n.authority; birth.Mother != "" {
		number, _ := nhs.ParseNHSNumber(birth.Mother) // birth has read it
		if _, err := a.Records.PatientRecord(x.r.Context(), number); errors.Is(err, store.ErrNotFound) {
			return wrongValue(birth.Mother, "entry/RelatedPerson/identifier/0/value", "the number of a patient")
		}
		n.record.Relatives = []demographics.Relative{{ID: a.newID(), NHSNumber: number.Digits(), Relationship: "NMTH"}}
	}
	done, err := a.allocate(x, broker.RecordRequest{Birth: &birth, Born: born, Edit: func(r *demographics.Record) error {
		if err := a.unmatched(x.r.Context(), n.record); err != nil {
			return err
		}
		return n.become(r)
	}}, tree)
	if err != nil {
		return err
	}
	x.created(done)
	return nil
}

// birthBundle is a transaction, by its parts.
type birthBundle struct {
	faults
	babyAt       string // its place
	baby, mother object
	parts        map[string][]object // the other resources by type
	observations map[string]object   // by code
	placeOf      map[string]string   // of observations
}

// bundleOf sorts the resources of a transaction.
func bundleOf(tree object) *birthBundle {
	b := &birthBundle{parts: map[string][]object{}, observations: map[string]object{}, placeOf: map[string]string{}}
	b.object("", tree, "resourceType", "type", "entry", "id", "meta", "identifier", "timestamp")
	b.code("resourceType", tree["resourceType"], "Bundle")
	b.code("type", tree["type"], "transaction")
	for i, e := range b.list("entry", tree["entry"], 1, 50) {
		at := "entry/" + itoa(i) + "/resource"
		r, ok := b.object("entry/"+itoa(i), e, "fullUrl", "request", "resource")["resource"].(object)
		if !ok {
			b.add(missing(at))
			return b
		}
		kind, _ := r["resourceType"].(string)
		switch {
		case kind == "Patient" && r["identifier"] == nil && b.baby == nil:
			b.baby, b.babyAt = r, at+"/"
		case kind == "Patient" && b.mother == nil:
			b.mother = r
		case kind == "Patient":
			b.add(wrongValue(kind, at+"/resourceType", "one baby and one mother"))
		case kind == "Observation":
			code, _ := at1(r, "code", "coding", "code").(string)
			b.observations[code], b.placeOf[code] = r, at
		default:
			b.parts[kind] = append(b.parts[kind], r)
		}
	}
	if b.baby == nil {
		b.add(missing("entry/resource (a Patient without identifier: the baby)"))
	}
	return b
}

func (a *API) baby(b *birthBundle) (newcomer, *Fault) {
	if b.first != nil {
		return newcomer{}, b.first
	}
	return a.newcomer(b.babyAt, b.baby, "resourceType", "name", "gender", "birthDate", "_birthDate", "address", "telecom", "multipleBirthInteger", "extension")
}

// birth reads what is said of the birth, and when it was.
func (b *birthBundle) birth(n newcomer) (demographics.Birth, time.Time, *Fault) {
	out := demographics.Birth{
		WeightGrams: b.number(weightCode, "valueQuantity", 1, 9999), GestationWeeks: b.number(gestationCode, "valueQuantity", 10, 50),
		Births: b.number(foetusesCode, "valueInteger", 1, 9),
		Place:  b.ods("Location", at1(b.part("Location"), "identifier", "value")),
	}
	// The message says that the child lives and nothing is suspected.
	b.only(stillbirthCode, "1")
	b.only(abnormalityCode, "N")
	b.whoIsMother(&out)
	for _, p := range b.parts["CareTeam"] {
		participants, _ := p["participant"].([]any)
		for _, one := range participants {
			if at1(one, "role", "text") == "Responsible child health" {
				out.ChildHealth = b.ods("CareTeam", at1(one, "member", "identifier", "value"))
			}
		}
	}
	if name, ok := at1(b.part("Practitioner"), "name").([]any); ok && len(name) > 0 {
		out.Midwife = names(name[0])
	}
	at := b.babyAt + "_birthDate/extension/0/valueDateTime"
	text, _ := at1(b.baby, "_birthDate", "extension", "valueDateTime").(string)
	born, err := time.Parse(time.RFC3339, text)
	if text == "" {
		born, err = time.Parse(time.DateOnly, n.record.BirthDate)
	}
	if err != nil || born.Format(time.DateOnly) != n.record.BirthDate {
		b.add(wrongValue(text, at, "a time of the birthDate, with its zone"))
	}
	return out, born, b.first
}

// whoIsMother reads the mother's number, or else her names.
func (b *birthBundle) whoIsMother(out *demographics.Birth) {
	text, _ := at1(b.part("RelatedPerson"), "identifier", "value").(string)
	if text == "" {
		text, _ = at1(b.mother, "identifier", "value").(string)
	}
	if text != "" {
		number, err := nhs.ParseNHSNumber(text)
		if err != nil {
			b.add(wrongValue(text, "entry/RelatedPerson/identifier/0/value", "the mother's NHS number"))
		}
		out.Mother = number.Digits()
		return
	}
	if all := names(at1(b.mother, "name")); len(all) > 1 {
		out.MotherFamily, out.MotherGiven = all[len(all)-1], all[:len(all)-1]
	} else {
		b.add(missing("entry/RelatedPerson/identifier/0/value"))
	}
}

// names returns given names and then the family name of a HumanName, or of the first
// of a list of them.
func names(v any) (out []string) {
	given, _ := at1(v, "given").([]any)
	for _, g := range given {
		if s, ok := g.(string); ok {
			out = append(out, s)
		}
	}
	if family, ok := at1(v, "family").(string); ok {
		return append(out, family)
	}
	return nil
}

// part returns the first resource of a type; nil if there is none.
func (b *birthBundle) part(kind string) object {
	if all := b.parts[kind]; len(all) > 0 {
		return all[0]
	}
	return nil
}

// number reads the value of an observation, which must be there.
func (b *birthBundle) number(code, member string, least, most float64) int {
	o, ok := b.observations[code]
	if !ok {
		b.add(missing("entry/Observation " + code))
		return 0
	}
	path, v := b.placeOf[code]+"/"+member, o[member]
	if member == "valueQuantity" {
		path, v = path+"/value", at1(o, member, "value")
	}
	if v == nil {
		b.add(missing(path))
		return 0
	}
	n, ok := v.(float64)
	if !ok || n != math.Trunc(n) || n < least || n > most {
		b.add(wrongValue(shown(v), path, "a whole number from "+itoa(int(least))+" to "+itoa(int(most))))
		return 0
	}
	return int(n)
}

// only checks that an observation, if it is there, has the one value that is supported.
func (b *birthBundle) only(code, value string) {
	o, ok := b.observations[code]
	if !ok {
		return
	}
	if is := at1(o, "valueCodeableConcept", "coding", "code"); is != value {
		b.add(badRequest(unsupportedValue, "Unsupported value - "+quote(shown(is))+" in field '"+b.placeOf[code]+"/valueCodeableConcept/coding/0/code'"))
	}
}

// ods reads a code of an organisation or site; "" if there is none.
func (b *birthBundle) ods(where string, v any) nhs.ODSCode {
	text, _ := v.(string)
	if text == "" {
		return ""
	}
	code, err := nhs.ParseODSCode(text)
	if err != nil {
		b.add(wrongValue(text, "entry/"+where, "an ODS code"))
	}
	return code
}
