package spine

import (
	"crypto/ecdsa"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json/jsontext"

	"nems/internal/nhs"
)

// Lifetime is how long a token is valid by Spine Core, "Access Tokens and Audit
// (JWT)".
const Lifetime = 5 * time.Minute

// Token is what a client says of itself in a JWT. Fields with "" and the zero
// value are left out.
type Token struct {
	Issuer   string // iss
	Audience string // aud: URL of the endpoint
	Issued   time.Time
	Expires  time.Time     // Issued and Lifetime where it is zero
	Reason   string        // reason_for_request: directcare, secondaryuses or patientaccess
	Scope    string        // such as patient/Subscription.write
	ASID     nhs.ASID      // requesting_system
	ODS      nhs.ODSCode   // requesting_organisation, as the NEMS pages spell it
	User     string        // requesting_user, with its naming system
	Patient  nhs.NHSNumber // requesting_patient
	ID       string        // jti
	// Subject is left empty: it follows from User and ASID. It is here for
	// tests of servers.
	Subject string
}

// Scopes that an endpoint of a NEMS asks for.
const (
	ScopePublish = "patient/Bundle.write"
	ScopeRead    = "patient/Subscription.read"
	ScopeWrite   = "patient/Subscription.write"
)

// Unsigned returns the token in compact form with alg none and an empty
// signature: it ends with a dot.
func (t Token) Unsigned() string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + encode(t.payload()) + "."
}

// Signed returns the token signed with a private key: RS512 for RSA keys, ES256
// for P-256 keys. keyID becomes kid unless it is "".
func (t Token) Signed(key any, keyID string) (string, error) {
	algorithm := jose.RS512
	if _, ok := key.(*ecdsa.PrivateKey); ok {
		algorithm = jose.ES256
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	if keyID != "" {
		options = options.WithHeader("kid", keyID)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	signed, err := signer.Sign(t.payload())
	if err != nil {
		return "", errors.New("signing a token: the key does not fit")
	}
	return signed.CompactSerialize()
}

// payload writes the claims as a JSON object.
func (t Token) payload() []byte {
	system, user, patient := identify(asidNaming, string(t.ASID)), t.User, identify(nhsNumberNamingOld, t.Patient.Digits())
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
	w.text(issuer, t.Issuer)
	w.text(subject, about)
	w.text(audience, t.Audience)
	w.moment(expires, end)
	w.moment(issued, t.Issued)
	w.text(reason, t.Reason)
	w.text(scope, t.Scope)
	w.text(requestingSystem, system)
	w.text(requestingOrganisation, identify(odsNaming, string(t.ODS)))
	w.text(requestingUser, user)
	w.text(requestingPatient, patient)
	w.text(tokenID, t.ID)
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

func (w *claimWriter) name(n claim) {
	if len(*w) > 1 {
		*w = append(*w, ',')
	}
	*w = append(*w, '"')
	*w = append(*w, claimNames[n]...)
	*w = append(*w, '"', ':')
}

// text writes a string; bytes that are not UTF-8 become U+FFFD.
func (w *claimWriter) text(n claim, value string) {
	if value == "" {
		return
	}
	w.name(n)
	// The only error is about bytes that were not UTF-8, and those are replaced.
	*w, _ = jsontext.AppendQuote(*w, value)
}

func (w *claimWriter) moment(n claim, t time.Time) {
	w.name(n)
	*w = strconv.AppendInt(*w, t.Unix(), 10)
}
