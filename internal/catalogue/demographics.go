package catalogue

import (
	"bytes"
	"time"

	"nems/internal/fhir"
	"nems/internal/nhs"
)

// PatientRouting begins the ids of rules that compare Patient resources with
// the routing demographics. Publishing answers them with a code of its own
// (decision 11).
const PatientRouting = "patient-routing"

// birthNotification is the only event type about two patients. Its routing
// demographics are the mother's, whose number may be unknown.
const (
	birthNotification = "pds-birth-notification-1"
	motherGroup       = "Patient(Mother)"
)

// patient compares a Patient resource with the routing demographics. In a birth
// these are the mother's, so only the mother is compared.
func (j *judge) patient(e *entry) {
	if j.rules.code == birthNotification {
		if mother := j.rules.group(motherGroup); mother == nil || !mother.has(e) {
			return
		}
	}
	j.routingPatient(e.Resource)
}

// routing is the patient that the message is about. It is read once, so that
// comparing each Patient takes time in proportion to that Patient alone.
type routing struct {
	number        []byte
	parsed        nhs.NHSNumber
	name          fhir.Node // a HumanName
	family, given nhs.Name
	birth         []byte
	birthDay      string // if birth is an instant in UTC: its day in the United Kingdom
}

// readRouting reads the routing demographics of the header.
func (j *judge) readRouting() *routing {
	if j.routing != nil {
		return j.routing
	}
	at := j.entries[0].Resource.Extension(routingURL)
	r := &routing{
		number: at.Extension("nhsNumber").At("valueIdentifier", "value").ValueBytes(),
		name:   at.Extension("name").Child("valueHumanName"),
		birth:  at.Extension("birthDateTime").Choice("value").ValueBytes(),
	}
	r.parsed, _ = nhs.ParseNHSNumber(string(r.number))
	r.family, r.given = nhs.ReadName(r.name.Child("family").Value()), nhs.ReadName(r.name.Child("given").Value())
	r.birthDay = nhs.DayOfInstant(string(r.birth))
	j.routing = r
	return r
}

// routingPatient compares number, name and birth date. In a birth the number is
// not compared, because the demographics service may not know the mother's.
func (j *judge) routingPatient(patient fhir.Node) {
	if j.rules.code != birthNotification {
		j.routingNumber(patient)
	}
	j.routingName(patient)
	j.routingBirthDate(patient)
}

func (j *judge) routingNumber(patient fhir.Node) {
	wanted := j.readRouting()
	for n := range patient.ChildrenNamed("identifier") {
		if got := n.Child("value").ValueBytes(); isNHSNumber(n) && wanted.otherNumber(got) {
			j.report(finding{
				rule: PatientRouting, source: genericPage, code: "business-rule", at: n,
				text: "the Patient of a message has the NHS number of the routing demographics; received another",
			})
		}
	}
}

// otherNumber reports whether a text is a different NHS number. Other rules say
// whether both are valid numbers.
func (r *routing) otherNumber(text []byte) bool {
	if bytes.Equal(text, r.number) || r.parsed.IsZero() {
		return false
	}
	number, err := nhs.ParseNHSNumber(string(text))
	return err == nil && number != r.parsed
}

// routingName compares names. The official name is the one that PDS has. Where
// no name is marked as official, one of all must agree.
func (j *judge) routingName(patient fhir.Node) {
	wanted := j.readRouting()
	if !wanted.name.Exists() {
		return
	}
	marked := anyAt(patient, nameOfPatient, isOfficial)
	agrees := anyAt(patient, nameOfPatient, func(n fhir.Node) bool { return (!marked || isOfficial(n)) && wanted.sameName(n) })
	if !agrees && patient.Child("name").Exists() {
		j.report(finding{
			rule: PatientRouting + "-name", source: genericPage, code: "business-rule", at: patient.Child("name"),
			text: "the Patient of a message has the family and first given name of the routing demographics; received others",
		})
	}
}

var nameOfPatient = []step{{ids: fhir.NameIDs("name")}}

func isOfficial(name fhir.Node) bool { return name.Child("use").EqualValue("official") }

// sameName compares the family name and the first given name, where both sides have them.
func (r *routing) sameName(name fhir.Node) bool {
	return samePart(r.name.Child("family"), r.family, name.Child("family")) && samePart(r.name.Child("given"), r.given, name.Child("given"))
}

// samePart compares one part of the routing name with the same part of another name. read is the
// parsed form of part.
func samePart(part fhir.Node, read nhs.Name, other fhir.Node) bool {
	return !part.HasValue() || !other.HasValue() || read.Same(other.Value())
}

// birthDateExample is an official message, valid STU3, in which the Patient's
// birth date differs from the routing demographics.
const birthDateExample = "PDS-Change-Of-Address-ems-example.xml"

const birthTimeURL = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"

// routingBirthDate compares birth dates. The routing demographics have a birth
// date and time; the Patient's birth time, or its birth date, must be on the
// same day.
func (j *judge) routingBirthDate(patient fhir.Node) {
	wanted := j.readRouting()
	date := patient.Child("birthDate")
	born := date.Extension(birthTimeURL).Choice("value")
	if born.HasValue() && wanted.born(born.ValueBytes()) || wanted.born(date.ValueBytes()) {
		return
	}
	j.report(finding{
		rule: PatientRouting + "-birthDate", source: genericPage, brokenBy: birthDateExample, code: "business-rule", at: date,
		text: "the Patient of a message has the birth date of the routing demographics; received another",
	})
}

// born compares the birth with a date. Where one is partial, only what both
// have is compared. A moment also matches the day that it is in the United
// Kingdom.
func (r *routing) born(date []byte) bool {
	length := min(len(r.birth), len(date), len(time.DateOnly))
	return bytes.Equal(r.birth[:length], date[:length]) || r.birthDay != "" && r.birthDay == string(date[:length])
}
