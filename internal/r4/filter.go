package r4

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"nems/internal/subscription"
)

// topicBase precedes an event's code in the canonical URL of its topic. The code
// has the version at its end.
const topicBase = "urn:nhs-uk:nems:topic:"

// filter is a filter of all topics, and what stands for it in the criteria of a
// subscription of the service.
type filter struct {
	name, component, rule string
	description           string
}

const nhsNumbers = "https://fhir.nhs.uk/Id/nhs-number"

// filters are those that a topic can be filtered by. A subscription has one of those
// that name a patient or a place, and may have the others too.
var filters = []filter{
	{"patient", "Patient.identifier", "", "The patient: " + nhsNumbers + "|[NHS number]"},
	{"gp-practice", "", subscription.RulePractice, "Patients of a GP practice: its ODS code"},
	{"gp-area", "", subscription.RuleSubICBOfGP, "Patients of the GP practices in an ICB sub-location: its ODS code"},
	{"home-area", "", subscription.RuleSubICBPostcode, "Patients who live in an ICB sub-location: its ODS code"},
	{"local-authority", "", subscription.RuleLocalAuthority, "Patients who live in a local authority: its code"},
	{"country", "", subscription.RuleCountry, "Patients who live in a country: its ONS code, such as E92000001"},
	{"age", "Patient.age", "", "Age in whole years, with lt, le, gt, ge or eq before it; at most two"},
	{"gp-registration", "GPRegistration", "", "registered or unregistered: whether the patient has a GP practice"},
}

func filterNames() string {
	var names []string
	for _, f := range filters {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

var registrations = map[string]subscription.Registration{"registered": subscription.RegisteredOnly, "unregistered": subscription.UnregisteredOnly}

// filtersAt is where filters stand in a Subscription.
const filtersAt = "Subscription.criteria.extension('" + filterURL + "').value"

// criteria translates a topic's event code and filters into criteria of the service.
// What is wrong is reported to r, and the text is "" then.
func (r *reader) criteria(code string, given []string) string {
	before := len(r.issues)
	text := "/Bundle?type=message"
	placed := ""
	for _, search := range given {
		for pair := range strings.SplitSeq(unprefixed(search), "&") {
			name, value, found := strings.Cut(pair, "=")
			i := slices.IndexFunc(filters, func(f filter) bool { return f.name == name })
			switch {
			case !found || i < 0:
				r.wrong(filtersAt, "not-supported", "[filter]=[value] with a filter of the topic: "+filterNames(), received(any(name)))
				continue
			case value == "":
				r.wrong(filtersAt, "value", "a value after "+name+"=", "none")
				continue
			case name == "gp-registration":
				if registrations[value] == 0 {
					r.wrong(filtersAt, "value", "gp-registration=registered or gp-registration=unregistered", received(any(value)))
				}
				value = registrations[value].String()
			}
			if f := filters[i]; f.component != "" {
				text += "&" + f.component + "=" + value
			} else if placed != "" {
				r.wrong(filtersAt, "value", "one place", "both "+placed+" and "+name)
			} else {
				placed = name
				text += "&subscriptionRuleType=" + f.rule + "&Organization.identifier=" + value
			}
		}
	}
	if len(r.issues) == before {
		r.parsed(text+"&MessageHeader.event="+code, given)
	}
	if len(r.issues) > before {
		return ""
	}
	return text + "&MessageHeader.event=" + code
}

// parsed has the service's own parser judge criteria, and says what it finds in the
// words of filters.
func (r *reader) parsed(text string, given []string) {
	_, err := subscription.ParseCriteria(text)
	var wrong *subscription.CriteriaError
	if !errors.As(err, &wrong) {
		return
	}
	if len(given) == 0 || wrong.Component == "criteria" {
		r.missing(filtersAt, "one filter that names a patient or a place: patient, gp-practice, gp-area, home-area, local-authority or country")
		return
	}
	component := wrong.Component
	for _, f := range filters {
		if f.component == component {
			component = f.name
		}
	}
	r.wrong(filtersAt, "value", component+": "+wrong.Expected, wrong.Received)
}

// unprefixed removes the type of resource before a filter, which is needed only where
// filters of several resources have the same name.
func unprefixed(search string) string {
	for _, prefix := range []string{"Bundle?", "Bundle."} {
		if rest, ok := strings.CutPrefix(search, prefix); ok {
			return rest
		}
	}
	return search
}

// filtersOf writes criteria as filters, in one form whatever they were written in.
func filtersOf(c subscription.Criteria) []string {
	var out []string
	if c.Explicit() {
		out = append(out, "patient="+nhsNumbers+"|"+c.Patient.Digits())
	}
	for _, f := range filters {
		if f.rule != "" && f.rule == c.Rule {
			out = append(out, f.name+"="+c.Organisation)
		}
	}
	for _, age := range c.Ages {
		out = append(out, "age="+age.String())
	}
	for name, registration := range registrations {
		if c.Registration == registration {
			out = append(out, "gp-registration="+name)
		}
	}
	return out
}

// sameFilters reports whether filters ask for what criteria ask for.
func sameFilters(text string, c subscription.Criteria) bool {
	other, err := subscription.ParseCriteria(text)
	return err == nil && fmt.Sprint(filtersOf(other), other.Events) == fmt.Sprint(filtersOf(c), c.Events)
}
