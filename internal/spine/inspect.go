package spine

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"nems/internal/jwt"
	"nems/internal/nhs"
	"nems/internal/refuse"
)

// Inspected is one thing that was looked at in a request.
type Inspected struct {
	// Name says what: a header (header-from-asid), the token's form or one of its claims
	// (token-scope), or all mandatory ones (token-claims).
	Name string
	// Problem says what is wrong and what to change; "" when nothing is.
	Problem string
}

// Inspect looks at everything that the specification says about the headers and
// the token of a request, where Enter stops at the first thing that it refuses. It
// has the rules of the profile Strict, and some that no service needs in order to
// work: how long a token lives, and the naming systems of its identifiers. Neither
// registrations nor signatures are looked at.
func Inspect(r Request, nems nhs.ASID, now time.Time) []Inspected {
	i := inspection{request: r, now: now}
	_, refusal := ContentType(r.Header, r.Endpoint)
	if refusal == nil && r.Endpoint == EndpointPublish && r.Header.Get("Content-Type") == "" { // "any event message must have one"
		refusal = unsupported("Content-Type", r.Endpoint, "none")
	}
	if r.Endpoint.hasBody() {
		i.note("header-content-type", refusal)
	}
	_, refusal = Negotiate(r.Header, r.Format, r.Endpoint)
	i.note("header-accept", refusal)
	from := i.asid("header-from-asid", "fromASID", "Fromasid")
	to := i.asid("header-to-asid", "toASID", "Toasid")
	if to != "" && to != nems {
		i.note("header-to-asid", refuse.ASIDCheckFailed("toASID "+refuse.Show(string(to))+" is not this service: expected "+refuse.Show(string(nems))))
	}
	value, refusal := single(r.Header, "InteractionID", "Interactionid")
	if refusal == nil {
		_, refusal = fittingInteraction(value, r.Endpoint)
	}
	i.note("header-interaction-id", refusal)
	i.token(from)
	return i.all
}

// inspection collects what was looked at.
type inspection struct {
	request Request
	now     time.Time
	all     []Inspected
}

// note records that something was looked at. What was noted before as fine is
// replaced.
func (i *inspection) note(name string, refusal *refuse.Refusal) {
	problem := ""
	if refusal != nil {
		problem = refusal.Issues[0].Diagnostics
	}
	i.say(name, problem)
}

func (i *inspection) say(name, problem string) {
	for n := range i.all {
		if i.all[n].Name == name {
			if i.all[n].Problem == "" {
				i.all[n].Problem = problem
			}
			return
		}
	}
	i.all = append(i.all, Inspected{name, problem})
}

// asid looks at a header with an ASID.
func (i *inspection) asid(what, name, canonical string) nhs.ASID {
	value, refusal := single(i.request.Header, name, canonical)
	var asid nhs.ASID
	if refusal == nil {
		asid, refusal = parseASIDHeader(name, value)
	}
	i.note(what, refusal)
	return asid
}

// token looks at the Authorization header and, if it can be taken apart, at the
// token in it.
func (i *inspection) token(from nhs.ASID) {
	value, refusal := singleToken(i.request.Header)
	text := ""
	if refusal == nil {
		text, refusal = bearer(value)
	}
	i.note("header-authorization", refusal)
	if refusal != nil {
		if text = schemeless(value); text == "" {
			return
		}
	}
	if header, _, _, refusal := split(text); refusal == nil {
		i.note("token-header", (&token{}).readHeader(header))
	}
	t, refusal := parseToken(text)
	i.note("token-form", refusal)
	if refusal != nil {
		return
	}
	i.claims(&t.claims, tokenUse{now: i.now, endpoint: i.request.Endpoint, from: from})
	i.customs(&t.claims)
}

// claims looks at the claims: whether the mandatory ones are there, of the right type,
// and then what they say.
func (i *inspection) claims(c *claims, use tokenUse) {
	i.say("token-claims", "")
	for n := range rules {
		r := &rules[n]
		there := c.given(r.claim) || r.claim == requestingOrganization && c.given(requestingOrganisation)
		if !there && !r.required && r.claim != requestingOrganization {
			continue
		}
		refusal := r.apply(c, use)
		formed := *r
		formed.check = nil
		if !there || c.given(r.claim) && formed.apply(c, use) != nil {
			i.add("token-claims", refusal)
		} else {
			i.note(about[r.claim], refusal)
		}
	}
}

// about says what each claim is a part of.
var about = [numberOfClaims]string{
	issuer: "token-issuer", subject: "token-subject", audience: "token-audience",
	expires: "token-times", issued: "token-times", notBefore: "token-times",
	reason: "token-reason", scope: "token-scope", requestingSystem: "token-system",
	requestingOrganisation: "token-organisation", requestingOrganization: "token-organisation",
	requestingUser: "token-user", requestingPatient: "token-patient", tokenID: "token-claims",
}

// add records a problem beside others of the same name.
func (i *inspection) add(name string, refusal *refuse.Refusal) {
	if refusal != nil {
		i.all = append(i.all, Inspected{name, refusal.Issues[0].Diagnostics})
	}
}

// schemeless returns a token that was sent without its scheme, as some clients do, so that
// the token can be looked at too.
func schemeless(value string) string {
	if value = strings.TrimSpace(value); strings.Count(value, ".") == 2 && !strings.Contains(value, " ") {
		return value
	}
	return ""
}

// customs looks at what services tolerate. Source: Spine Core, "Access Tokens and
// Audit (JWT)", "JWT Payload" and "Population of JWT attributes".
func (i *inspection) customs(c *claims) {
	if c[expires].whole && c[issued].whole {
		problem := ""
		if lives := time.Duration(c[expires].number-c[issued].number) * time.Second; lives > jwt.Lifetime {
			problem = fmt.Sprintf("JWT exp claim: expected the moment of iat and five minutes, received one %s after iat", lives)
		}
		i.say("token-times", problem)
	}
	for _, known := range []struct {
		claim  claim
		naming string
	}{{requestingSystem, jwt.ASIDNaming}, {requestingOrganisation, jwt.ODSNaming}, {requestingOrganization, jwt.ODSNaming}} {
		if c.given(known.claim) {
			problem := ""
			if !strings.HasPrefix(c[known.claim].text, known.naming+"|") {
				problem = "JWT " + claimNames[known.claim] + " claim: expected the naming system " + known.naming + " and a bar before the identifier, received none or another"
			}
			i.say(about[known.claim], problem)
		}
	}
	for _, known := range []claim{issuer, audience} {
		if c[known].text != "" {
			problem := ""
			if u, err := url.Parse(c[known].text); err != nil || u.Scheme == "" {
				problem = "JWT " + claimNames[known] + " claim: expected a URL, received " + refuse.Describe(c[known].text)
			}
			i.say(about[known], problem)
		}
	}
}

// Declared returns what a request says about its sender, as far as it can be read;
// none of it is proven.
func Declared(h http.Header) (from nhs.ASID, organisation nhs.ODSCode) {
	from = claimedASID(h)
	value, refusal := singleToken(h)
	if refusal != nil {
		return from, ""
	}
	text, refusal := bearer(value)
	if refusal != nil {
		text = schemeless(value)
	}
	t, refusal := parseToken(text)
	if refusal != nil {
		return from, ""
	}
	for _, spelling := range []claim{requestingOrganisation, requestingOrganization} {
		if code, ok := t.claims.organisation(spelling); ok && t.claims.given(spelling) {
			organisation = code
		}
	}
	return from, organisation
}
