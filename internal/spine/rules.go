package spine

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"nems/internal/jwt"
	"nems/internal/nhs"
	"nems/internal/refuse"
)

// leeway is how far the clocks of a caller and of this service may differ
// (decision 2).
const leeway = 60 * time.Second

// latest is the largest number that is read as a moment in seconds: ten digits.
// A larger number is in milliseconds.
const latest = 9_999_999_999

// tokenUse is what a token is used for, and when.
type tokenUse struct {
	now      time.Time
	endpoint Endpoint // zero: any
	profile  Profile
	from     nhs.ASID // "" when there is no request to compare with
}

// rule says what one claim must be. Before check runs, the claim is known to
// have the right JSON type and some value.
type rule struct {
	claim    claim
	required bool
	number   bool   // a whole number instead of a string
	expected string // for people
	check    func(c *claims, use tokenUse) *refuse.Refusal
}

// rules are all the rules about claims, in the order in which they are checked.
// Sources: both "Generic API Guidance" pages ("JWT Claims"); Spine Core,
// "Access Tokens and Audit (JWT)"; decision 2.
var rules = []rule{
	{issuer, true, false, "the URI of whoever issued the token", nil},
	{audience, true, false, "the URL of the endpoint", nil},
	{expires, true, true, "the end of its validity in whole seconds since 1970 (UTC)", checkExpires},
	{issued, true, true, "the moment it was made in whole seconds since 1970 (UTC)", checkIssued},
	{notBefore, false, true, "the start of its validity in whole seconds since 1970 (UTC)", checkNotBefore},
	{reason, true, false, "directcare, secondaryuses or patientaccess", checkReason},
	{scope, true, false, "a list of scopes with blanks between them", checkScope},
	{requestingSystem, true, false, jwt.ASIDNaming + "|[ASID]", checkSystem},
	{requestingOrganisation, false, false, jwt.ODSNaming + "|[ODS code]", nil},
	{requestingOrganization, false, false, jwt.ODSNaming + "|[ODS code]", checkOrganisation},
	{requestingUser, false, false, "the identifier of the user, or no such claim", nil},
	{subject, true, false, "the value of requesting_user, or that of requesting_system if there is no user", checkSubject},
	{requestingPatient, false, false, "a valid NHS number, or no such claim", checkPatient},
	{tokenID, false, false, "an identifier of the token, or no such claim", nil},
}

// apply checks the claims against the rule.
func (r *rule) apply(c *claims, use tokenUse) *refuse.Refusal {
	name, value := claimNames[r.claim], &c[r.claim]
	received := ""
	switch {
	case value.kind == 0 && r.required:
		return refuse.ClaimMissing(name, r.expected)
	case value.kind == 0 && r.claim == requestingOrganization: // the check looks at both spellings
		return r.check(c, use)
	case value.kind == 0:
		return nil
	case r.number && (value.kind != '0' || !value.whole):
		received = kindName(value.kind)
		if value.kind == '0' {
			received = "a number that is not whole or too large"
		}
	case r.number:
	case r.claim == audience && value.items: // RFC 7519, section 4.1.3, allows a list
	case value.kind != '"':
		received = kindName(value.kind)
	case isBlank(value.text):
		received = "an empty string"
	}
	if received != "" {
		return refuse.ClaimInvalid(name, r.expected, received)
	}
	if r.check == nil {
		return nil
	}
	return r.check(c, use)
}

func checkExpires(c *claims, use tokenUse) *refuse.Refusal {
	end := c[expires].number
	if refusal := inSeconds("exp", end); refusal != nil {
		return refusal
	}
	if time.Unix(end, 0).Add(leeway).After(use.now) {
		return nil
	}
	return refuse.ClaimInvalid("exp", "a moment ahead of now, which is "+stamp(use.now), stamp(time.Unix(end, 0))+": the token has expired, make a new one")
}

func checkIssued(c *claims, use tokenUse) *refuse.Refusal {
	return started("iat", c[issued].number, use.now)
}
func checkNotBefore(c *claims, use tokenUse) *refuse.Refusal {
	return started("nbf", c[notBefore].number, use.now)
}

// started refuses a moment in the future.
func started(name string, seconds int64, now time.Time) *refuse.Refusal {
	if refusal := inSeconds(name, seconds); refusal != nil {
		return refusal
	}
	if !time.Unix(seconds, 0).After(now.Add(leeway)) {
		return nil
	}
	return refuse.ClaimInvalid(name, "no moment after now, which is "+stamp(now), stamp(time.Unix(seconds, 0))+": set the clock")
}

// inSeconds refuses what cannot be a number of seconds.
func inSeconds(name string, n int64) *refuse.Refusal {
	if n >= 0 && n <= latest {
		return nil
	}
	received := "a negative number"
	if n > latest {
		received = fmt.Sprintf("a number of %d digits: is it in milliseconds?", len(strconv.FormatInt(n, 10)))
	}
	return refuse.ClaimInvalid(name, "seconds since 1970 (UTC), at most ten digits", received)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func checkReason(c *claims, _ tokenUse) *refuse.Refusal {
	switch given := c[reason].text; given {
	case "directcare", "secondaryuses", "patientaccess":
		return nil
	default:
		return refuse.ClaimInvalid("reason_for_request", "directcare, secondaryuses or patientaccess", refuse.Describe(given))
	}
}

// scopes returns the scopes that are accepted at an endpoint; one of them is
// enough. Reading with the scope of writing is accepted, because clients in use
// do so.
func (e Endpoint) scopes() []string {
	switch e {
	case EndpointPublish:
		return publishScopes
	case EndpointCreate, EndpointDelete, EndpointBatch:
		return writeScopes
	case EndpointRead, EndpointSearch:
		return readScopes
	default:
		return anyScope
	}
}

// The scopes of the two "Generic API Guidance" pages.
var (
	publishScopes = []string{"patient/Bundle.write"}
	writeScopes   = []string{"patient/Subscription.write"}
	readScopes    = []string{"patient/Subscription.read", "patient/Subscription.write"}
	anyScope      = []string{"patient/Bundle.write", "patient/Subscription.read", "patient/Subscription.write"}
)

func checkScope(c *claims, use tokenUse) *refuse.Refusal {
	needed := use.endpoint.scopes()
	for given := range strings.SplitSeq(c[scope].text, " ") {
		for _, one := range needed {
			if given == one {
				return nil
			}
		}
	}
	received := refuse.Describe(c[scope].text)
	if isScopeText(c[scope].text) {
		received = refuse.Show(c[scope].text)
	}
	return refuse.ScopeInsufficient(needed, received)
}

// isScopeText reports whether s looks like scopes, and so can be shown.
func isScopeText(s string) bool {
	for part := range strings.SplitSeq(s, " ") {
		kind, rest, found := strings.Cut(part, "/")
		if !found || kind != "patient" && kind != "organization" && kind != "user" || len(rest) > 40 {
			return false
		}
	}
	return true
}

func checkSystem(c *claims, use tokenUse) *refuse.Refusal {
	asid, ok := c.asid()
	if !ok {
		return refuse.ClaimInvalid("requesting_system", jwt.ASIDNaming+"|[ASID] with an ASID of twelve digits", refuse.Describe(c[requestingSystem].text))
	}
	if use.from != "" && asid != use.from {
		return refuse.ClaimInvalid("requesting_system", "the ASID of the fromASID header, "+refuse.Show(string(use.from)), refuse.Show(string(asid)))
	}
	return nil
}

func checkOrganisation(c *claims, use tokenUse) *refuse.Refusal {
	british, oxford := c.given(requestingOrganisation), c.given(requestingOrganization)
	if !british && !oxford {
		if use.profile == Observed {
			return nil
		}
		return refuse.ClaimMissing("requesting_organisation", jwt.ODSNaming+"|[ODS code]")
	}
	var codes []nhs.ODSCode
	for _, spelling := range []claim{requestingOrganisation, requestingOrganization} {
		if !c.given(spelling) {
			continue
		}
		code, ok := c.organisation(spelling)
		if !ok {
			return refuse.ClaimInvalid(claimNames[spelling], jwt.ODSNaming+"|[ODS code]", refuse.Describe(c[spelling].text))
		}
		codes = append(codes, code)
	}
	if len(codes) == 2 && codes[0] != codes[1] {
		return refuse.ClaimInvalid("requesting_organization", "the same as requesting_organisation, "+refuse.Show(string(codes[0])), refuse.Show(string(codes[1])))
	}
	return nil
}

func checkSubject(c *claims, _ tokenUse) *refuse.Refusal {
	if c.given(requestingUser) {
		if c[subject].text == c[requestingUser].text {
			return nil
		}
		return refuse.ClaimInvalid("sub", "the value of requesting_user", "another value")
	}
	if c[subject].text == c[requestingSystem].text {
		return nil
	}
	return refuse.ClaimInvalid("sub", "the value of requesting_system, because there is no requesting_user", "another value")
}

func checkPatient(c *claims, _ tokenUse) *refuse.Refusal {
	if _, ok := c.patient(); ok {
		return nil
	}
	return refuse.ClaimInvalid("requesting_patient", jwt.NHSNumberNaming+"|[NHS number] with a valid NHS number", "something else")
}
