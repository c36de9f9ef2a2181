package spine

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"nems/internal/access"
	"nems/internal/nhs"
	"nems/internal/refuse"
)

// Profile says how closely the door follows the specification.
type Profile byte

// The profiles (decision 3). Strict is the specification. Observed also accepts
// what existing clients are seen to send: a token without an organisation
// claim, and a toASID that equals the fromASID.
const (
	Strict Profile = iota
	Observed
)

// Request is the part of a request that the door looks at. It never looks at the body.
type Request struct {
	Endpoint Endpoint
	Header   http.Header
	Format   string // the parameter _format, "" without one
	// Certificate holds the names of the client certificate that TLS has
	// verified (see CertificateNames); nil when there is none.
	Certificate []string
}

// Door checks who sent a request and whether the request may enter. Set the
// fields before the first request; after that it is safe for concurrent use.
type Door struct {
	// NEMS is the ASID of this service, which toASID must equal.
	NEMS    nhs.ASID
	Profile Profile
	// AllowUnsigned accepts unsigned tokens without a client certificate, and
	// any certificate for a system that has none registered. It is for dev mode
	// only.
	AllowUnsigned bool
	// Certified refuses requests without a verified client certificate, whatever
	// their token. It is needed with a proxy, because TLS itself then no longer
	// requires a certificate.
	Certified bool
	Now       func() time.Time
	Systems   Registry

	parsed   recent[string, token]
	verified verifiedTokens
}

// Enter runs the checks of the door in the order of decision 29: media types,
// headers, interaction id, token, registration, organisation. The first check
// that fails decides the answer. The error is a *Refusal, or else an error of
// the registry: then it is not known who is calling, and the answer is 503.
//
// With an error, Caller holds what the request says about itself as far as it
// was read, for the audit. None of it is proven, and System is empty.
func (d *Door) Enter(ctx context.Context, r Request) (access.Caller, error) {
	caller := access.Caller{ASID: claimedASID(r.Header), Answer: access.DefaultMedia, Body: access.DefaultMedia}
	if len(r.Certificate) > 0 {
		caller.Certificate = r.Certificate[0]
	}
	// Accept is read first, because a wrong Content-Type is answered in the
	// format that Accept asks for.
	var refusal, unacceptable *refuse.Refusal
	caller.Answer, unacceptable = Negotiate(r.Header, r.Format, r.Endpoint)
	if caller.Body, refusal = ContentType(r.Header, r.Endpoint); refusal != nil {
		return caller, refusal
	}
	if unacceptable != nil {
		return caller, unacceptable
	}
	head, refusal := readHeaders(r)
	if refusal != nil {
		return caller, refusal
	}
	caller.Interaction = head.interaction
	token, refusal := d.readToken(head, r)
	if refusal != nil {
		return caller, refusal
	}
	token.claims.describe(&caller)
	registered, found, err := d.Systems.System(ctx, head.from)
	if err != nil {
		return caller, fmt.Errorf("finding the system behind a request: %w", err)
	}
	if !found {
		registered = Registration{}
	}
	admitted := caller
	admitted.System = registered.System
	if refusal := d.admit(ctx, &admitted, registered.Keys, token, head, r.Certificate); refusal != nil {
		return caller, refusal
	}
	return admitted, nil
}

// admit checks everything that depends on the registration: the signature, the
// receiver, and the combination as a whole.
func (d *Door) admit(ctx context.Context, c *access.Caller, keys Keys, token token, head headers, certificate []string) *refuse.Refusal {
	if d.Certified && certificate == nil {
		return refuse.AccessDenied("a client certificate that TLS, or the proxy in front, has verified is needed, even with a signed token; received " + receivedInstead(ctx))
	}
	if token.algorithm != unsigned {
		// An ASID that is not registered has no keys; the gate reports that.
		if c.System.ASID != "" && !d.verified.verify(token, keys) {
			return refuse.TokenInvalid("the signature of the JWT does not verify with any " + token.algorithm + " key registered for fromASID " + refuse.Show(string(c.ASID)))
		}
		c.Signed = true
	}
	if head.to != d.NEMS && !(d.Profile == Observed && head.to == head.from) {
		return refuse.ASIDCheckFailed("toASID " + refuse.Show(string(head.to)) + " is not this service: expected " + refuse.Show(string(d.NEMS)))
	}
	if !c.Claimed && len(c.System.ODSCodes) > 0 {
		c.ODS = c.System.ODSCodes[0]
	}
	t := access.Tuple{Certificate: certificate, ASID: c.ASID, ODS: c.ODS, Interaction: c.Interaction.ID}
	if d.AllowUnsigned && len(c.System.CertificateNames) == 0 {
		t.Certificate = nil
	}
	if refusal := c.System.Gate(t); refusal != nil {
		return refusal
	}
	c.Certificate = c.System.CertificateName(certificate)
	return nil
}
