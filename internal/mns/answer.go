package mns

import (
	"errors"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"nems/internal/broker"
	"nems/internal/refuse"
	"nems/internal/store"
)

// fault is an answer other than a success. The MNS has a form of its own for each
// layer: validationErrors, errors, or the gateway's fault.
type fault struct {
	status int
	body   any
	allow  string
}

func (f *fault) Error() string { return http.StatusText(f.status) }

// errorsBody is how most errors are written.
type errorsBody struct {
	Errors string `json:"errors"`
}

// faultBody is how the gateway writes those about tokens.
type faultBody struct {
	Fault faultDetail `json:"fault"`
}

type faultDetail struct {
	Text   string    `json:"faultstring"`
	Detail faultCode `json:"detail"`
}

type faultCode struct {
	Code string `json:"errorcode"`
}

func failed(status int, text string) *fault {
	return &fault{status: status, body: errorsBody{text}}
}

// The answers whose words clients know.
var (
	notFound        = failed(http.StatusNotFound, "Not found")
	notAuthorised   = failed(http.StatusForbidden, "User is not authorized to handle the requested event type")
	badID           = failed(http.StatusBadRequest, "Please provide a valid subscription ID in UUID4 format")
	badContinueFrom = failed(http.StatusBadRequest, "The continue_from field was not valid")
	broken          = failed(http.StatusInternalServerError, "Internal server error")
	tooLarge        = failed(http.StatusRequestEntityTooLarge, "Request body too large")
	switchedOff     = failed(http.StatusConflict, "This endpoint has been switched off by the operator of the service")
	wrongMedia      = failed(http.StatusUnsupportedMediaType, "Unsupported media type")
)

// Unauthorised says that a request has no token, or none that is known here.
func Unauthorised(missing bool) error {
	code := "oauth.v2.InvalidAccessToken"
	if missing {
		code = "oauth.v2.MissingAccessToken"
	}
	return &fault{status: http.StatusUnauthorized, body: faultBody{faultDetail{"Invalid access token", faultCode{code}}}}
}

// invalid lists what is wrong with a body, by its members.
type invalid map[string]string

func (v invalid) fault() error {
	if len(v) == 0 {
		return nil
	}
	return &fault{status: http.StatusBadRequest, body: map[string]invalid{"validationErrors": v}}
}

// Media types of answers.
const (
	asJSON = "application/json"
	asFHIR = "application/fhir+json"
)

// write answers with a body.
func (x *exchange) write(status int, media string, v any) {
	body, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"errors":"Internal server error"}`)
	}
	x.w.Header().Set("Content-Type", media)
	x.w.Header().Set("Cache-Control", "no-store")
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body)
}

// refuse answers with an error.
func (a *API) refuse(x *exchange, err error) {
	f := answerTo(err)
	if f.status >= http.StatusInternalServerError {
		a.Log.Error("MNS API", "reference", x.reference, "error", err)
	}
	if f.allow != "" {
		x.w.Header().Set("Allow", f.allow)
	}
	if f.status == http.StatusServiceUnavailable || f.status == http.StatusTooManyRequests {
		x.w.Header().Set("Retry-After", "1")
	}
	x.write(f.status, asJSON, f.body)
}

// answerTo converts what the broker says to the MNS's words.
func answerTo(err error) *fault {
	var own *fault
	var refusal *refuse.Refusal
	var duplicate *store.DuplicateError
	var held *store.HeldError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &held):
		return switchedOff
	case errors.As(err, &duplicate):
		return failed(http.StatusConflict, "A matching subscription already exists with id: "+uuid.UUID(duplicate.ID).String())
	case errors.As(err, &refusal) && strings.HasPrefix(refusal.Reason(), broker.NotPermitted):
		return failed(http.StatusForbidden, refusal.Reason())
	case errors.As(err, &refusal) && refusal.Issues[0].Type == "business-rule": // a quota
		return failed(refusal.Status, refusal.Issues[0].Diagnostics)
	case errors.As(err, &refusal) && (refusal.Status == http.StatusForbidden || refusal.Status == http.StatusUnauthorized):
		return notAuthorised
	case errors.As(err, &refusal) && refusal.Status == http.StatusNotFound:
		return notFound
	case errors.As(err, &refusal) && refusal.Status < http.StatusInternalServerError:
		return failed(refusal.Status, refusal.Error())
	case errors.Is(err, store.ErrNotFound):
		return notFound
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrUnknown), errors.Is(err, store.ErrClosed), errors.Is(err, store.ErrChanged):
		return failed(http.StatusServiceUnavailable, "Service unavailable")
	}
	return broken
}
