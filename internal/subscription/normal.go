package subscription

// The beginning of every criteria string.
const criteriaPrefix = "/Bundle?type=message"

// The systems of an NHS number: the current one, and the one that examples in
// the NEMS specification still use. They mean the same.
const (
	nhsNumberSystem    = "https://fhir.nhs.uk/Id/nhs-number"
	nhsNumberSystemOld = "http://fhir.nhs.net/Id/nhs-number"
)

// Normal returns the criteria in normal form. Two criteria strings ask for the
// same exactly when their normal forms are equal. The order of components and
// event codes, the spelling of the NHS number's system and of ages ("lt6" is
// "le5") make no difference; tag and serviceType do. ParseCriteria can read the
// result.
//
// It contains the NHS number of an explicit subscription: keep it out of logs.
func (c Criteria) Normal() string {
	if c.MNS.Type != "" {
		return c.MNS.normal()
	}
	b := make([]byte, 0, 256)
	b = append(b, criteriaPrefix...)
	add := func(name, value string) {
		if value != "" {
			b = append(append(append(append(b, '&'), name...), '='), value...)
		}
	}
	add(serviceType, c.ServiceType)
	if c.Explicit() {
		add(patientIdentifier, nhsNumberSystem+"|"+c.Patient.Digits())
	}
	for _, code := range c.EventCodes() {
		add(messageEvent, code)
	}
	if len(c.Ages) > 0 {
		for _, a := range rangeOf(c.Ages).filters() {
			add(patientAge, a.String())
		}
	}
	add(gpRegistration, c.Registration.String())
	add(subscriptionRuleType, c.Rule)
	add(organisationIdentifier, c.Organisation)
	add(tagComponent, c.Tag)
	return string(b)
}

// String returns the registration as criteria write it; "" for AnyRegistration.
func (r Registration) String() string {
	switch r {
	case RegisteredOnly:
		return "RegisteredOnly"
	case UnregisteredOnly:
		return "UnregisteredOnly"
	}
	return ""
}
