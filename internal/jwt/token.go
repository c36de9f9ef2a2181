package jwt

import (
	"encoding/base64"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nems/internal/nhs"
)

// Lifetime is how long a token is valid according to Spine Core, "Access Tokens
// and Audit (JWT)".
const Lifetime = 5 * time.Minute

// Token is what a client says about itself in a JWT. Empty and zero fields are
// left out.
type Token struct {
	Issuer   string // iss
	Audience string // aud: URL of the endpoint
	Issued   time.Time
	Expires  time.Time     // zero means Issued plus Lifetime
	Reason   string        // reason_for_request: directcare, secondaryuses or patientaccess
	Scope    string        // such as patient/Subscription.write
	ASID     nhs.ASID      // requesting_system
	ODS      nhs.ODSCode   // requesting_organisation, as the NEMS pages spell it
	User     string        // requesting_user, with its naming system
	Patient  nhs.NHSNumber // requesting_patient
	ID       string        // jti
	// Subject is usually empty, because it follows from User and ASID. It is
	// here for tests of servers.
	Subject string
}

// Scopes that the endpoints of a NEMS require.
const (
	ScopePublish = "patient/Bundle.write"
	ScopeRead    = "patient/Subscription.read"
	ScopeWrite   = "patient/Subscription.write"
)

// Naming systems of identifiers in claims (Spine Core, "Access Tokens and Audit
// (JWT)", "Population of JWT attributes"). Both systems of NHS numbers are in
// use.
const (
	ASIDNaming         = "https://fhir.nhs.uk/Id/accredited-system"
	ODSNaming          = "https://fhir.nhs.uk/Id/ods-organization-code"
	NHSNumberNaming    = "https://fhir.nhs.uk/Id/nhs-number"
	NHSNumberNamingOld = "http://fhir.nhs.net/Id/nhs-number"
)

// Unsigned returns the token in compact form with alg none and an empty
// signature, so it ends with a dot.
func (t Token) Unsigned() string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + encode(t.Payload()) + "."
}

// Payload returns the claims as a JSON object, which is what a signature signs.
func (t Token) Payload() []byte {
	system, user, patient := identify(ASIDNaming, string(t.ASID)), t.User, identify(NHSNumberNamingOld, t.Patient.Digits())
	about := t.Subject
	if about == "" {
		if about = user; about == "" {
			about = system
		}
	}
	end := t.Expires
	if end.IsZero() {
		end = t.Issued.Add(Lifetime)
	}
	w := claimWriter{'{'}
	w.text("iss", t.Issuer)
	w.text("sub", about)
	w.text("aud", t.Audience)
	w.moment("exp", end)
	w.moment("iat", t.Issued)
	w.text("reason_for_request", t.Reason)
	w.text("scope", t.Scope)
	w.text("requesting_system", system)
	w.text("requesting_organisation", identify(ODSNaming, string(t.ODS)))
	w.text("requesting_user", user)
	w.text("requesting_patient", patient)
	w.text("jti", t.ID)
	return append(w, '}')
}

// identify puts the naming system before a value, if there is one.
func identify(naming, value string) string {
	if value == "" {
		return ""
	}
	return naming + "|" + value
}

// claimWriter appends the members of a JSON object.
type claimWriter []byte

func (w *claimWriter) name(claim string) {
	if len(*w) > 1 {
		*w = append(*w, ',')
	}
	*w = append(*w, '"')
	*w = append(*w, claim...)
	*w = append(*w, '"', ':')
}

// text writes a string; bytes that are not UTF-8 become U+FFFD.
func (w *claimWriter) text(claim, value string) {
	if value == "" {
		return
	}
	w.name(claim)
	// The only error is about bytes that are not UTF-8, and those are replaced.
	*w, _ = jsontext.AppendQuote(*w, value)
}

func (w *claimWriter) moment(claim string, t time.Time) {
	w.name(claim)
	*w = strconv.AppendInt(*w, t.Unix(), 10)
}
