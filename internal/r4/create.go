package r4

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"

	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/catalogue"
	"nems/internal/form"
	"nems/internal/nhs"
	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
	"nems/internal/webhook"
)

// idPrefix begins the ids of endpoints that subscriptions bring along.
const idPrefix = "R4-"

// settling is how long after an endpoint was made its handshake is left to the request
// that makes it: until that has ended, the subscription is not there.
const settling = serveWithin

// create makes a subscription with its endpoint, which waits for its handshake.
func (a *API) create(x *exchange) error {
	body, err := x.body()
	if err != nil {
		return err
	}
	want, refusal := readResource(body, a.codeOf, a.Plain)
	switch {
	case refusal != nil:
		return refusal
	case want.id != "":
		return refuse.ResourceIDNotAllowed()
	case want.status != requested:
		return invalid("Subscription.status", "value", "requested: the handshake makes it active", refuse.Show(want.status))
	}
	if err := a.mayCarry(x, &want); err != nil {
		return err
	}
	h := held{hook: webhook.Endpoint{URL: want.url, Form: webhook.Notification, RestHook: &want.hook}}
	h.hook.RestHook.Topic, h.hook.RestHook.Base = want.topic, x.base
	id := endpointID(x.caller.ODS, want)
	made, err := a.Broker.SubscribeAt(x.r.Context(), x.caller, subscription.Resource{
		Contact: x.caller.ODS, End: want.end, Reason: want.reason, Criteria: want.criteria, Mailbox: id,
	}, broker.GrantsOf(store.Endpoint{Channel: store.RestHookChannel, Value: h.hook.Pack()}), func(ctx context.Context, s subscription.Subscription) (store.Brought, error) {
		return a.bring(ctx, x, s, &h)
	})
	var held *store.HeldError
	if errors.As(err, &held) {
		return switchedOff
	}
	if err != nil {
		return err
	}
	x.recorded, h.Subscription = true, made.Subscription
	a.Made(made.Endpoint)
	x.w.Header().Set("Location", x.base+"/Subscription/"+h.ID.String())
	return x.show(http.StatusCreated, resourceOf(h))
}

// invalid refuses one element.
func invalid(at, kind, expected, received string) *refuse.Refusal {
	return refuse.InvalidResource(refuse.ResourceIssue("", kind, at+": expected "+expected+"; received "+received, at, ""))
}

// codeOf finds the event code of a topic.
func (a *API) codeOf(topic string) (string, bool) {
	code, found := strings.CutPrefix(topic, topicBase)
	t, known := a.Catalogue().Type(code)
	return code, found && known && t.LifeCycle.State != catalogue.Withdrawn
}

// endpointID names the endpoint of a subscription: the same for an equal one, which
// is how a repeated request is recognised. Headers and periods do not count.
func endpointID(ods nhs.ODSCode, want resource) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{string(ods), want.url, want.media, string(want.hook.Content), want.criteria}, "\x00")))
	return idPrefix + strings.ToUpper(hex.EncodeToString(sum[:12]))
}

// mayCarry refuses messages to an URL that no operator has registered for them:
// patients' data goes to addresses that somebody has agreed to.
func (a *API) mayCarry(x *exchange, want *resource) error {
	if want.hook.Content != form.Full {
		return nil
	}
	by, err := webhook.Agreement(x.r.Context(), a.Endpoints, x.caller.ODS, want.url)
	if err == nil && by == 0 {
		const at = "Subscription.channel.payload.extension('" + contentURL + "').value"
		return invalid(at, "forbidden", "empty or id-only: full-resource needs an operator who has registered this URL for this organisation with the form message", "full-resource")
	}
	want.hook.By = by
	return err
}

// bring makes the endpoint of a subscription, or takes that of an equal one that is over.
func (a *API) bring(ctx context.Context, x *exchange, s subscription.Subscription, h *held) (with store.Brought, err error) {
	box, err := a.Endpoints.Mailbox(ctx, s.Mailbox)
	if err == nil {
		h.row, err = a.Endpoints.Endpoint(ctx, box.Row)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return with, err
	}
	if err := h.inherit(); err != nil {
		return with, err
	}
	h.row.Mailbox = store.Mailbox{ID: s.Mailbox, Name: "R4 subscription", ODS: s.ODS, Remote: true}
	h.row.Channel = store.RestHookChannel
	hook := h.hook.RestHook
	hook.Subscription, hook.Beat = s.ID.String(), s.Created.Add(settling)
	return store.Brought{Endpoint: h.packed(), Alone: true, Audit: a.kept(x, h, audit.ActionPutEndpoint)}, nil
}

// switchedOff refuses an address that an operator has switched off.
var switchedOff = invalid("Subscription.channel.endpoint", "business-rule", "an address that no operator of this service has switched off: ask them", "one that an operator has, or one below it")

// inherit gives an endpoint what operators have done with that of an equal subscription
// before it: deleting one and making it again undoes nothing.
func (h *held) inherit() error {
	if h.row.Version == 0 {
		return nil
	}
	was, err := webhook.Read(h.row)
	switch {
	case err != nil:
		return err
	case was.Barred():
		return switchedOff
	}
	h.hook.Secret, h.hook.Previous, h.hook.PreviousUntil = was.Secret, was.Previous, was.PreviousUntil
	return nil
}

// packed is the endpoint as it is kept.
func (h *held) packed() store.Endpoint {
	h.row.Value = h.hook.Pack()
	return h.row
}

// kept is the entry in the audit of an endpoint that is stored.
func (a *API) kept(x *exchange, h *held, action audit.Action) audit.Entry {
	e := broker.Entry(x.caller, action)
	e.At, e.Object, e.Mailbox, e.Status = a.Now(), h.hook.RestHook.Subscription, h.row.Mailbox.ID, http.StatusOK
	return e
}

// keep stores the endpoint.
func (a *API) keep(ctx context.Context, x *exchange, h *held, action audit.Action) error {
	if err := a.Endpoints.PutEndpoint(ctx, h.packed(), a.kept(x, h, action)); err != nil {
		return err
	}
	h.row.Version++
	return nil
}

// body reads the request's body.
func (x *exchange) body() ([]byte, error) {
	if e := x.r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, refuse.UnsupportedMediaType("Content-Encoding HTTP Header: expected none, received another encoding")
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, refuse.TooLarge(maxBody)
	case err != nil:
		return nil, refuse.BadRequest("the body ended before it was complete")
	}
	return body, nil
}
