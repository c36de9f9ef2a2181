package mns

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"nems/internal/access"
	"nems/internal/broker"
	"nems/internal/form"
	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
)

// subscribe answers POST /subscriptions.
func (a *API) subscribe(x *exchange) error {
	if err := x.may(access.CreateInteraction); err != nil {
		return err
	}
	w, err := a.readResource(x, "requested")
	if err != nil {
		return err
	}
	now := a.Now()
	s := subscription.Subscription{ID: subscription.NewMNSID(), Created: now, Version: 1}
	with, err := a.draft(x, &w, &s)
	if err != nil {
		return err
	}
	if err := a.Broker.SubscribeMNS(x.r.Context(), x.caller, s, with); err != nil {
		return w.named(err)
	}
	x.write(http.StatusCreated, asJSON, map[string]string{"id": uuid.UUID(s.ID).String()})
	return nil
}

// draft fills in what is wanted of a subscription, and returns the endpoint that it
// brings along.
func (a *API) draft(x *exchange, w *wanted, s *subscription.Subscription) (with store.Brought, err error) {
	e, err := a.endpoint(x.r.Context(), x.caller, w)
	var none NoEndpoint
	if errors.As(err, &none) {
		return with, invalid{"channel.endpoint": string(none)}.fault()
	}
	if err != nil {
		return with, err
	}
	e.Mailbox.ID = w.id()
	s.ASID, s.ODS, s.Mailbox = x.caller.ASID, w.owner, e.Mailbox.ID
	s.Criteria, s.End, s.Reason = w.criteria, w.end, w.reason
	if err := a.Broker.MayWantSignals(x.caller, s, broker.GrantsOf(e)); err != nil {
		return with, err
	}
	return a.bring(x.r.Context(), x.caller, w, e)
}

// named says of what kind the subscription is that is there already: a queue or a webhook
// has one for each event type.
func (w *wanted) named(err error) error {
	var duplicate *store.DuplicateError
	if w.channel == store.QueueChannel && errors.As(err, &duplicate) {
		return failed(http.StatusConflict, "A matching SQS subscription already exists with id: "+uuid.UUID(duplicate.ID).String())
	}
	return err
}

// own returns a subscription of the caller's organisation. Those of others are not
// found.
func (a *API) own(x *exchange, id string) (subscription.Subscription, error) {
	s, err := a.Broker.Read(x.r.Context(), x.caller, id)
	var refusal *refuse.Refusal
	if errors.As(err, &refusal) && refusal.Status < http.StatusInternalServerError {
		return s, notFound
	}
	return s, err
}

// read answers GET /subscriptions/{id}.
func (a *API) read(x *exchange, id string) error {
	if err := x.may(access.ReadInteraction); err != nil {
		return err
	}
	s, err := a.own(x, id)
	if err != nil {
		return err
	}
	t, err := a.target(x.r.Context(), &s)
	if err != nil {
		return err
	}
	shown, err := a.shown(x.r.Context(), &s, t)
	if err != nil {
		return err
	}
	x.write(http.StatusOK, asFHIR, shown)
	return nil
}

// shown returns a subscription as the MNS shows it, with the status error where nothing is
// sent to its endpoint, and why.
func (a *API) shown(ctx context.Context, s *subscription.Subscription, t form.Target) (resource, error) {
	out := shownAs(s, t)
	stopped, err := a.Broker.Stopped(ctx, *s)
	if err == nil && stopped.Off && s.Status == subscription.Active {
		out.Status, out.Error = "error", stopped.Why
	}
	return out, err
}

// test answers POST /subscriptions/{id}/$test, which the MNS does not have: a test event
// goes to the endpoint, and the answer says what came of it.
func (a *API) test(x *exchange, id string) error {
	if err := x.may(access.CreateInteraction); err != nil {
		return err
	}
	if _, err := a.own(x, id); err != nil {
		return err
	}
	did, err := a.Broker.TestEndpoint(x.r.Context(), x.caller, id)
	if err != nil {
		return err
	}
	out := map[string]any{"at": did.At.UTC().Format(time.RFC3339Nano), "milliseconds": did.Took.Milliseconds()}
	if did.Status > 0 {
		out["status"] = did.Status
	}
	if did.Why != "" {
		out["why"] = did.Why
	}
	x.write(http.StatusOK, asJSON, out)
	return nil
}

// target finds where the signals of a subscription go.
func (a *API) target(ctx context.Context, s *subscription.Subscription) (form.Target, error) {
	box, err := a.Channels.Endpoints.Mailbox(ctx, s.Mailbox)
	if err != nil {
		return form.Target{}, err
	}
	e, err := a.Channels.Endpoints.Endpoint(ctx, box.Row)
	if err != nil {
		return form.Target{}, err
	}
	return form.ReadTarget(e)
}

// replace answers PUT /subscriptions/{id}. No event is lost between the old and the new
// one.
func (a *API) replace(x *exchange, id string) error {
	if err := x.may(access.CreateInteraction); err != nil {
		return err
	}
	s, err := a.own(x, id)
	if err != nil {
		return err
	}
	w, err := a.readResource(x, "requested", "active")
	if err != nil {
		return err
	}
	with, err := a.draft(x, &w, &s)
	if err != nil {
		return err
	}
	if err := a.Broker.ReplaceMNS(x.r.Context(), x.caller, s, with); err != nil {
		return w.named(err)
	}
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}

// unsubscribe answers DELETE /subscriptions/{id}. No event that is accepted later is
// signalled.
func (a *API) unsubscribe(x *exchange, id string) error {
	if err := x.may(access.DeleteInteraction); err != nil {
		return err
	}
	if _, err := a.own(x, id); err != nil {
		return err
	}
	if err := a.Broker.Unsubscribe(x.r.Context(), x.caller, id); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}

// Sizes of a list. An organisation's subscriptions at the NEMS are passed over; a page
// that has looked at enough of them ends early, even empty, and says where to read on.
const (
	pageSize   = 50
	lookedAt   = 500
	mostLooked = 10
)

// list answers GET /subscriptions.
func (a *API) list(x *exchange) error {
	if err := x.may(access.ReadInteraction); err != nil {
		return err
	}
	self, q := "/subscriptions", store.SubscriptionQuery{Max: lookedAt}
	if from, is := x.r.URL.Query()["continue_from"]; is {
		after, ok := place(from[0])
		if !ok {
			return badContinueFrom
		}
		q.After, self = after, self+"?continue_from="+url.QueryEscape(from[0])
	}
	found, more, err := a.page(x, q)
	if err != nil {
		return err
	}
	links := []link{{"self", self}}
	if !more.IsZero() {
		links = append(links, link{"next", "/subscriptions?continue_from=" + url.QueryEscape(base64.StdEncoding.EncodeToString(more[:]))})
	}
	wrap := validFHIR(x.r.Header)
	entries := make([]any, 0, len(found))
	for i := range found {
		t, err := a.target(x.r.Context(), &found[i])
		if err != nil {
			return err
		}
		shown, err := a.shown(x.r.Context(), &found[i], t)
		if err != nil {
			return err
		}
		var entry any = shown
		if wrap {
			entry = map[string]any{"resource": entry}
		}
		entries = append(entries, entry)
	}
	x.write(http.StatusOK, asFHIR, bundle{"Bundle", "searchset", links, entries})
	return nil
}

type bundle struct {
	ResourceType string `json:"resourceType"`
	Type         string `json:"type"`
	Link         []link `json:"link"`
	Entry        []any  `json:"entry"`
}

type link struct {
	Relation string `json:"relation"`
	URL      string `json:"url"`
}

// place reads continue_from: the id behind which a list goes on.
func place(token string) (id subscription.ID, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(raw) != len(id) {
		return id, false
	}
	return subscription.ID(raw), true
}

// page reads the next subscriptions of the MNS; more is behind which to go on, zero at
// the end.
func (a *API) page(x *exchange, q store.SubscriptionQuery) (found []subscription.Subscription, more subscription.ID, err error) {
	for range mostLooked {
		some, err := a.Broker.Search(x.r.Context(), x.caller, q)
		if err != nil {
			return nil, more, err
		}
		for _, s := range some.Subscriptions {
			if q.After = s.ID; !s.ID.OfMNS() {
				continue
			}
			if len(found) == pageSize {
				return found, found[pageSize-1].ID, nil
			}
			found = append(found, s)
		}
		if !some.More {
			return found, subscription.ID{}, nil
		}
	}
	return found, q.After, nil
}
