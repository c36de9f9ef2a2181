package subscription

import (
	"net/url"
	"strings"
)

// Parts are the components of a criteria string, as whoever subscribes thinks of them.
// Empty ones are left out. Nothing is checked here: ParseCriteria does that.
type Parts struct {
	Patient            string // NHS number
	Rule, Organisation string
	Events, Ages       []string // ages such as lt5
	Registration       string
	ServiceType        string
	Tag                string
}

// Search writes the search string that a Subscription resource holds (NEMS
// specification, "Create Subscription", Criteria Components). Whatever the values
// hold, none of them becomes another component. It may name a patient.
func (p Parts) Search() string {
	parts := []string{"/Bundle?type=message"}
	add := func(name, before string, values ...string) {
		for _, value := range values {
			if value != "" {
				parts = append(parts, name+"="+before+strings.ReplaceAll(url.QueryEscape(value), "+", "%20"))
			}
		}
	}
	add(serviceType, "", p.ServiceType)
	add(patientIdentifier, "https://fhir.nhs.uk/Id/nhs-number|", p.Patient)
	add(subscriptionRuleType, "", p.Rule)
	add(organisationIdentifier, "", p.Organisation)
	add(messageEvent, "", p.Events...)
	add(patientAge, "", p.Ages...)
	add(gpRegistration, "", p.Registration)
	add(tagComponent, "", p.Tag)
	return strings.Join(parts, "&")
}
