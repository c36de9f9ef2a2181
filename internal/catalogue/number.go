package catalogue

import (
	"nems/internal/fhir"
	"nems/internal/nhs"
)

// Systems under which NHS numbers are written. They count as equal (decision 21).
const (
	nhsNumberSystem    = "https://fhir.nhs.uk/Id/nhs-number"
	nhsNumberSystemOld = "http://fhir.nhs.net/Id/nhs-number"
	routingURL         = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-RoutingDemographics-1"
	numberPage         = "https://www.datadictionary.nhs.uk/attributes/nhs_number.html"
)

func isNHSNumber(identifier fhir.Node) bool {
	system := identifier.Child("system")
	return system.EqualValue(nhsNumberSystem) || system.EqualValue(nhsNumberSystemOld)
}

// number checks an NHS number in any resource, contained ones included: every
// number in a message must have been verified
// ("publication_general_api_guidance").
func (j *judge) number(identifier fhir.Node) {
	value := identifier.Child("value")
	if !isNHSNumber(identifier) || !value.HasValue() {
		return
	}
	n, err := nhs.ParseNHSNumber(value.Value())
	if err == nil && n.Digits() != value.Value() {
		err = nhs.ErrNHSNumberForm // blanks are allowed for people, but subscribers get the number as written
	}
	if err != nil {
		j.report(finding{
			rule: "nhs-number-check", source: numberPage, code: "value", at: value, text: err.Error() + "; received another",
		})
	}
}
