package pdsapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"nems/internal/broker"
	"nems/internal/demographics"
	"nems/internal/directory"
	"nems/internal/refuse"
	"nems/internal/store"
)

const fhirJSON = "application/fhir+json"

// write answers with a resource.
func (x *exchange) write(status int, resource any) {
	body, err := json.Marshal(resource)
	if err != nil { // cannot happen: all of it are texts and numbers
		body, status = []byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"fatal","code":"exception"}]}`), http.StatusInternalServerError
	}
	x.w.Header().Set("Content-Type", fhirJSON)
	x.w.Header().Set("Cache-Control", "no-store")
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body)
}

type (
	outcome struct {
		ResourceType string  `json:"resourceType"`
		Issue        []issue `json:"issue"`
	}
	issue struct {
		Severity    string  `json:"severity"`
		Code        string  `json:"code"`
		Details     concept `json:"details"`
		Diagnostics string  `json:"diagnostics,omitempty"`
	}
)

// outcomeOf renders a fault.
func outcomeOf(f *Fault) outcome {
	m := meanings[f.Code]
	if f.Display != "" {
		m.display = f.Display
	}
	return outcome{"OperationOutcome", []issue{{m.severity, m.issue, *codeOf(errorSystem, "1", f.Code, m.display), f.Diagnostics}}}
}

// refuse renders an error. Nothing else does that.
func (a *API) refuse(x *exchange, err error) {
	f := a.fault(err)
	h := x.w.Header()
	if f.Allow != "" {
		h.Set("Allow", f.Allow)
	}
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	if f.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	x.write(f.Status, outcomeOf(f))
	if x.action != "" && x.known {
		a.audit(x, x.action, x.patient, f.Status, f.Code)
	}
}

// fault converts any error to an answer: the caller's mistakes unchanged,
// temporary errors to 503, and everything else to 500 with a reference to quote.
func (a *API) fault(err error) *Fault {
	var (
		fault   *Fault
		invalid *demographics.InvalidError
		refusal *refuse.Refusal
	)
	switch {
	case errors.As(err, &fault):
		return fault
	case errors.Is(err, store.ErrNotFound), errors.Is(err, directory.ErrNotFound):
		return &Fault{Status: http.StatusNotFound, Code: notFound}
	case errors.Is(err, store.ErrStale):
		return &Fault{Status: http.StatusConflict, Code: versionMismatch}
	case errors.Is(err, broker.ErrSuperseded):
		return badUpdate("the NHS number is superseded: read the patient, and update the one with the id of the answer")
	case errors.As(err, &invalid):
		return badUpdate("%s: expected %s", invalid.Element, invalid.Expected)
	case errors.As(err, &refusal) && refusal.Status < http.StatusInternalServerError:
		return badUpdate("the record would make no valid event: %s", refusal.Reason())
	case store.Temporary(err), errors.Is(err, directory.ErrAway), errors.Is(err, context.DeadlineExceeded), refusal != nil:
		a.Log.Warn("temporarily refused", "api", "pds", "reason", err)
		return &Fault{Status: http.StatusServiceUnavailable, Code: serviceUnavailable, RetryAfter: 1,
			Diagnostics: "Using the same X-Request-ID, send the request again after the time that Retry-After says"}
	}
	reference := uuid.NewString()
	a.Log.Error("defect", "reference", reference, "api", "pds", "error", err)
	return &Fault{Status: http.StatusInternalServerError, Code: internalServerError, Diagnostics: "Reference " + reference}
}

// etag is the version of a record, as PDS writes it.
func etag(r demographics.Record) string { return `W/"` + strconv.FormatInt(r.SCN, 10) + `"` }
