package subscription

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"nems/internal/nhs"
)

// code reads a component that may occur once and takes one of a few words.
func code(name string, into *string, value string, allowed ...string) error {
	if *into != "" {
		return twice(name)
	}
	if !slices.Contains(allowed, value) {
		return wrong(name, "one of "+strings.Join(allowed, ", "), shown(value))
	}
	*into = value
	return nil
}

func twice(name string) error { return wrong(name, "at most one", "a second one") }

func (p *parser) service(value string) error {
	return code(serviceType, &p.ServiceType, value, "GP", "CHO", "UHV", "EPCHR")
}

func (p *parser) rule(value string) error {
	return code(subscriptionRuleType, &p.Rule, value,
		RulePractice, RuleSubICBOfGP, RuleSubICBPostcode, RuleLocalAuthority, RuleCountry)
}

func (p *parser) registration(value string) error {
	before := p.Registration.String()
	if err := code(gpRegistration, &before, value, RegisteredOnly.String(), UnregisteredOnly.String()); err != nil {
		return err
	}
	p.Registration = RegisteredOnly
	if value == UnregisteredOnly.String() {
		p.Registration = UnregisteredOnly
	}
	return nil
}

// patient reads the patient of an explicit subscription.
func (p *parser) patient(value string) error {
	if !p.Patient.IsZero() {
		return twice(patientIdentifier)
	}
	parsed, err := ParsePatient(patientIdentifier, value)
	p.Patient = parsed
	return err
}

// event reads an event code. A repeated code has no effect.
func (p *parser) event(value string) error {
	p.events++
	if len(value) > maxEvent || strings.ContainsFunc(value, func(r rune) bool { return !isCodeRune(r) }) {
		return wrong(messageEvent, "an event code such as `pds-change-of-gp-1`", shown(value))
	}
	if !slices.Contains(p.Events, value) {
		p.Events = append(p.Events, value)
	}
	return nil
}

func isCodeRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.'
}

// age reads a filter such as `lt14`; a number alone means exactly that age.
func (p *parser) age(value string) error {
	if len(p.Ages) == maxAges {
		return wrong(patientAge, "at most two", "a third one")
	}
	op, number := Equal, value
	for _, prefix := range agePrefixes {
		if rest, found := strings.CutPrefix(value, prefix.text); found {
			op, number = prefix.op, rest
			break
		}
	}
	years, err := strconv.ParseUint(number, 10, 0)
	if err != nil || len(number) > 3 {
		return wrong(patientAge, "lt, gt, le, ge, eq or nothing and an age of one to three digits, such as `lt14`", shown(value))
	}
	p.Ages = append(p.Ages, Age{op, int(years)})
	return nil
}

func (p *parser) organisation(value string) error {
	if p.Organisation != "" {
		return twice(organisationIdentifier)
	}
	parsed, err := nhs.ParseODSCode(value)
	if err != nil {
		return wrong(organisationIdentifier, "a code of 1 to 12 letters and digits", shown(value))
	}
	p.Organisation = string(parsed)
	return nil
}

// tag reads the subscriber's tag: at most 100 of the characters that the page
// lists.
func (p *parser) tag(value string) error {
	if p.Tag != "" {
		return twice(tagComponent)
	}
	for _, r := range value {
		if !(isCodeRune(r) && r != '.' || r == '|' || r == ',') {
			return wrong(tagComponent, "letters, digits, `-`, `_`, `|` and `,` only", fmt.Sprintf("the character %U", r))
		}
	}
	if len(value) > maxTag {
		return wrong(tagComponent, fmt.Sprintf("at most %d characters", maxTag), strconv.Itoa(len(value)))
	}
	p.Tag = value
	return nil
}

// complete checks the rules that involve several components.
func (p *parser) complete() error {
	explicit, generic := !p.Patient.IsZero(), p.Rule != ""
	switch {
	case explicit && generic:
		return wrong(subscriptionRuleType, "none beside Patient.identifier: a subscription is explicit or generic", "both")
	case explicit && p.Organisation != "":
		return wrong(organisationIdentifier, "none in an explicit subscription", "one beside Patient.identifier")
	case !explicit && !generic:
		return wrong("criteria", "Patient.identifier (explicit) or subscriptionRuleType (generic)", "neither")
	case generic && p.Organisation == "":
		return wrong(organisationIdentifier, "one beside subscriptionRuleType", "none")
	case p.Rule == RuleCountry && !slices.Contains(countries, p.Organisation):
		return wrong(organisationIdentifier, "with COUNTRYCODE one of "+strings.Join(countries, ", "), shown(p.Organisation))
	case p.events == 0:
		return wrong(messageEvent, "an event code", "none")
	case generic && p.events > 1:
		return wrong(messageEvent, "exactly one in a generic subscription", strconv.Itoa(p.events))
	}
	if r := rangeOf(p.Ages); r.min > r.max {
		return wrong(patientAge, "ages that a patient can have", "filters that exclude every age")
	}
	return nil
}
