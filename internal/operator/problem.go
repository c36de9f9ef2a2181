package operator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// problemMedia is the media type of RFC 9457, which has a registered form for
// errors of HTTP APIs: generators of clients and gateways know it.
const problemMedia = "application/problem+json"

// retryAfter is when a retryable request is worth another attempt, in seconds.
const retryAfter = "1"

// problem is an Error as it travels: RFC 9457, with members of our own behind
// those of the standard.
type problem struct {
	Title     string `json:"title" jsonschema:"the text of the status"`
	Status    int    `json:"status" jsonschema:"the HTTP status"`
	Detail    string `json:"detail" jsonschema:"what went wrong, for people"`
	Code      Code   `json:"code" jsonschema:"what kind of failure it is, for programs"`
	Field     string `json:"field,omitempty" jsonschema:"the member or parameter that is wrong"`
	Expected  string `json:"expected,omitempty" jsonschema:"what the field can be"`
	Received  string `json:"received,omitempty" jsonschema:"what it was; never a patient's data"`
	Retryable bool   `json:"retryable" jsonschema:"whether the same request may succeed a moment later"`
}

// writeProblem answers with an Error: the only place that renders one.
func writeProblem(w http.ResponseWriter, e *Error) {
	kind := kinds[e.Code]
	h := w.Header()
	h.Set("Content-Type", problemMedia)
	if e.Code == Unauthenticated {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if kind.retryable {
		h.Set("Retry-After", retryAfter)
	}
	w.WriteHeader(kind.status)
	_ = json.NewEncoder(w).Encode(problem{Title: http.StatusText(kind.status), Status: kind.status, Detail: e.Message, Code: e.Code,
		Field: e.Field, Expected: e.Expected, Received: e.Received, Retryable: kind.retryable})
}

// mostProblem limits how much of a refusing answer is read.
const mostProblem = 1 << 16

// refusedBy reads the Error out of an answer that refuses.
func refusedBy(answer *http.Response) error {
	var p problem
	err := json.NewDecoder(io.LimitReader(answer.Body, mostProblem)).Decode(&p)
	if _, known := kinds[p.Code]; err != nil || !known {
		return fmt.Errorf("the service answered %s: is this the address of its operations listener?", answer.Status)
	}
	return &Error{Code: p.Code, Message: p.Detail, Field: p.Field, Expected: p.Expected, Received: p.Received}
}
