// Package api is the FHIR API of the service: it decodes requests, makes one
// call to the broker and renders the answer. Every answer that refuses is an
// OperationOutcome, rendered in one place.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/replay"
	"nems/internal/spine"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Broker is what the API calls. *broker.Broker implements it.
type Broker interface {
	Publish(ctx context.Context, c access.Caller, body []byte, key string) (broker.Published, error)
	Subscribe(ctx context.Context, c access.Caller, body []byte) (broker.Subscribed, error)
	Read(ctx context.Context, c access.Caller, id string) (subscription.Subscription, error)
	Unsubscribe(ctx context.Context, c access.Caller, id string) error
	Search(ctx context.Context, c access.Caller, q store.SubscriptionQuery) (broker.Found, error)
	Count(ctx context.Context, c access.Caller, q store.SubscriptionQuery) (store.Count, error)
	Explain(ctx context.Context, c access.Caller, id, messageID string) (broker.Explained, error)
	Status(ctx context.Context, c access.Caller, id string) (broker.Counted, error)
	NumberedEvents(ctx context.Context, c access.Caller, id string, from, to uint64, max int) ([]broker.NumberedEvent, error)
	Deliveries(ctx context.Context, c access.Caller, id string, from time.Time, after store.EventID) (broker.Delivered, error)
	Replay(ctx context.Context, c access.Caller, id string, w replay.Wish) (store.Replay, error)
	TryReplay(ctx context.Context, c access.Caller, id string, w replay.Wish) (replay.Tally, error)
	ReplayStatus(ctx context.Context, c access.Caller, id, replayID string) ([]store.Replay, error)
	CancelReplay(ctx context.Context, c access.Caller, id, replayID string) error
	TestEndpoint(ctx context.Context, c access.Caller, id string) (store.Attempt, error)
	Stopped(ctx context.Context, s subscription.Subscription) (store.Stopped, error)
	Batch(ctx context.Context, c access.Caller, body []byte) ([]broker.Step, error)
}

// Streams serves those who read the events of a subscription over a channel of their
// own. *stream.Service implements it.
type Streams interface {
	// Follow and Pull answer, or refuse. Where they return then, it must be called: it
	// goes on answering for as long as it takes, after the limits have been left.
	Follow(w http.ResponseWriter, r *http.Request, c access.Caller, id string) (then func(context.Context), err error)
	Pull(w http.ResponseWriter, r *http.Request, c access.Caller, id string) (then func(context.Context) error, err error)
	// Acknowledge answers how far the events of a subscription were taken.
	Acknowledge(ctx context.Context, w http.ResponseWriter, c access.Caller, id string, body []byte) error
}

// Recorder writes audit entries of what the broker does not record itself:
// reads and refusals. It never blocks.
type Recorder interface {
	// Record is mailbox.Recorder's.
	Record(e audit.Entry)
	// Refused keeps a refusal with its reason for a while. Of a flood of refusals
	// not all are kept; the audit counts every one.
	Refused(r store.Refused)
}

// Config is what the API needs.
type Config struct {
	Broker   Broker
	Streams  Streams // nil: there are none
	Door     *spine.Door
	Recorder Recorder
	// Whole reports whether who reads a subscription to a mailbox may have messages: not
	// where an operator has registered its endpoint for signals. nil means that all may.
	Whole func(ctx context.Context, mailbox string) (bool, error)
	// Base returns the address to which a request was sent: scheme and host,
	// with a port if there is one. It returns "" if the request names no valid
	// address.
	Base func(*http.Request) string
	Log  *slog.Logger
	Now  func() time.Time
	// Answered is called with every answer's Spine code ("" for a success), and the
	// time since the request's head had arrived, for the metrics; nil means no calls.
	// The context is the request's.
	Answered func(ctx context.Context, action, code string, status int, took time.Duration)
	// Took is told how long reading and answering took in each publish; nil: nobody
	// is told. The broker tells of the stages in between.
	Took func(context.Context, broker.Stage, time.Duration)
	// Limits prevent callers from taking more than their share.
	Limits Limits
	// SearchKey seals the links of search pages: 32 bytes, secret. APIs with
	// the same key can read each other's links; nil makes a new key.
	SearchKey []byte
}

// API serves /STU3/.
type API struct {
	Config
	table   table
	fair    *fairness
	cursors cursors
	started time.Time
}

// New returns the API. It starts nothing.
func New(c Config) *API {
	a := &API{Config: c, fair: newFairness(c.Limits), cursors: newCursors(c.SearchKey), started: c.Now()}
	a.table = newTable([]route{
		{method: "POST", path: "/STU3/Events/1/$process-message", action: audit.ActionPublish, endpoint: spine.EndpointPublish, handle: a.publish},
		{method: "POST", path: "/STU3/Subscription", action: audit.ActionSubscribe, endpoint: spine.EndpointCreate, handle: a.subscribe},
		{method: "GET", path: "/STU3/Subscription", action: audit.ActionSearch, endpoint: spine.EndpointSearch, handle: a.search},
		{method: "POST", path: "/STU3/Subscription/_search", action: audit.ActionSearch, endpoint: spine.EndpointSearch, handle: a.searchForm},
		{method: "GET", path: "/STU3/Subscription/{id}", action: audit.ActionRead, endpoint: spine.EndpointRead, handle: a.read},
		{method: "DELETE", path: "/STU3/Subscription/{id}", action: audit.ActionDelete, endpoint: spine.EndpointDelete, handle: a.unsubscribe},
		{method: "GET", path: "/STU3/Subscription/{id}/$explain", action: audit.ActionExplain, endpoint: spine.EndpointRead, handle: a.explain},
		{method: "GET", path: "/STU3/Subscription/{id}/$status", action: audit.ActionRead, endpoint: spine.EndpointRead, handle: a.status},
		{method: "GET", path: "/STU3/Subscription/{id}/$events", action: audit.ActionRead, endpoint: spine.EndpointRead, handle: a.events},
		{method: "GET", path: "/STU3/Subscription/{id}/$deliveries", action: audit.ActionRead, endpoint: spine.EndpointRead, handle: a.deliveries},
		{method: "GET", path: "/STU3/Subscription/{id}/$stream", action: audit.ActionFollow, endpoint: spine.EndpointEvents, handle: a.follow},
		{method: "GET", path: "/STU3/Subscription/{id}/$pull", action: audit.ActionFollow, endpoint: spine.EndpointEvents, handle: a.pull},
		{method: "POST", path: "/STU3/Subscription/{id}/$ack", action: audit.ActionTake, endpoint: spine.EndpointEvents, handle: a.acknowledge},
		{method: "POST", path: "/STU3/Subscription/{id}/$replay", action: audit.ActionStartReplay, endpoint: spine.EndpointCreate, handle: a.replay},
		{method: "GET", path: "/STU3/Subscription/{id}/$replay-status", action: audit.ActionRead, endpoint: spine.EndpointRead, handle: a.replayStatus},
		{method: "POST", path: "/STU3/Subscription/{id}/$replay-cancel", action: audit.ActionCancelReplay, endpoint: spine.EndpointCreate, handle: a.cancelReplay},
		{method: "POST", path: "/STU3/Subscription/{id}/$test", action: audit.ActionTestEndpoint, endpoint: spine.EndpointCreate, handle: a.test},
		{method: "POST", path: "/STU3", action: audit.ActionBatch, endpoint: spine.EndpointBatch, handle: a.batch},
		{method: "POST", path: "/STU3/", action: audit.ActionBatch, endpoint: spine.EndpointBatch, handle: a.batch},
		{method: "OPTIONS", path: "/STU3", name: "metadata", endpoint: spine.EndpointRead, handle: a.capabilityStatement, open: true},
		{method: "OPTIONS", path: "/STU3/", name: "metadata", endpoint: spine.EndpointRead, handle: a.capabilityStatement, open: true},
		{method: "GET", path: "/STU3/metadata", name: "metadata", endpoint: spine.EndpointRead, handle: a.capabilityStatement, open: true},
	})
	return a
}
