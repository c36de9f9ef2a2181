package spine

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"nems/internal/access"
	"nems/internal/jwt"
	"nems/internal/nhs"
	"nems/internal/refuse"
)

// claim numbers the claims that are used here.
type claim int

const (
	issuer claim = iota
	subject
	audience
	expires
	issued
	notBefore
	reason
	scope
	requestingSystem
	requestingOrganisation
	requestingOrganization
	requestingUser
	requestingPatient
	tokenID
	numberOfClaims
)

// claimNames are the names of the claims in tokens. Sources: Spine Core,
// "Access Tokens and Audit (JWT)"; both "Generic API Guidance" pages, which
// spell the organisation with an s; RFC 7519 (nbf, jti).
var claimNames = [numberOfClaims]string{
	issuer:                 "iss",
	subject:                "sub",
	audience:               "aud",
	expires:                "exp",
	issued:                 "iat",
	notBefore:              "nbf",
	reason:                 "reason_for_request",
	scope:                  "scope",
	requestingSystem:       "requesting_system",
	requestingOrganisation: "requesting_organisation",
	requestingOrganization: "requesting_organization",
	requestingUser:         "requesting_user",
	requestingPatient:      "requesting_patient",
	tokenID:                "jti",
}

// claims are the values of one token, as received.
type claims [numberOfClaims]claimValue

type claimValue struct {
	kind   jsontext.Kind // zero: the claim is absent
	text   string        // of a string
	number int64         // of a whole number
	whole  bool          // a whole number
	items  bool          // an array of strings
}

// given reports whether the claim is present, whatever its value.
func (c *claims) given(n claim) bool { return c[n].kind != 0 }

// member records one member of the payload. Unknown claims are ignored, as RFC
// 7519 says. A claim that differs from a known one only in capitals is refused,
// because some readers would take it for the real one.
func (c *claims) member(name []byte, value jsontext.Value) *refuse.Refusal {
	for n, known := range claimNames {
		if string(name) == known {
			c[n] = readClaim(value)
			return nil
		}
		if len(name) == len(known) && strings.EqualFold(string(name), known) {
			return refuse.TokenInvalid("the payload of the JWT has a claim " + refuse.Show(string(name)) + ": claims are spelled in small letters, expected " + strconv.Quote(known))
		}
	}
	return nil
}

func readClaim(value jsontext.Value) claimValue {
	v := claimValue{kind: value.Kind()}
	switch v.kind {
	case '"':
		if text, err := unquote(value); err == nil {
			v.text = string(text)
		}
	case '0':
		number, err := strconv.ParseInt(string(value), 10, 64)
		v.number, v.whole = number, err == nil
	case '[':
		v.items = isStringList(value)
	}
	return v
}

// isStringList reports whether value is an array of at least one string, where
// every string has some text.
func isStringList(value jsontext.Value) bool {
	count := 0
	for item := range arrayItems(value) {
		if text, err := unquote(item); item.Kind() != '"' || err != nil || isBlank(string(text)) {
			return false
		}
		count++
	}
	return count > 0
}

func isBlank(s string) bool { return strings.TrimSpace(s) == "" }

// identifier returns the value of an identifier, which may be preceded by its
// naming system and a bar.
func identifier(s string, namings ...string) (value string, ok bool) {
	naming, value, found := strings.Cut(s, "|")
	if !found {
		return s, true
	}
	for _, allowed := range namings {
		if naming == allowed {
			return value, true
		}
	}
	return "", false
}

// asid returns the ASID of requesting_system.
func (c *claims) asid() (nhs.ASID, bool) {
	value, ok := identifier(c[requestingSystem].text, jwt.ASIDNaming)
	if !ok {
		return "", false
	}
	asid, err := nhs.ParseASID(value)
	return asid, err == nil
}

// organisation returns the ODS code in the organisation claim with the given
// spelling.
func (c *claims) organisation(spelling claim) (nhs.ODSCode, bool) {
	value, ok := identifier(c[spelling].text, jwt.ODSNaming)
	if !ok {
		return "", false
	}
	code, err := nhs.ParseODSCode(value)
	return code, err == nil
}

// patient returns the NHS number of requesting_patient.
func (c *claims) patient() (nhs.NHSNumber, bool) {
	value, ok := identifier(c[requestingPatient].text, jwt.NHSNumberNaming, jwt.NHSNumberNamingOld)
	if !ok {
		return nhs.NHSNumber{}, false
	}
	number, err := nhs.ParseNHSNumber(value)
	return number, err == nil
}

// describe fills in what the claims say about the caller, after every rule was met.
func (c *claims) describe(caller *access.Caller) {
	caller.User, caller.Reason, caller.Scopes, caller.TokenID = c[requestingUser].text, c[reason].text, c[scope].text, c[tokenID].text
	for _, spelling := range []claim{requestingOrganisation, requestingOrganization} {
		if c.given(spelling) {
			caller.ODS, caller.Claimed = c.organisation(spelling)
		}
	}
	if c.given(requestingPatient) {
		caller.Patient, _ = c.patient()
	}
}
