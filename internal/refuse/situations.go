package refuse

import (
	"fmt"
	"strings"
	"time"
)

// Each function in this file is one situation in which a request is refused
// (decision 1). diagnostics must not contain a patient's data.

// HeaderMissing refuses a request without the header. The text is the NHS
// harness's.
func HeaderMissing(name string) *Refusal {
	return of(MissingOrInvalidHeaderCode, name+" HTTP Header is missing")
}

// HeaderInvalid refuses a header with an invalid value.
func HeaderInvalid(name, expected, received string) *Refusal {
	return of(MissingOrInvalidHeaderCode, fmt.Sprintf("%s HTTP Header is invalid: expected %s, received %s", name, expected, received))
}

// TokenMissing refuses a request without an Authorization header. Its challenge
// names no error (RFC 6750, section 3.1), because the caller may not have known
// that it needs a token.
func TokenMissing() *Refusal { return HeaderMissing("Authorization").challenge("") }

// TokenUnsupported refuses an Authorization header with a scheme other than
// Bearer. The caller has not tried Bearer, so the challenge names no error here
// either.
func TokenUnsupported() *Refusal { return authorizationInvalid(bearerExpected).challenge("") }

// TokenRepeated refuses more than one Authorization header.
func TokenRepeated(times int) *Refusal {
	return HeaderInvalid("Authorization", "the header once", fmt.Sprintf("it %d times", times)).challenge(invalidRequest)
}

// TokenMalformed refuses the scheme Bearer without a token.
func TokenMalformed() *Refusal { return authorizationInvalid(bearerExpected).challenge(invalidRequest) }

// TokenInvalid refuses a token that cannot be read or trusted.
func TokenInvalid(diagnostics string) *Refusal {
	return authorizationInvalid(diagnostics).challenge(invalidToken)
}

// ClaimMissing refuses a token that lacks a claim.
func ClaimMissing(claim, expected string) *Refusal {
	return of(MissingOrInvalidHeaderCode, fmt.Sprintf("JWT %s claim is missing: expected %s", claim, expected)).challenge(invalidToken)
}

// ClaimInvalid refuses a token because of one of its claims.
func ClaimInvalid(claim, expected, received string) *Refusal {
	return of(MissingOrInvalidHeaderCode, fmt.Sprintf("JWT %s claim is invalid: expected %s, received %s", claim, expected, received)).challenge(invalidToken)
}

// ScopeInsufficient refuses a token whose scopes hold none of those needed.
func ScopeInsufficient(needed []string, received string) *Refusal {
	r := ClaimInvalid("scope", strings.Join(needed, " or "), received).challenge(insufficientScope)
	r.Challenge += `, scope="` + needed[0] + `"`
	return r
}

const bearerExpected = `expected "Bearer" followed by a blank and the JWT`

func authorizationInvalid(diagnostics string) *Refusal {
	return of(MissingOrInvalidHeaderCode, "Authorization HTTP Header is invalid: "+diagnostics)
}

// Errors of a challenge (RFC 6750, section 3.1).
const (
	invalidRequest    = "invalid_request"
	invalidToken      = "invalid_token"
	insufficientScope = "insufficient_scope"
)

// challenge makes a refusal ask for a token, with an error code unless it is
// "". The explanation stays in the OperationOutcome.
func (r *Refusal) challenge(failure string) *Refusal {
	r.Challenge = `Bearer realm="NEMS"`
	if failure != "" {
		r.Challenge += `, error="` + failure + `"`
	}
	return r
}

// ASIDCheckFailed refuses a sender that is not registered for the interaction,
// and a receiver that is not this service.
func ASIDCheckFailed(diagnostics string) *Refusal { return of(ASIDCheckFailedCode, diagnostics) }

// AccessDenied refuses what is outside the caller's entitlement.
func AccessDenied(diagnostics string) *Refusal { return of(AccessDeniedCode, diagnostics) }

// MessageNotWellFormed refuses a body that is not valid XML or JSON.
func MessageNotWellFormed(diagnostics string) *Refusal {
	return of(MessageNotWellFormedCode, diagnostics)
}

// ResourceIssue is a finding about one element of a resource in FHIR's terms:
// severity, issue type ("" for the table's: error, invalid), text, FHIRPath
// expression and XPath location.
func ResourceIssue(severity, kind, diagnostics, expression, location string) Issue {
	return NewIssue(InvalidResourceCode, diagnostics).As(severity, kind).At(expression, location)
}

// InvalidResource refuses a resource, with one issue for each finding.
// ResourceIssue makes the issues; errors come before warnings.
func InvalidResource(issues ...Issue) *Refusal {
	return findings(InvalidResourceCode, "the resource breaks a rule", issues)
}

// ReferenceNotFound refuses references that lead nowhere, with one issue for
// each. ResourceIssue makes the issues; their code is replaced.
func ReferenceNotFound(issues ...Issue) *Refusal {
	return findings(ReferenceNotFoundCode, "a reference has no entry with that fullUrl", recoded(ReferenceNotFoundCode, issues))
}

// PatientsDiffer refuses Patient resources that are not the patient of the
// routing demographics, with one issue for each. ResourceIssue makes the issues;
// their code is replaced.
func PatientsDiffer(issues ...Issue) *Refusal {
	return findings(InvalidPatientDemographicsCode, "a Patient is not the patient of the routing demographics",
		recoded(InvalidPatientDemographicsCode, issues))
}

// recoded gives issues the code of their situation, and errors its type.
func recoded(code Code, issues []Issue) []Issue {
	m := meanings[code]
	own := make([]Issue, len(issues))
	for i, issue := range issues {
		issue.Code, issue.Display = code, m.display
		if issue.Severity == m.severity {
			issue.Type = m.kind
		}
		own[i] = issue
	}
	return own
}

// findings returns the refusal for a list of issues. If the list is empty, otherwise is its text.
func findings(code Code, otherwise string, issues []Issue) *Refusal {
	if len(issues) == 0 {
		return of(code, otherwise)
	}
	return &Refusal{Status: meanings[code].status, Issues: issues}
}

// InvalidNHSNumber refuses an NHS number whose form or check digit is wrong.
func InvalidNHSNumber(diagnostics string) *Refusal { return of(InvalidNHSNumberCode, diagnostics) }

// InvalidPatientDemographics refuses demographics that differ from PDS. The
// diagnostics name the parts that differ, never their values.
func InvalidPatientDemographics(diagnostics string) *Refusal {
	return of(InvalidPatientDemographicsCode, diagnostics)
}

// PatientNotFound refuses a patient that PDS does not have.
func PatientNotFound(diagnostics string) *Refusal { return of(PatientNotFoundCode, diagnostics) }

// OrganisationNotFound refuses an organisation that the ODS does not have.
func OrganisationNotFound(diagnostics string) *Refusal {
	return of(OrganisationNotFoundCode, diagnostics)
}

// InvalidRequestMessage refuses a request that breaks a rule of the service,
// such as one about subscription criteria.
func InvalidRequestMessage(diagnostics string) *Refusal {
	return of(InvalidRequestMessageCode, diagnostics)
}

// TooLarge refuses a body of more than limit bytes.
func TooLarge(limit int64) *Refusal {
	r := of(InvalidRequestMessageCode, fmt.Sprintf("the body is larger than %d bytes, the most that is accepted; send less", limit))
	r.Status = tooLarge
	return r
}

// DuplicateRejected refuses a subscription that already exists under id. The id
// is unquoted, because clients in use find it in this text by a pattern.
func DuplicateRejected(id string) *Refusal {
	return of(DuplicateRejectedCode, "subscription already exists : "+id)
}

// QuotaUsedUp refuses a subscription beyond a quota. whose says which
// subscriptions count ("of this system"). The Spine has no code for this, and
// trying again is useless until there are fewer.
func QuotaUsedUp(limit int64, whose string) *Refusal {
	r := of(AccessDeniedCode, fmt.Sprintf("there are %d subscriptions %s, the most that are allowed: delete some that are no longer needed", limit, whose))
	r.Issues[0].Type = "business-rule"
	return r
}

// EndpointsUsedUp refuses a subscription that would bring along one endpoint more than an
// organisation may have.
func EndpointsUsedUp(limit int64) *Refusal {
	r := of(AccessDeniedCode, fmt.Sprintf("subscriptions of this organisation have brought along %d endpoints, the most that are allowed: delete those that are no longer needed; an endpoint goes when nothing that was sent to it is kept any more", limit))
	r.Issues[0].Type = "business-rule"
	return r
}

// IdempotencyKeyReused refuses a publish whose Idempotency-Key was used with
// other bytes within the last 24 hours.
func IdempotencyKeyReused() *Refusal {
	return of(DuplicateRejectedCode, "this Idempotency-Key was used for another message within 24 hours; use a new key for every new message")
}

// ReplayRunning refuses a replay of a subscription that has one: id is its own.
func ReplayRunning(id string) *Refusal {
	r := of(DuplicateRejectedCode, "the replay "+id+" of this subscription is not over: wait for its end, or cancel it")
	r.Status = conflict
	return r
}

// ReplayGone refuses a replay that begins before what is kept.
func ReplayGone(diagnostics string) *Refusal {
	r := of(NoRecordFoundCode, diagnostics)
	r.Status = gone
	return r
}

// NoRecordFound refuses a subscription id that is unknown or deleted.
func NoRecordFound(diagnostics string) *Refusal { return of(NoRecordFoundCode, diagnostics) }

// BadRequest refuses a request with a wrong URL or form.
func BadRequest(diagnostics string) *Refusal { return of(BadRequestCode, diagnostics) }

// MethodNotAllowed refuses a method that the resource does not have; allow
// lists those that it has ("GET, DELETE").
func MethodNotAllowed(allow string) *Refusal {
	r := of(BadRequestCode, "this method is not allowed here; allowed: "+allow)
	r.Status, r.Allow = methodNotAllowed, allow
	return r
}

// UnknownPath refuses a path that the service does not have.
func UnknownPath() *Refusal {
	return of(NoRecordFoundCode, "there is no such path; the service has /STU3/Subscription, /STU3/Subscription/[id] and /STU3/Events/1/$process-message")
}

// NotImplemented refuses a resource or an operation that FHIR has and this
// service does not (Spine Core, "Error handling").
func NotImplemented() *Refusal {
	return of(NotImplementedCode, "the service has no such resource or operation; it has Subscription, Subscription/[id] and Events/1/$process-message")
}

// UnsupportedMediaType refuses a Content-Type or Accept header, or a _format.
func UnsupportedMediaType(diagnostics string) *Refusal {
	r := of(UnsupportedMediaTypeCode, diagnostics)
	r.Legacy = true
	return r
}

// ResourceIDNotAllowed refuses a new resource that has an id.
func ResourceIDNotAllowed() *Refusal {
	r := of(ResourceIDCode, "Subscription.id is assigned by the service: leave it out")
	r.Allow = "GET, POST"
	return r
}

// CountedInPart accompanies a count of more subscriptions than are looked at.
// The Spine has no code for this.
func CountedInPart(most int) Issue {
	return Issue{Severity: "warning", Type: "incomplete", Diagnostics: fmt.Sprintf("there are at least as many as total says: only the first %d subscriptions of an organisation were looked at", most)}
}

// TooManyRequests refuses a caller that is over its limit. It may try again
// after the given time. The Spine has no code for this.
func TooManyRequests(after time.Duration) *Refusal {
	r := of(BadRequestCode, "too many requests from this system: wait as long as the Retry-After header says")
	r.Status, r.RetryAfter, r.Issues[0].Type = tooManyRequests, after, "throttled"
	return r
}

// Unavailable answers that the service cannot work now. The same request may
// succeed after the given time. The Spine has no code for this.
func Unavailable(after time.Duration) *Refusal {
	r := of(InternalServerErrorCode, "the service cannot take this request now: send it again after the time in the Retry-After header")
	r.Status, r.RetryAfter, r.Issues[0].Type = unavailable, after, "transient"
	return r
}

// Internal answers that the service failed. reference leads support to the log.
func Internal(reference string) *Refusal {
	return of(InternalServerErrorCode, "the service failed; when you report this, quote the reference "+reference)
}
