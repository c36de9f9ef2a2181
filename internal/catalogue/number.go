package catalogue

import (
	"nems/internal/fhir"
	"nems/internal/nhs"
)

// Systems under which NHS numbers are written; equal (design, decision 21).
const (
	nhsNumberSystem    = "https://fhir.nhs.uk/Id/nhs-number"
	nhsNumberSystemOld = "http://fhir.nhs.net/Id/nhs-number"
	routingURL         = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-RoutingDemographics-1"
	numberPage         = "https://www.datadictionary.nhs.uk/attributes/nhs_number.html"
)

// numbers checks the NHS numbers of a header or a patient.
func (j *judge) numbers(e *entry) {
	switch e.name {
	case "MessageHeader":
		for n := range e.Resource.Extension(routingURL).Extension("nhsNumber").ChildrenNamed("valueIdentifier") {
			j.number(n)
		}
	case "Patient":
		for n := range e.Resource.ChildrenNamed("identifier") {
			if isNHSNumber(n) {
				j.number(n)
			}
		}
	}
}

func isNHSNumber(identifier fhir.Node) bool {
	system := identifier.Child("system")
	return system.EqualValue(nhsNumberSystem) || system.EqualValue(nhsNumberSystemOld)
}

func (j *judge) number(identifier fhir.Node) {
	value := identifier.Child("value")
	if !value.HasValue() {
		return
	}
	n, err := nhs.ParseNHSNumber(value.Value())
	if err == nil && n.Digits() != value.Value() {
		err = nhs.ErrNHSNumberForm // blanks are for people: subscribers get the number as it stands
	}
	if err != nil {
		j.report(finding{
			rule: "nhs-number-check", source: numberPage, code: "value", at: value, text: err.Error() + "; received another",
		})
	}
}

// routingPatient compares the NHS numbers of Patient resources with the
// routing one. Births, which are about two patients, name neither rule nor
// number for that.
func (j *judge) routingPatient() {
	if len(j.entries) == 0 || j.rules.code == birthNotification {
		return
	}
	routing := j.entries[0].Resource.Extension(routingURL).Extension("nhsNumber").At("valueIdentifier", "value").Value()
	wanted, err := nhs.ParseNHSNumber(routing)
	if err != nil {
		return
	}
	for i := range j.entries {
		if j.entries[i].name != "Patient" {
			continue
		}
		for n := range j.entries[i].Resource.ChildrenNamed("identifier") {
			got, err := nhs.ParseNHSNumber(n.Child("value").Value())
			if isNHSNumber(n) && err == nil && got != wanted {
				j.report(finding{
					rule: "patient-routing", source: genericPage, code: "business-rule", at: n,
					text: "the Patient of a message has the NHS number of the routing demographics; received another",
				})
			}
		}
	}
}

// birthNotification is the one event type about two patients.
const birthNotification = "pds-birth-notification-1"
