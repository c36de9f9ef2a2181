package pdsapi

import (
	"fmt"
	"net/http"
	"strings"
)

// Fault is an answer that tells a client what to change. It is rendered in one
// place, as an OperationOutcome.
type Fault struct {
	Status int
	Code   string // of Spine-ErrorOrWarningCode
	// Diagnostics says which element is wrong and how; "" says nothing more than
	// the code. It may quote what the client sent, and nothing else of a patient.
	Diagnostics string
	// Display replaces the code's own text; "" keeps it.
	Display    string
	Allow      string // the methods of the path, of INVALID_METHOD
	RetryAfter int    // seconds; 0 says nothing
}

// Error returns the code and what it is about. It may quote what the client
// sent, and is not to be logged.
func (f *Fault) Error() string { return f.Code + ": " + f.Diagnostics }

// meaning is what a code says of itself, and its FHIR issue type.
type meaning struct{ issue, display, severity string }

// meanings are the codes with the words and issue types that PDS uses (the
// error responses of karate-tests).
var meanings = map[string]meaning{
	accessDenied:        {"forbidden", "Access Denied - Unauthorised", "error"},
	additionalProperty:  {"invariant", "Additional properties should not be included", "error"},
	forbiddenUpdate:     {"forbidden", "Update is forbidden", "information"},
	invalidMethod:       {"forbidden", "Method is not allowed", "error"},
	invalidResourceID:   {"value", "Resource Id is invalid", "error"},
	invalidSearch:       {"value", "Search data is invalid", "error"},
	invalidUpdate:       {"structure", "Update is invalid", "error"},
	invalidValue:        {"value", "Provided value is invalid", "error"},
	invalidated:         {"processing", "Resource that has been marked as invalid was requested - invalid resources cannot be retrieved", "error"},
	missingValue:        {"required", "Required value is missing", "error"},
	preconditionFailed:  {"structure", "Required condition was not fulfilled", "error"},
	multipleMatches:     {"value", "Multiple matches found", "error"},
	singleMatch:         {"value", "Single match found", "error"},
	notFound:            {"not-found", "Resource not found", "information"},
	versionMismatch:     {"conflict", "Resource version supplied does not match actual version", "error"},
	serviceUnavailable:  {"timeout", "Service unavailable", "error"},
	tooFewValues:        {"value", "Too few values submitted", "error"},
	tooManyMatches:      {"multiple-matches", "Too Many Matches", "information"},
	tooManyRequests:     {"throttled", "Too many requests", "error"},
	tooManyValues:       {"value", "Too many values submitted", "error"},
	unsupportedChars:    {"value", "Unsupported characters in field", "error"},
	unsupportedService:  {"processing", "Unsupported Service", "error"},
	unsupportedValue:    {"value", "Provided value is not supported", "error"},
	internalServerError: {"exception", "Unexpected internal server error", "error"},
}

// The codes of the answers (patient-get, -search and -patch.yaml).
const (
	accessDenied        = "ACCESS_DENIED"
	additionalProperty  = "ADDITIONAL_PROPERTIES"
	forbiddenUpdate     = "FORBIDDEN_UPDATE"
	invalidMethod       = "INVALID_METHOD"
	invalidResourceID   = "INVALID_RESOURCE_ID"
	invalidSearch       = "INVALID_SEARCH_DATA"
	invalidUpdate       = "INVALID_UPDATE"
	invalidValue        = "INVALID_VALUE"
	invalidated         = "INVALIDATED_RESOURCE"
	missingValue        = "MISSING_VALUE"
	preconditionFailed  = "PRECONDITION_FAILED"
	multipleMatches     = "MULTIPLE_MATCHES"
	singleMatch         = "SINGLE_MATCH"
	notFound            = "RESOURCE_NOT_FOUND"
	versionMismatch     = "RESOURCE_VERSION_MISMATCH"
	serviceUnavailable  = "SERVICE_UNAVAILABLE"
	tooFewValues        = "TOO_FEW_VALUES_SUBMITTED"
	tooManyMatches      = "TOO_MANY_MATCHES"
	tooManyRequests     = "TOO_MANY_REQUESTS"
	tooManyValues       = "TOO_MANY_VALUES_SUBMITTED"
	unsupportedChars    = "UNSUPPORTED_CHARACTERS_IN_FIELD"
	unsupportedService  = "UNSUPPORTED_SERVICE"
	unsupportedValue    = "UNSUPPORTED_VALUE"
	internalServerError = "INTERNAL_SERVER_ERROR"
)

// quotedAtMost is how much of a wrong value an answer repeats.
const quotedAtMost = 100

// quote shows a value that a client sent.
func quote(v any) string {
	text := fmt.Sprint(v)
	if runes := []rune(text); len(runes) > quotedAtMost {
		text = string(runes[:quotedAtMost]) + "…"
	}
	return "'" + strings.ToValidUTF8(text, "�") + "'"
}

func badRequest(code, diagnostics string) *Fault {
	return &Fault{Status: http.StatusBadRequest, Code: code, Diagnostics: diagnostics}
}

// wrongValue says that the value of a field is wrong. expected says what would
// be right, "" if that is plain.
func wrongValue(value any, field, expected string) *Fault {
	text := "Invalid value - " + quote(value) + " in field '" + field + "'"
	if expected != "" {
		text += " - expected " + expected
	}
	return badRequest(invalidValue, text)
}

// missing says that a required field is not there.
func missing(field string) *Fault {
	return badRequest(missingValue, "Missing value - '"+field+"'")
}

// badUpdate says that a patch cannot be applied.
func badUpdate(format string, a ...any) *Fault {
	return badRequest(invalidUpdate, "Invalid update with error - "+fmt.Sprintf(format, a...))
}

// mayNot says that a patch is understood, and not permitted.
func mayNot(format string, a ...any) *Fault {
	return &Fault{Status: http.StatusForbidden, Code: forbiddenUpdate, Diagnostics: "Forbidden update with error - " + fmt.Sprintf(format, a...)}
}

// surplus says that members are not part of what was sent. where is the path of
// the object that has them, "" for the whole.
func surplus(where string, names []string) *Fault {
	was := "was"
	if len(names) > 1 {
		was = "were"
	}
	for i := range names {
		names[i] = quote(names[i])
	}
	text := "Invalid request with error - Additional properties are not allowed (" + strings.Join(names, ", ") + " " + was + " unexpected)"
	if where != "" {
		text += " in '" + where + "'"
	}
	return badRequest(additionalProperty, text)
}
