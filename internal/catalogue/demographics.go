package catalogue

import (
	"bytes"
	"time"

	"nems/internal/fhir"
	"nems/internal/nhs"
)

// PatientRouting starts the rules that hold the Patient resources against the
// routing demographics. Publishing answers them with a code of its own
// (decision 11).
const PatientRouting = "patient-routing"

// birthNotification is the one event type about two patients: the routing
// demographics are the mother's, whose number may be unknown.
const (
	birthNotification = "pds-birth-notification-1"
	motherGroup       = "Patient(Mother)"
)

// patient holds a Patient resource against the routing demographics. Those of a
// birth are the mother's.
func (j *judge) patient(e *entry) {
	if j.rules.code == birthNotification {
		if mother := j.rules.group(motherGroup); mother == nil || !mother.has(e) {
			return
		}
	}
	j.routingPatient(e.Resource)
}

// routing is whom the message is about, read once for all its patients: each is
// compared in time that grows with the patient alone.
type routing struct {
	number        []byte
	parsed        nhs.NHSNumber
	name          fhir.Node // a HumanName
	family, given nhs.Name
	birth         []byte
	birthDay      string // of an instant in UTC, by the clocks of the United Kingdom
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

// routingPatient compares number, name and birth date. A birth may name a mother
// whose number the demographics service does not know.
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

// otherNumber reports whether a text is another NHS number. Whether both are
// numbers at all, other rules say.
func (r *routing) otherNumber(text []byte) bool {
	if bytes.Equal(text, r.number) || r.parsed.IsZero() {
		return false
	}
	number, err := nhs.ParseNHSNumber(string(text))
	return err == nil && number != r.parsed
}

// routingName: the official name is the one that PDS has. Where none is marked
// as official, one of all has to agree.
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

// sameName compares family and first given name, where both have them.
func (r *routing) sameName(name fhir.Node) bool {
	return samePart(r.name.Child("family"), r.family, name.Child("family")) && samePart(r.name.Child("given"), r.given, name.Child("given"))
}

// samePart compares a part of the name, which reads as given, with another.
func samePart(part fhir.Node, read nhs.Name, other fhir.Node) bool {
	return !part.HasValue() || !other.HasValue() || read.Same(other.Value())
}

// birthDateExample is an official message, valid STU3, whose Patient has another
// birth date than its routing demographics.
const birthDateExample = "PDS-Change-Of-Address-ems-example.xml"

const birthTimeURL = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"

// routingBirthDate: the routing demographics have a birth date and time; that
// of the Patient, or its birth date, has to be the same day.
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

// born compares the birth with a date. Where one is partial only what both have
// counts; a moment may be that day in the United Kingdom.
func (r *routing) born(date []byte) bool {
	length := min(len(r.birth), len(date), len(time.DateOnly))
	return bytes.Equal(r.birth[:length], date[:length]) || r.birthDay != "" && r.birthDay == string(date[:length])
}
