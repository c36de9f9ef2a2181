// Package client talks to a National Events Management Service: it publishes
// event messages, creates, reads and deletes subscriptions, and collects
// copies from a MESH mailbox. It works against any NEMS and any MESH.
//
// Source: NEMS specification 2.15, "Publish an Event Message" and the
// Subscription API pages.
package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"nems/internal/jwt"
	"nems/internal/nhs"
	"nems/internal/plain"
)

// maxAnswer limits how many bytes of an answer are read; answers are small.
const maxAnswer = 1 << 20

// Client calls one NEMS as one system. Fill the fields before the first call;
// afterwards a Client is safe for concurrent use.
type Client struct {
	// URL is the address of the NEMS: scheme, host and port, such as http://localhost:8080.
	URL string
	// ASID identifies the calling system. ODS is its organisation's code.
	ASID string
	ODS  string
	// NEMS is the ASID of the service, which is sent as toASID.
	NEMS string
	// User identifies the person on whose behalf a call is made
	// (`system|value`); "" for calls that no person makes.
	User string
	// Reason is the reason_for_request: directcare (the default),
	// secondaryuses or patientaccess.
	Reason string
	// Sign signs the claims of a token, which are JSON, and returns the token in
	// compact form; nil sends unsigned tokens, which a NEMS takes behind a client
	// certificate. Package signed has one.
	Sign func(claims []byte) (string, error)
	// HTTP makes the calls; nil means http.DefaultClient. A NEMS in production
	// asks for a client certificate.
	HTTP *http.Client
	// Now is the clock used for tokens; nil means time.Now.
	Now func() time.Time
}

// Error is an answer that refuses the call.
type Error struct {
	Status int // HTTP status
	// Issues are those of the OperationOutcome, "Code: diagnostics" each; empty
	// when the answer had none.
	Issues []Issue
	// RetryAfter is how long the service asks the caller to wait; 0 when it does not ask.
	RetryAfter time.Duration
}

// Issue is one issue of an OperationOutcome.
type Issue struct {
	Severity    string `json:"severity"` // fatal, error, warning or information
	Code        string `json:"code"`     // Spine code, such as INVALID_RESOURCE
	Display     string `json:"display,omitempty"`
	Diagnostics string `json:"diagnostics,omitempty"`
	Expression  string `json:"expression,omitempty"` // FHIRPath of the element concerned, "" when there is none
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "NEMS answered %d %s", e.Status, http.StatusText(e.Status))
	for _, i := range e.Issues {
		fmt.Fprintf(&b, "\n  %s", i)
	}
	return b.String()
}

// String renders the issue on one line. The service chose its texts, so control
// characters are replaced.
func (i Issue) String() string {
	s := i.Code
	if i.Diagnostics != "" {
		s += ": " + i.Diagnostics
	} else if i.Display != "" {
		s += ": " + i.Display
	}
	if i.Expression != "" {
		s += " (" + i.Expression + ")"
	}
	return plain.Short(s, mostIssue)
}

// mostIssue limits the length of an issue's line, in bytes.
const mostIssue = 4096

// call is one request to the FHIR API of a NEMS.
type call struct {
	method, path string
	interaction  string
	scope        string
	contentType  string
	header       map[string]string
	body         []byte
	most         int64 // bytes of the answer, if that is more than maxAnswer
}

// do sends a call and returns the answer, or an *Error when the service refuses.
func (c *Client) do(ctx context.Context, call call) (*http.Response, []byte, error) {
	r, err := c.request(ctx, call)
	if err != nil {
		return nil, nil, err
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, max(maxAnswer, call.most)))
	if err != nil {
		return nil, nil, err
	}
	if answer.StatusCode >= 300 {
		return nil, nil, refusal(answer, body)
	}
	return answer, body, nil
}

// request makes the request of a call.
func (c *Client) request(ctx context.Context, call call) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, call.method, strings.TrimSuffix(c.URL, "/")+call.path, bytes.NewReader(call.body))
	if err != nil {
		return nil, err
	}
	token, err := c.token(call.scope)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("fromASID", c.ASID)
	r.Header.Set("toASID", c.NEMS)
	r.Header.Set("InteractionID", call.interaction)
	r.Header.Set("Accept", "application/fhir+xml")
	if call.contentType != "" {
		r.Header.Set("Content-Type", call.contentType)
	}
	for name, value := range call.header {
		r.Header.Set(name, value)
	}
	return r, nil
}

// token makes the token of a call.
func (c *Client) token(scope string) (string, error) {
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	reason := c.Reason
	if reason == "" {
		reason = "directcare"
	}
	t := jwt.Token{
		Issuer: c.URL, Audience: c.URL, ASID: nhs.ASID(c.ASID), ODS: nhs.ODSCode(c.ODS),
		User: c.User, Reason: reason, Scope: scope, Issued: now(),
	}
	if c.Sign != nil {
		return c.Sign(t.Payload())
	}
	return t.Unsigned(), nil
}
