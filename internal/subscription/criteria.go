package subscription

import (
	"fmt"
	"slices"

	"nems/internal/nhs"
)

// Criteria is a parsed criteria string. It is explicit when Patient is set,
// generic when Rule is set.
type Criteria struct {
	Patient      nhs.NHSNumber
	Rule         string // subscriptionRuleType, "" for an explicit subscription
	Organisation string // Organization.identifier: ODS code, local authority or country code; in capitals
	Events       []string
	Ages         []Age
	Registration Registration
	ServiceType  string
	Tag          string
	// MNS is set if these are criteria of the MNS.
	MNS MNS
	// Text is the string as the subscriber wrote it. It is returned when the subscription is read.
	Text string
}

// The values of subscriptionRuleType.
const (
	RulePractice       = "GP_GP_GP"
	RuleSubICBOfGP     = "CHO_GP_CCG"
	RuleSubICBPostcode = "CHO_POSTCODE_CCG"
	RuleLocalAuthority = "UHV_POSTCODE_LACODE"
	RuleCountry        = "COUNTRYCODE"
)

var ruleKinds = map[string]Kind{
	RulePractice:       ByPractice,
	RuleSubICBOfGP:     BySubICBOfGP,
	RuleSubICBPostcode: BySubICBPostcode,
	RuleLocalAuthority: ByLocalAuthority,
	RuleCountry:        ByCountry,
	RuleEverybody:      ByEverybody,
}

// The countries that the rule COUNTRYCODE accepts, by their ONS codes.
var countries = []string{
	"E92000001",
	"W92000004",
	"S92000003",
	"N92000002",
	"L93000001",
	"M83000003",
}

// The names of those countries.
var countryNames = map[string]string{
	"E92000001": "England", "W92000004": "Wales", "S92000003": "Scotland", "N92000002": "Northern Ireland",
	"L93000001": "the Channel Islands", "M83000003": "the Isle of Man",
}

// Explicit reports whether the criteria name one patient; generic ones name a
// rule and an organisation.
func (c Criteria) Explicit() bool { return c.Rule == "" }

// Key returns the route key of the subscription; there is exactly one.
func (c Criteria) Key() RouteKey {
	if c.Explicit() {
		return RouteKey{ByPatient, c.Patient.Digits()}
	}
	return RouteKey{ruleKinds[c.Rule], c.Organisation}
}

// EventCodes returns the event codes, sorted and without repetitions.
func (c Criteria) EventCodes() []string {
	codes := slices.Clone(c.Events)
	slices.Sort(codes)
	return slices.Compact(codes)
}

// Format keeps the criteria out of everything that is printed, because they can
// name a patient.
func (c Criteria) Format(f fmt.State, _ rune) {
	if c.Explicit() {
		_, _ = f.Write([]byte("[criteria of an explicit subscription]"))
		return
	}
	fmt.Fprintf(f, "[criteria of the rule %s]", c.Rule)
}
