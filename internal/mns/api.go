package mns

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"nems/internal/access"
	"nems/internal/broker"
	"nems/internal/store"
	"nems/internal/subscription"
	"nems/internal/wire"
)

// Base is where the API is, as at api.service.nhs.uk.
const Base = "/multicast-notification-service"

// Owns reports whether a path is one that this API answers.
func Owns(path string) bool { return path == Base || strings.HasPrefix(path, Base+"/") }

// Broker publishes and subscribes. *broker.Broker implements it. Safe for concurrent
// use.
type Broker interface {
	PublishSignal(ctx context.Context, caller access.Caller, s broker.Signal) (broker.Published, error)
	SubscribeMNS(ctx context.Context, caller access.Caller, s subscription.Subscription, with store.Brought) error
	MayWantSignals(caller access.Caller, s *subscription.Subscription, grants []string) error
	ReplaceMNS(ctx context.Context, caller access.Caller, s subscription.Subscription, with store.Brought) error
	Read(ctx context.Context, caller access.Caller, id string) (subscription.Subscription, error)
	Search(ctx context.Context, caller access.Caller, q store.SubscriptionQuery) (broker.Found, error)
	Unsubscribe(ctx context.Context, caller access.Caller, id string) error
	TestEndpoint(ctx context.Context, caller access.Caller, id string) (store.Attempt, error)
	Stopped(ctx context.Context, s subscription.Subscription) (store.Stopped, error)
}

// Config is what the API needs.
type Config struct {
	Broker   Broker
	Channels Channels
	// Caller finds out who sent a request, or returns what Unauthorised does.
	Caller func(*http.Request) (access.Caller, error)
	// AnyType takes event types that no catalogue has: the dev world.
	AnyType bool
	Version string // of this program
	Now     func() time.Time
	Log     *slog.Logger
}

// API serves what is below Base.
type API struct {
	Config
	slots chan struct{} // one for each request that is served
}

// New returns the API. It starts nothing.
func New(c Config) *API { return &API{Config: c, slots: make(chan struct{}, servedAtOnce)} }

// Limits of one request.
const (
	arriveWithin = 30 * time.Second
	serveWithin  = 10 * time.Second
	takeWithin   = 60 * time.Second
	maxBody      = 256 << 10
	servedAtOnce = 256
)

// exchange is one request and its answer.
type exchange struct {
	w         http.ResponseWriter
	r         *http.Request
	caller    access.Caller
	reference string // x-amzn-RequestId
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	deadlines, now := http.NewResponseController(w), time.Now()
	_ = deadlines.SetReadDeadline(now.Add(arriveWithin)) // not every writer supports deadlines
	_ = deadlines.SetWriteDeadline(now.Add(takeWithin))
	wire.CloseIfSuspect(w, r)
	ctx, cancel := context.WithTimeout(r.Context(), serveWithin)
	defer cancel()
	request := uuid.New()
	x := &exchange{w: w, r: r.WithContext(ctx), reference: request.String()}
	defer a.recover(x)
	w.Header().Set("X-Amzn-Requestid", x.reference)
	if id := r.Header.Get("X-Correlation-ID"); id != "" && len(id) <= 200 && !strings.ContainsFunc(id, func(c rune) bool { return c < ' ' || c > '~' }) {
		w.Header().Set("X-Correlation-ID", id)
	}
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		a.refuse(x, failed(http.StatusTooManyRequests, "Too many requests"))
		return
	}
	if err := a.serve(x, request); err != nil {
		a.refuse(x, err)
	}
}

// handlers are what can be done at a path, by method.
type handlers map[string]func(*exchange) error

// testing ends the path at which a subscription's endpoint is tested.
const testing = "/$test"

// serve finds what the request is for and does it.
func (a *API) serve(x *exchange, request uuid.UUID) error {
	path := strings.TrimPrefix(x.r.URL.Path, Base)
	id, one := strings.CutPrefix(path, "/subscriptions/")
	var at handlers
	switch {
	case path == "/_ping", path == "/_status", path == "/health":
		return a.status(x, path)
	case path == "/events":
		at = handlers{http.MethodPost: a.publish}
	case path == "/subscriptions":
		at = handlers{http.MethodPost: a.subscribe, http.MethodGet: a.list}
	case one && strings.TrimSuffix(id, testing) != "" && !strings.Contains(strings.TrimSuffix(id, testing), "/"):
		id, test := strings.CutSuffix(id, testing)
		of := func(do func(*exchange, string) error) func(*exchange) error {
			return func(x *exchange) error {
				key, err := subscriptionID(id)
				if err != nil {
					return err
				}
				return do(x, key)
			}
		}
		if at = (handlers{http.MethodPost: of(a.test)}); test {
			break
		}
		at = handlers{http.MethodGet: of(a.read), http.MethodPut: of(a.replace), http.MethodDelete: of(a.unsubscribe)}
	default:
		return notFound
	}
	do := at[cmp.Or(map[string]string{http.MethodHead: http.MethodGet}[x.r.Method], x.r.Method)]
	if do == nil {
		f := failed(http.StatusMethodNotAllowed, "Method not allowed")
		f.allow = strings.Join(slices.Sorted(maps.Keys(at)), ", ")
		return f
	}
	caller, err := a.Caller(x.r)
	if err != nil {
		return err
	}
	x.caller, x.caller.Request = caller, request
	return do(x)
}

// subscriptionID reads an id as the MNS writes them.
func subscriptionID(text string) (string, error) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 || id.Version() != 4 {
		return "", badID
	}
	return subscription.ID(id).String(), nil
}

// status says that the service is there.
func (a *API) status(x *exchange, path string) error {
	if x.r.Method != http.MethodGet && x.r.Method != http.MethodHead {
		return &fault{status: http.StatusMethodNotAllowed, body: errorsBody{"Method not allowed"}, allow: "GET"}
	}
	out := map[string]string{"version": a.Version}
	if path != "/_ping" {
		out["status"], out["ping"], out["service"] = "pass", "pong", "multicast-notification-service"
	}
	x.write(http.StatusOK, asJSON, out)
	return nil
}

// may checks that the caller is registered for an interaction.
func (x *exchange) may(interaction string) error {
	x.caller.Interaction.ID = interaction
	if refusal := x.caller.May(interaction); refusal != nil {
		return refusal
	}
	return nil
}

// media is the media type of the body, without its parameters.
func (x *exchange) media() string {
	media, _, _ := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	return media
}

// body reads the body.
func (x *exchange) body() ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, tooLarge
	}
	if err != nil {
		return nil, failed(http.StatusBadRequest, "The request body could not be read")
	}
	return body, nil
}

// recover answers 500 for a panic, so that a defect costs one request.
func (a *API) recover(x *exchange) {
	p := recover()
	if p == nil || p == http.ErrAbortHandler {
		return
	}
	// The panic's text may contain a part of a request, so only its place is logged.
	a.Log.Error("panic", "reference", x.reference, "api", "mns", "stack", string(debug.Stack()))
	a.refuse(x, broken)
}
