package catalogue

import (
	"bytes"
	"time"

	"nems/internal/fhir"
	"nems/internal/nhs"
)

// PatientRouting starts the rules that hold the Patient resources against the
// routing demographics. Publishing answers them with a code of its own (design,
// decision 11).
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

// routingPatient compares number, name and birth date. A birth may name a mother
// whose number the demographics service does not know.
func (j *judge) routingPatient(patient fhir.Node) {
	routing := j.entries[0].Resource.Extension(routingURL)
	if j.rules.code != birthNotification {
		j.routingNumber(routing, patient)
	}
	j.routingName(routing, patient)
	j.routingBirthDate(routing, patient)
}

func (j *judge) routingNumber(routing, patient fhir.Node) {
	wanted := routing.Extension("nhsNumber").At("valueIdentifier", "value").ValueBytes()
	for n := range patient.ChildrenNamed("identifier") {
		if got := n.Child("value").ValueBytes(); isNHSNumber(n) && !bytes.Equal(got, wanted) && otherNumber(got, wanted) {
			j.report(finding{
				rule: PatientRouting, source: genericPage, code: "business-rule", at: n,
				text: "the Patient of a message has the NHS number of the routing demographics; received another",
			})
		}
	}
}

// otherNumber reports whether two texts are different NHS numbers. Whether they
// are numbers at all, other rules say.
func otherNumber(a, b []byte) bool {
	first, err := nhs.ParseNHSNumber(string(a))
	if err != nil {
		return false
	}
	second, err := nhs.ParseNHSNumber(string(b))
	return err == nil && first != second
}

// routingName: the official name is the one that PDS has. Where none is marked
// as official, one of all has to agree.
func (j *judge) routingName(routing, patient fhir.Node) {
	wanted := routing.Extension("name").Child("valueHumanName")
	if !wanted.Exists() {
		return
	}
	marked := anyAt(patient, nameOfPatient, isOfficial)
	agrees := anyAt(patient, nameOfPatient, func(n fhir.Node) bool { return (!marked || isOfficial(n)) && sameName(wanted, n) })
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
func sameName(a, b fhir.Node) bool {
	return samePart(a.Child("family"), b.Child("family")) && samePart(a.Child("given"), b.Child("given"))
}

func samePart(a, b fhir.Node) bool {
	if !a.HasValue() || !b.HasValue() || bytes.Equal(a.ValueBytes(), b.ValueBytes()) {
		return true
	}
	return nhs.SameName(a.Value(), b.Value())
}

// birthDateExample is an official message, valid STU3, whose Patient has another
// birth date than its routing demographics.
const birthDateExample = "PDS-Change-Of-Address-ems-example.xml"

const birthTimeURL = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"

// routingBirthDate: the routing demographics have a birth date and time; that
// of the Patient, or its birth date, has to be the same day.
func (j *judge) routingBirthDate(routing, patient fhir.Node) {
	wanted := routing.Extension("birthDateTime").Choice("value").ValueBytes()
	date := patient.Child("birthDate")
	born := date.Extension(birthTimeURL).Choice("value")
	if born.HasValue() && sameDay(wanted, born.ValueBytes()) || sameDay(wanted, date.ValueBytes()) {
		return
	}
	j.report(finding{
		rule: PatientRouting + "-birthDate", source: genericPage, brokenBy: birthDateExample, code: "business-rule", at: date,
		text: "the Patient of a message has the birth date of the routing demographics; received another",
	})
}

// sameDay compares a moment, or a date, with a date. Where one is partial only
// what both have counts; a moment may be that day in the United Kingdom.
func sameDay(moment, date []byte) bool {
	length := min(len(moment), len(date), len(time.DateOnly))
	if bytes.Equal(moment[:length], date[:length]) {
		return true
	}
	day, err := time.Parse(time.DateOnly, string(date[:length]))
	return err == nil && nhs.IsDay(string(moment), day)
}
