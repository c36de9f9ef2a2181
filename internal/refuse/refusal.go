package refuse

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Code is a Spine error or warning code: an entry of the code system
// Spine-ErrorOrWarningCode-1.
type Code string

// The codes that a NEMS answers with. Source: Spine Core, "Error handling". The
// last three come from NEMS, "Create Subscription", and from the NHS harness.
const (
	InvalidNHSNumberCode           Code = "INVALID_NHS_NUMBER"
	InvalidPatientDemographicsCode Code = "INVALID_PATIENT_DEMOGRAPHICS"
	OrganisationNotFoundCode       Code = "ORGANISATION_NOT_FOUND"
	PatientNotFoundCode            Code = "PATIENT_NOT_FOUND"
	NoRecordFoundCode              Code = "NO_RECORD_FOUND"
	AccessDeniedCode               Code = "ACCESS_DENIED"
	ASIDCheckFailedCode            Code = "ASID_CHECK_FAILED"
	InvalidRequestMessageCode      Code = "INVALID_REQUEST_MESSAGE"
	InvalidResourceCode            Code = "INVALID_RESOURCE"
	ReferenceNotFoundCode          Code = "REFERENCE_NOT_FOUND"
	DuplicateRejectedCode          Code = "DUPLICATE_REJECTED"
	ResourceIDCode                 Code = "MSG_RESOURCE_ID_FAIL"
	BadRequestCode                 Code = "BAD_REQUEST"
	MissingOrInvalidHeaderCode     Code = "MISSING_OR_INVALID_HEADER"
	MessageNotWellFormedCode       Code = "MESSAGE_NOT_WELL_FORMED"
	InternalServerErrorCode        Code = "INTERNAL_SERVER_ERROR"
	NotImplementedCode             Code = "NOT_IMPLEMENTED"
	UnsupportedMediaTypeCode       Code = "UNSUPPORTED_MEDIA_TYPE"
	DeprecatedCode                 Code = "DEPRECATED"
	NoLongerSupportedCode          Code = "NO_LONGER_SUPPORTED"
)

// Issue is one issue of an OperationOutcome. It never contains a patient's data
// or a token.
type Issue struct {
	Severity    string // FHIR issue severity: fatal, error, warning, information
	Type        string // FHIR issue type, such as invalid or forbidden
	Code        Code
	Display     string // what the code means
	Diagnostics string // what was expected, what was received, what to change
	Expression  string // FHIRPath of the element, "" for none
	Location    string // XPath of the element, "" for none
}

// Refusal is an answer that refuses a request. Except for 500 and 503, which
// have the same form, the caller can correct its cause. The first issue decides
// what is logged and counted.
type Refusal struct {
	Status int // HTTP status
	Issues []Issue
	// Legacy selects the older profile and code system, which are used for
	// unsupported media types (NHS harness, operation_outcome_415_UMT).
	Legacy bool
	// Allow is the Allow header of a 405: the methods of the resource.
	Allow string
	// Challenge is the WWW-Authenticate header of a refused token; "" for none.
	Challenge string
	// RetryAfter is the Retry-After header of a 429 or 503; zero for none.
	RetryAfter time.Duration
}

// Reason is what the issues say to change, one a line.
func (r *Refusal) Reason() string {
	var b strings.Builder
	for i, issue := range r.Issues {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(cmp.Or(issue.Diagnostics, issue.Display))
	}
	return b.String()
}

// Code returns the Spine code of the first issue.
func (r *Refusal) Code() Code {
	if len(r.Issues) == 0 {
		return ""
	}
	return r.Issues[0].Code
}

// Error returns status, code and what was wrong.
func (r *Refusal) Error() string {
	if len(r.Issues) == 0 {
		return fmt.Sprintf("refused with status %d", r.Status)
	}
	return fmt.Sprintf("%d %s: %s", r.Status, r.Issues[0].Code, r.Issues[0].Diagnostics)
}

// meaning is what the Spine's table says about a code.
type meaning struct {
	status         int
	severity, kind string
	display        string
}

// meanings is the table of Spine Core, "Error handling". Where that is silent,
// it follows the NHS harness (UNSUPPORTED_MEDIA_TYPE) and, for the two codes of
// the event life cycle, NEMS, "Create Subscription".
var meanings = map[Code]meaning{
	InvalidNHSNumberCode:           {400, "error", "value", "NHS number invalid"},
	InvalidPatientDemographicsCode: {400, "error", "business-rule", "Invalid patient demographics (that is, PDS trace failed)"},
	OrganisationNotFoundCode:       {404, "error", "not-found", "Organisation record not found"},
	PatientNotFoundCode:            {404, "error", "not-found", "Patient record not found"},
	NoRecordFoundCode:              {404, "error", "not-found", "No record found"},
	AccessDeniedCode:               {403, "error", "forbidden", "Access has been denied to process this request"},
	ASIDCheckFailedCode:            {403, "error", "forbidden", "The sender or receiver's ASID is not authorised for this interaction"},
	InvalidRequestMessageCode:      {400, "error", "value", "Invalid Request Message"},
	InvalidResourceCode:            {422, "error", "invalid", "Invalid validation of resource."},
	ReferenceNotFoundCode:          {422, "error", "invalid", "Referenced resource not found."},
	DuplicateRejectedCode:          {422, "error", "duplicate", "Create would lead to creation of a duplicate resource."},
	ResourceIDCode:                 {405, "error", "forbidden", "Client is not permitted to assign an id."},
	BadRequestCode:                 {400, "error", "invalid", "Bad request."},
	MissingOrInvalidHeaderCode:     {400, "error", "invalid", "There is a required header missing or invalid."},
	MessageNotWellFormedCode:       {400, "error", "structure", "Message not well formed"},
	NotImplementedCode:             {501, "error", "not-supported", "FHIR resource or operation not implemented at server"},
	InternalServerErrorCode:        {500, "error", "processing", "Unexpected internal server error."},
	UnsupportedMediaTypeCode:       {415, "error", "invalid", "Unsupported Media Type"},
	DeprecatedCode:                 {200, "information", "informational", "The operation being performed has been deprecated"},
	NoLongerSupportedCode:          {422, "fatal", "not-supported", "Event message type is no longer supported"},
}

// HTTP statuses of situations for which the Spine's table has no code. The names
// in net/http are not used, because importing it would make every package that
// refuses depend on a web server.
const (
	methodNotAllowed = 405
	conflict         = 409
	gone             = 410
	tooLarge         = 413
	tooManyRequests  = 429
	unavailable      = 503
)

// NewIssue returns an issue with the severity, type and display that the
// Spine's table has for the code.
func NewIssue(code Code, diagnostics string) Issue {
	m := meanings[code]
	return Issue{Severity: m.severity, Type: m.kind, Code: code, Display: m.display, Diagnostics: diagnostics}
}

// At returns the issue with the place of the element that it concerns: a
// FHIRPath expression and an XPath location.
func (i Issue) At(expression, location string) Issue {
	i.Expression, i.Location = expression, location
	return i
}

// As returns the issue with another severity and issue type; "" keeps the old
// one.
func (i Issue) As(severity, kind string) Issue {
	if severity != "" {
		i.Severity = severity
	}
	if kind != "" {
		i.Type = kind
	}
	return i
}

// of returns the refusal that the table has for the code.
func of(code Code, diagnostics string) *Refusal {
	return &Refusal{Status: meanings[code].status, Issues: []Issue{NewIssue(code, diagnostics)}}
}
