package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// What a call sends, and how the answers are read.
func TestPublishOnTheWire(t *testing.T) {
	message := []byte(`<Bundle xmlns="http://hl7.org/fhir"><type value="message"/><entry><resource><MessageHeader><event><code value="vaccinations-1"/></event></MessageHeader></resource></entry></Bundle>`)
	var got *http.Request
	var body []byte
	answer := func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		answer(w)
	}))
	defer server.Close()
	c := Client{URL: server.URL + "/", ASID: "300000000161", ODS: "A83627", NEMS: "111111111111"}

	if _, err := c.Publish(context.Background(), message, WithWarnings(), WithIdempotencyKey("k")); err != nil {
		t.Fatal(err)
	}
	if string(body) != string(message) || got.URL.Path != "/STU3/Events/1/$process-message" {
		t.Errorf("sent %d bytes to %s", len(body), got.URL.Path)
	}
	for name, want := range map[string]string{
		"InteractionID": "urn:nhs:names:services:events:Vaccinations.Write", "fromASID": "300000000161", "toASID": "111111111111",
		"Prefer": "return=OperationOutcome", "Idempotency-Key": "k", "Content-Type": "application/fhir+xml",
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	if token := strings.TrimPrefix(got.Header.Get("Authorization"), "Bearer "); strings.Count(token, ".") != 2 || !strings.HasSuffix(token, ".") {
		t.Errorf("not an unsigned token: %d dots", strings.Count(token, "."))
	}

	answer = func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "<html>a proxy's page</html>")
	}
	_, err := c.Publish(context.Background(), message)
	var refused *Error
	if !errors.As(err, &refused) || refused.Status != 503 || refused.RetryAfter != 7*time.Second || len(refused.Issues) != 0 {
		t.Errorf("an answer without an OperationOutcome: %#v", err)
	}
	if _, err := c.Publish(context.Background(), []byte("<a/>")); !errors.Is(err, ErrNotAnEvent) {
		t.Errorf("bytes without an event code: %v", err)
	}
}

func TestErrorReadsWell(t *testing.T) {
	e := &Error{Status: 422, Issues: []Issue{
		{Code: "INVALID_RESOURCE", Diagnostics: "notGiven is missing", Expression: "Immunization"},
		{Code: "NO_RECORD_FOUND", Display: "No record found"},
	}}
	const want = "NEMS answered 422 Unprocessable Entity\n  INVALID_RESOURCE: notGiven is missing (Immunization)\n  NO_RECORD_FOUND: No record found"
	if e.Error() != want {
		t.Errorf("got %q", e.Error())
	}
}
