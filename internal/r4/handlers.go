package r4

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
	"nems/internal/webhook"
)

// find returns a subscription of the caller's organisation that was made here.
func (a *API) find(ctx context.Context, x *exchange, id string) (held, error) {
	s, err := a.Broker.Read(ctx, x.caller, id)
	if err != nil {
		return held{}, err
	}
	x.patient = s.Criteria.Patient
	return a.held(ctx, s)
}

// held adds its endpoint to a subscription.
func (a *API) held(ctx context.Context, s subscription.Subscription) (held, error) {
	h := held{Subscription: s}
	elsewhere := refuse.NoRecordFound("this subscription was not made here: read it at /STU3/Subscription/" + s.ID.String())
	if !ours4(s.Mailbox) {
		return h, elsewhere
	}
	box, err := a.Endpoints.Mailbox(ctx, s.Mailbox)
	if err == nil {
		h.row, err = a.Endpoints.Endpoint(ctx, box.Row)
	}
	if errors.Is(err, store.ErrNotFound) {
		return h, elsewhere
	}
	if err != nil {
		return h, err
	}
	h.row.Mailbox = box
	if h.hook, err = webhook.Read(h.row); err == nil && h.hook.RestHook == nil {
		err = elsewhere
	}
	return h, err
}

// ours4 reports whether copies go to an endpoint that a subscription brought along.
func ours4(mailbox string) bool {
	return len(mailbox) > len(idPrefix) && nhs.SameID(mailbox[:len(idPrefix)], idPrefix)
}

func (a *API) read(x *exchange) error {
	h, err := a.find(x.r.Context(), x, x.object)
	if err != nil {
		return err
	}
	return x.show(http.StatusOK, resourceOf(h))
}

// delete ends a subscription. Nothing more is sent to its endpoint, and the
// subscriber's headers are forgotten.
func (a *API) delete(x *exchange) error {
	ctx := x.r.Context()
	h, err := a.find(ctx, x, x.object)
	if err != nil {
		return err
	}
	if err := a.Broker.Unsubscribe(ctx, x.caller, x.object); err != nil {
		return err
	}
	x.recorded = true
	h.hook.Delete(a.Now().UTC())
	if err := a.keep(ctx, x, &h, audit.ActionPutEndpoint); err != nil { // it is found to be over when it is next called
		a.Log.WarnContext(ctx, "ending an endpoint", "mailbox", h.row.Mailbox.ID, "error", err)
	}
	x.answer(http.StatusNoContent, nil)
	return nil
}

// update changes how a subscription's endpoint is called, and asks for another
// handshake. What it is about stays: that would be another subscription.
func (a *API) update(x *exchange) error {
	ctx := x.r.Context()
	body, err := x.body()
	if err != nil {
		return err
	}
	want, refusal := readResource(body, a.codeOf, a.Plain)
	if refusal != nil {
		return refusal
	}
	h, err := a.find(ctx, x, x.object)
	if err != nil {
		return err
	}
	if refusal := changes(h, want); refusal != nil {
		return refusal
	}
	if err := a.mayCarry(x, &want); err != nil { // it may have been long ago
		return err
	}
	hook := want.hook
	was := h.hook.RestHook
	if hook.Headers, refusal = merged(hook.Headers, was.Headers); refusal != nil {
		return refusal
	}
	hook.Subscription, hook.Topic, hook.Base, hook.Beat, hook.Missed, hook.Failed = was.Subscription, was.Topic, x.base, was.Beat, was.Missed, was.Failed
	h.hook.RestHook = &hook
	if again := want.status == requested || h.state() != active; again {
		h.hook.Off, h.hook.Why, h.hook.Since, h.hook.Consented, hook.Failed, hook.Missed, hook.Beat = false, "", time.Time{}, time.Time{}, false, 0, time.Time{}
	}
	if err := a.keep(ctx, x, &h, audit.ActionReactivate); err != nil {
		return err
	}
	x.recorded = true
	a.Made(h.row.Mailbox.Row)
	return x.show(http.StatusOK, resourceOf(h))
}

// changes refuses a change of what cannot be changed.
func changes(h held, want resource) *refuse.Refusal {
	const same = "what it is: delete the subscription and make another one"
	switch {
	case want.id != h.ID.String():
		return invalid("Subscription.id", "value", "the id in the URL", "another one, or none")
	case h.state() == off:
		return invalid("Subscription.status", "business-rule", "a subscription that has not ended", "one that has: make another one")
	case want.status != requested && want.status != active:
		return invalid("Subscription.status", "value", "requested (another handshake) or active; to end it, delete it", refuse.Show(want.status))
	case h.hook.Barred():
		return invalid("Subscription.status", "business-rule", "an endpoint that its own answers have switched off", "one that an operator of this service has switched off")
	case want.topic != h.topic() || !sameFilters(want.criteria, h.Criteria):
		return invalid("Subscription.criteria", "value", same, "another topic or other filters")
	case want.url != h.hook.URL:
		return invalid("Subscription.channel.endpoint", "value", same, "another URL")
	case want.media != h.hook.RestHook.Media || want.hook.Content != h.hook.RestHook.Content:
		return invalid("Subscription.channel.payload", "value", same, "another payload")
	case !want.end.Equal(h.End):
		return invalid("Subscription.end", "value", same, "another end")
	case want.reason != h.Reason:
		return invalid("Subscription.reason", "value", same, "another reason")
	}
	return nil
}

// merged puts the values that are kept in the place of those that no read shows.
func merged(given, kept []string) ([]string, *refuse.Refusal) {
	out := make([]string, len(given))
	for i, line := range given {
		out[i] = line
		name, value, _ := strings.Cut(line, ": ")
		if value != notShown {
			continue
		}
		if out[i] = headerOf(kept, name, i); out[i] == "" {
			return nil, invalid("Subscription.channel.header", "value", "a value, because none is kept for "+refuse.Show(name), notShown)
		}
	}
	return out, nil
}

// headerOf finds a header, first where it stood.
func headerOf(kept []string, name string, at int) string {
	if at < len(kept) && strings.HasPrefix(kept[at], name+": ") {
		return kept[at]
	}
	for _, line := range kept {
		if strings.HasPrefix(line, name+": ") {
			return line
		}
	}
	return ""
}
