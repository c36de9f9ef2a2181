// Package r4 serves topic-based subscriptions in FHIR R4: HL7's Subscriptions R5
// Backport. A subscription made here is one of the service like all others; what
// is R4's is how it is written, and that copies go to a URL of its own.
//
// Source: HL7/fhir-subscription-backport-ig (1.2.0-ballot, 2025-10-31), input/fsh
// and input/pagecontent; hl7.org/fhir/R4 subscription, bundle, parameters.
package r4

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/catalogue"
	"nems/internal/nhs"
	"nems/internal/refuse"
	"nems/internal/replay"
	"nems/internal/requestid"
	"nems/internal/spine"
	"nems/internal/store"
	"nems/internal/subscription"
	"nems/internal/wire"
)

// Base is where the API is.
const Base = "/R4"

// Owns reports whether a path is one that this API answers.
func Owns(path string) bool { return path == Base || strings.HasPrefix(path, Base+"/") }

// Broker is what the API calls. *broker.Broker implements it.
type Broker interface {
	SubscribeAt(ctx context.Context, c access.Caller, r subscription.Resource, grants []string, bring func(context.Context, subscription.Subscription) (store.Brought, error)) (broker.Subscribed, error)
	Read(ctx context.Context, c access.Caller, id string) (subscription.Subscription, error)
	Unsubscribe(ctx context.Context, c access.Caller, id string) error
	Search(ctx context.Context, c access.Caller, q store.SubscriptionQuery) (broker.Found, error)
	Status(ctx context.Context, c access.Caller, id string) (broker.Counted, error)
	Replay(ctx context.Context, c access.Caller, id string, w replay.Wish) (store.Replay, error)
	TestEndpoint(ctx context.Context, c access.Caller, id string) (store.Attempt, error)
	NumberedEvents(ctx context.Context, c access.Caller, id string, from, to uint64, max int) ([]broker.NumberedEvent, error)
}

// Endpoints keeps the endpoints that subscriptions bring along. Safe for concurrent use.
type Endpoints interface {
	// Mailbox is broker.Mailboxes'.
	Mailbox(ctx context.Context, id string) (store.Mailbox, error)
	// Endpoint is webhook.Endpoints'; EndpointsAfter and PutEndpoint are operator.Endpoints'.
	Endpoint(ctx context.Context, row int64) (store.Endpoint, error)
	EndpointsAfter(ctx context.Context, row int64, max int) ([]store.Endpoint, error)
	PutEndpoint(ctx context.Context, e store.Endpoint, entry audit.Entry) error
}

// Recorder is api.Recorder.
type Recorder interface {
	Record(e audit.Entry)
	Refused(r store.Refused)
}

// Config is what the API needs.
type Config struct {
	Broker    Broker
	Endpoints Endpoints
	Catalogue func() *catalogue.Catalogue
	Door      *spine.Door
	Recorder  Recorder
	// Base returns scheme and host to which a request was sent; "" if they are not valid.
	Base func(*http.Request) string
	// Plain allows URLs without TLS: networks for tests are configured.
	Plain bool
	// Made is told which endpoint waits for its handshake. It must not block.
	Made func(row int64)
	Now  func() time.Time
	Log  *slog.Logger
}

// API serves Base.
type API struct {
	Config
	started time.Time
	slots   chan struct{} // one for each request that is served
}

// New returns the API. It starts nothing.
func New(c Config) *API {
	return &API{Config: c, started: c.Now(), slots: make(chan struct{}, servedAtOnce)}
}

// Limits of one request.
const (
	arriveWithin = 30 * time.Second
	serveWithin  = 30 * time.Second
	takeWithin   = 90 * time.Second
	maxBody      = 64 << 10
	servedAtOnce = 256
)

// exchange is one request and its answer.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request
	base    string // of the API, as the caller used it
	caller  access.Caller
	action  audit.Action // "" if nobody is behind the request
	object  string       // the subscription's id
	patient nhs.NHSNumber
	status  int
	// recorded says that the broker has written the audit's entry.
	recorded bool
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	deadlines, now := http.NewResponseController(w), time.Now()
	_ = deadlines.SetReadDeadline(now.Add(arriveWithin)) // not every writer supports deadlines
	_ = deadlines.SetWriteDeadline(now.Add(takeWithin))
	wire.CloseIfSuspect(w, r)
	ctx, cancel := context.WithTimeout(requestid.Give(r.Context(), w, r), serveWithin)
	defer cancel()
	x := &exchange{w: w, r: r.WithContext(ctx), status: http.StatusOK}
	defer a.recover(x)
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		a.finish(x, refuse.Unavailable(time.Second))
		return
	}
	a.finish(x, a.serve(x))
}

// serve finds the route, identifies the caller and handles the request.
func (a *API) serve(x *exchange) error {
	rt, id, refusal := find(x.r)
	if refusal != nil {
		return refusal
	}
	x.object = id
	if x.r.Method == http.MethodOptions {
		x.w.Header().Set("Allow", rt.allow)
		x.answer(http.StatusNoContent, nil)
		return nil
	}
	if x.base = a.Base(x.r); x.base == "" {
		return refuse.HeaderInvalid("Host", "a host name or an address, with or without a port", "another form")
	}
	x.base += Base
	header, refusal := negotiate(x.r)
	if refusal != nil {
		return refusal
	}
	if rt.endpoint == 0 { // it needs no token
		return rt.handle(a, x)
	}
	x.action = rt.action
	var err error
	x.caller, err = a.Door.Enter(x.r.Context(), spine.Request{Endpoint: rt.endpoint, Header: header, Certificate: spine.PeerNames(x.r)})
	x.caller.Request = requestid.ID(x.r.Context())
	if err != nil {
		return err
	}
	return rt.handle(a, x)
}

// finish renders a refusal, and writes the audit's entry if the broker has not.
func (a *API) finish(x *exchange, err error) {
	code := ""
	if err != nil {
		r := a.refusal(x.r.Context(), err)
		code = string(r.Code())
		x.refuse(r)
		if x.action != "" {
			a.Recorder.Refused(store.Refused{At: a.Now(), Action: x.action, ASID: x.caller.ASID, ODS: x.caller.ODS, Certificate: x.caller.Certificate,
				Status: r.Status, Code: code, Reason: r.Reason()})
		}
	}
	if x.action == "" || x.recorded && err == nil {
		return
	}
	e := broker.Entry(x.caller, x.action)
	e.At, e.Status, e.Outcome, e.Object, e.Patient = a.Now(), x.status, code, x.object, x.patient
	a.Recorder.Record(e)
}

// refusal converts any error to an answer: the caller's mistakes unchanged,
// temporary errors to 503, and everything else to 500 with a reference to quote.
func (a *API) refusal(ctx context.Context, err error) *refuse.Refusal {
	var refusal *refuse.Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal
	case store.Temporary(err), errors.Is(err, store.ErrChanged), errors.Is(err, context.DeadlineExceeded):
		a.Log.WarnContext(ctx, "temporarily refused", "api", "r4", "reason", err)
		return refuse.Unavailable(time.Second)
	}
	reference := uuid.NewString()
	a.Log.ErrorContext(ctx, "defect", "api", "r4", "reference", reference, "error", err)
	return refuse.Internal(reference)
}

// recover answers 500 for a panic, so that a defect costs one request.
func (a *API) recover(x *exchange) {
	p := recover()
	if p == nil || p == http.ErrAbortHandler {
		return
	}
	reference := uuid.NewString()
	// The panic's text may contain a part of a request, so only its place is logged.
	a.Log.ErrorContext(x.r.Context(), "panic", "api", "r4", "reference", reference, "stack", string(debug.Stack()))
	a.finish(x, refuse.Internal(reference))
}
