package refuse

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Every situation with its answer. Severity, issue type and display come from
// Spine Core, "Error handling", or else from the NHS harness.
func TestSituations(t *testing.T) {
	for _, row := range []struct {
		got                                        *Refusal
		status                                     int
		severity, kind, code, display, diagnostics string
	}{
		{HeaderMissing("fromASID"), 400, "error", "invalid", "MISSING_OR_INVALID_HEADER", "There is a required header missing or invalid.", "fromASID HTTP Header is missing"},
		{HeaderInvalid("toASID", "a", "b"), 400, "error", "invalid", "MISSING_OR_INVALID_HEADER", "There is a required header missing or invalid.", "toASID HTTP Header is invalid: expected a, received b"},
		{ClaimInvalid("aud", "a", "b"), 400, "error", "invalid", "MISSING_OR_INVALID_HEADER", "There is a required header missing or invalid.", "JWT aud claim is invalid: expected a, received b"},
		{TokenInvalid("x"), 400, "error", "invalid", "MISSING_OR_INVALID_HEADER", "There is a required header missing or invalid.", "Authorization HTTP Header is invalid: x"},
		{ASIDCheckFailed("x"), 403, "error", "forbidden", "ASID_CHECK_FAILED", "The sender or receiver's ASID is not authorised for this interaction", "x"},
		{AccessDenied("x"), 403, "error", "forbidden", "ACCESS_DENIED", "Access has been denied to process this request", "x"},
		{MessageNotWellFormed("x"), 400, "error", "structure", "MESSAGE_NOT_WELL_FORMED", "Message not well formed", "x"},
		{InvalidResource(NewIssue(InvalidResourceCode, "x")), 422, "error", "invalid", "INVALID_RESOURCE", "Invalid validation of resource.", "x"},
		{InvalidResource(), 422, "error", "invalid", "INVALID_RESOURCE", "Invalid validation of resource.", "the resource breaks a rule"},
		{PatientsDiffer(ResourceIssue("", "", "x", "", "")), 400, "error", "business-rule", "INVALID_PATIENT_DEMOGRAPHICS", "Invalid patient demographics (that is, PDS trace failed)", "x"},
		{ReferenceNotFound(ResourceIssue("", "", "x", "", "")), 422, "error", "invalid", "REFERENCE_NOT_FOUND", "Referenced resource not found.", "x"},
		{InvalidNHSNumber("x"), 400, "error", "value", "INVALID_NHS_NUMBER", "NHS number invalid", "x"},
		{InvalidPatientDemographics("x"), 400, "error", "business-rule", "INVALID_PATIENT_DEMOGRAPHICS", "Invalid patient demographics (that is, PDS trace failed)", "x"},
		{PatientNotFound("x"), 404, "error", "not-found", "PATIENT_NOT_FOUND", "Patient record not found", "x"},
		{OrganisationNotFound("x"), 404, "error", "not-found", "ORGANISATION_NOT_FOUND", "Organisation record not found", "x"},
		{InvalidRequestMessage("x"), 400, "error", "value", "INVALID_REQUEST_MESSAGE", "Invalid Request Message", "x"},
		{TooLarge(3000000), 413, "error", "value", "INVALID_REQUEST_MESSAGE", "Invalid Request Message", "the body is larger than 3000000 bytes, the most that is accepted; send less"},
		{DuplicateRejected("0a"), 422, "error", "duplicate", "DUPLICATE_REJECTED", "Create would lead to creation of a duplicate resource.", "subscription already exists : 0a"},
		{IdempotencyKeyReused(), 422, "error", "duplicate", "DUPLICATE_REJECTED", "Create would lead to creation of a duplicate resource.", "this Idempotency-Key was used for another message within 24 hours; use a new key for every new message"},
		{EndpointsUsedUp(5), 403, "error", "business-rule", "ACCESS_DENIED", "Access has been denied to process this request", "subscriptions of this organisation have brought along 5 endpoints, the most that are allowed: delete those that are no longer needed; an endpoint goes when nothing that was sent to it is kept any more"},
		{QuotaUsedUp(5, "of x"), 403, "error", "business-rule", "ACCESS_DENIED", "Access has been denied to process this request", "there are 5 subscriptions of x, the most that are allowed: delete some that are no longer needed"},
		{NoRecordFound("x"), 404, "error", "not-found", "NO_RECORD_FOUND", "No record found", "x"},
		{BadRequest("x"), 400, "error", "invalid", "BAD_REQUEST", "Bad request.", "x"},
		{MethodNotAllowed("GET, DELETE"), 405, "error", "invalid", "BAD_REQUEST", "Bad request.", "this method is not allowed here; allowed: GET, DELETE"},
		{UnknownPath(), 404, "error", "not-found", "NO_RECORD_FOUND", "No record found", UnknownPath().Issues[0].Diagnostics},
		{UnsupportedMediaType("x"), 415, "error", "invalid", "UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type", "x"},
		{ResourceIDNotAllowed(), 405, "error", "forbidden", "MSG_RESOURCE_ID_FAIL", "Client is not permitted to assign an id.", "Subscription.id is assigned by the service: leave it out"},
		{TooManyRequests(time.Second), 429, "error", "throttled", "BAD_REQUEST", "Bad request.", "too many requests from this system: wait as long as the Retry-After header says"},
		{Unavailable(time.Second), 503, "error", "transient", "INTERNAL_SERVER_ERROR", "Unexpected internal server error.", "the service cannot take this request now: send it again after the time in the Retry-After header"},
		{Internal("7f3a"), 500, "error", "processing", "INTERNAL_SERVER_ERROR", "Unexpected internal server error.", "the service failed; when you report this, quote the reference 7f3a"},
	} {
		want := []Issue{{Severity: row.severity, Type: row.kind, Code: Code(row.code), Display: row.display, Diagnostics: row.diagnostics}}
		if diff := cmp.Diff(want, row.got.Issues); diff != "" || row.got.Status != row.status {
			t.Errorf("%s: status %d, want %d\n%s", row.code, row.got.Status, row.status, diff)
		}
		if row.got.Legacy != (row.status == 415) || (row.got.Allow != "") != (row.status == 405) || (row.got.RetryAfter > 0) != (row.status == 429 || row.status == 503) {
			t.Errorf("%s: %+v", row.code, row.got)
		}
		if text := row.got.Error(); !strings.Contains(text, fmt.Sprint(row.status)) || !strings.Contains(text, row.code) {
			t.Errorf("error text %q", text)
		}
	}
}

func TestRefusalIsFoundInAChain(t *testing.T) {
	err := fmt.Errorf("publishing: %w", InvalidResource(
		ResourceIssue("warning", "required", "x", "Bundle.entry[0]", "/f:Bundle/f:entry[1]")))
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Code() != InvalidResourceCode {
		t.Fatal(err)
	}
	want := Issue{Severity: "warning", Type: "required", Code: InvalidResourceCode, Display: "Invalid validation of resource.",
		Diagnostics: "x", Expression: "Bundle.entry[0]", Location: "/f:Bundle/f:entry[1]"}
	if diff := cmp.Diff(want, refusal.Issues[0]); diff != "" {
		t.Error(diff)
	}
	if kept := want.As("", ""); kept != want {
		t.Errorf("As changes what it should keep: %+v", kept)
	}
	if empty := (&Refusal{Status: 500}); empty.Code() != "" || empty.Error() == "" {
		t.Error("a refusal without issues must not fail")
	}
}

func TestLifeCycleIssues(t *testing.T) {
	n := Notice{Display: "Newborn Hearing", Code: "newborn-hearing-1", Deprecated: time.Date(2019, 6, 22, 0, 0, 0, 0, time.UTC),
		Withdrawn: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), URL: "https://example.org/events"}
	deprecated, gone := Deprecated(n), NoLongerSupported(n)
	if deprecated.Severity != "information" || deprecated.Type != "informational" || deprecated.Code != "DEPRECATED" ||
		deprecated.Diagnostics != "Deprecation of the Newborn Hearing (newborn-hearing-1) event type will occur on 22/06/2019, for more information go to https://example.org/events" {
		t.Errorf("%+v", deprecated)
	}
	if gone.Severity != "fatal" || gone.Type != "not-supported" || gone.Code != "NO_LONGER_SUPPORTED" ||
		gone.Diagnostics != "Withdrawal of Event message type `newborn-hearing-1` will occur on 01/01/2020, for more information go to https://example.org/events" {
		t.Errorf("%+v", gone)
	}
	if text := Deprecated(Notice{Display: "D", Code: "d-1"}).Diagnostics; text != "Deprecation of the D (d-1) event type has been announced" {
		t.Errorf("without date and URL: %q", text)
	}
	n.NoLongerSupported = time.Date(2019, 12, 24, 0, 0, 0, 0, time.UTC)
	if text := Deprecated(n).Diagnostics; text != "Deprecation of the Newborn Hearing (newborn-hearing-1) event type will occur on 22/06/2019, it is no longer supported from 24/12/2019, for more information go to https://example.org/events" {
		t.Errorf("with both dates: %q", text)
	}
	refusal := EventTypesRefused(deprecated, gone)
	if refusal.Status != 422 || refusal.Code() != NoLongerSupportedCode || len(refusal.Issues) != 2 {
		t.Errorf("%+v", refusal)
	}
}
