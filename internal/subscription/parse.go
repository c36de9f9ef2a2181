package subscription

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// The components of a criteria string (NEMS specification, "Create
// Subscription", Criteria Components).
const (
	serviceType            = "serviceType"
	patientIdentifier      = "Patient.identifier"
	messageEvent           = "MessageHeader.event"
	patientAge             = "Patient.age"
	gpRegistration         = "GPRegistration"
	subscriptionRuleType   = "subscriptionRuleType"
	organisationIdentifier = "Organization.identifier"
	tagComponent           = "tag"
)

// Limits of a criteria string.
const (
	maxCriteria = 8 << 10 // bytes; the longest sensible string has a twentieth of that
	maxTag      = 100     // characters, the page's limit
	maxEvent    = 64
	maxAges     = 2
)

// ParseCriteria reads a criteria string. An error is always a *CriteriaError.
//
// The string begins with `/Bundle?type=message`, leading slash included, as on
// the page and in the assurance harness. The other components follow in any
// order, separated by `&`; percent-encoding is allowed. Ages that no patient
// can have ("gt60" and "lt14") are refused, because the subscriber would wait
// for ever. The caller must check whether the event codes, the organisation and
// the patient exist.
func ParseCriteria(s string) (Criteria, error) {
	if len(s) > maxCriteria {
		return Criteria{}, wrong("criteria", fmt.Sprintf("at most %d bytes", maxCriteria), strconv.Itoa(len(s)))
	}
	rest, found := strings.CutPrefix(s, criteriaPrefix)
	if !found || rest != "" && rest[0] != '&' {
		return Criteria{}, wrong("criteria", "a string that begins with `"+criteriaPrefix+"`", "another beginning")
	}
	p := parser{Criteria: Criteria{Text: s}}
	if rest != "" {
		n := 1 // type=message was the first
		for component := range strings.SplitSeq(rest[1:], "&") {
			n++
			if err := p.component(n, component); err != nil {
				return Criteria{}, err
			}
		}
	}
	if err := p.complete(); err != nil {
		return Criteria{}, err
	}
	return p.Criteria, nil
}

// parser fills Criteria, one component after the other. Its methods return an
// untyped nil or a *CriteriaError.
type parser struct {
	Criteria
	events int // how many components MessageHeader.event there were, repeated codes included
}

// component reads one component, the nth of the string.
func (p *parser) component(n int, text string) error {
	rawName, rawValue, found := strings.Cut(text, "=")
	switch {
	case text == "":
		return wrong(fmt.Sprintf("component %d", n), "NAME=VALUE", "nothing between two `&` or after the last one")
	case !found:
		return wrong(fmt.Sprintf("component %d", n), "NAME=VALUE", "no equals sign")
	}
	name, err1 := url.PathUnescape(rawName)
	value, err2 := url.PathUnescape(rawValue)
	if err1 != nil || err2 != nil {
		return wrong(fmt.Sprintf("component %d", n), "two hexadecimal digits after every `%`", "others")
	}
	read, known := readers[name]
	switch {
	case !known && name == "type":
		return wrong(name, "`message`, once, at the beginning", "a second one")
	case strings.HasPrefix(name, "amp;"):
		return wrong(fmt.Sprintf("component %d", n), "`&` between components", "an ampersand that was escaped twice")
	case !known:
		return wrong(fmt.Sprintf("component %d", n), "one of "+componentNames, shown(name))
	case value == "":
		return wrong(name, "a value", "none")
	}
	return read(p, value)
}

var readers = map[string]func(*parser, string) error{
	serviceType:            (*parser).service,
	patientIdentifier:      (*parser).patient,
	messageEvent:           (*parser).event,
	patientAge:             (*parser).age,
	gpRegistration:         (*parser).registration,
	subscriptionRuleType:   (*parser).rule,
	organisationIdentifier: (*parser).organisation,
	tagComponent:           (*parser).tag,
}

var componentNames = strings.Join([]string{serviceType, patientIdentifier, messageEvent, patientAge,
	gpRegistration, subscriptionRuleType, organisationIdentifier, tagComponent}, ", ")
