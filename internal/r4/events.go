package r4

import (
	"math"
	"net/http"
	"net/url"
	"strconv"

	"nems/internal/form"
	"nems/internal/refuse"
)

// mostEvents is how many events an answer has.
const mostEvents = 100

// events answers $events with what a subscription has counted (OperationDefinition
// backport-subscription-events): both bounds are included. Of an event whose message is
// gone, or may not be shown any more, there is its number and time.
func (a *API) events(x *exchange) error {
	in, err := x.input("", "eventsSinceNumber", "eventsUntilNumber", "content")
	if err != nil {
		return err
	}
	since, refusal := in.number("eventsSinceNumber", 1)
	if refusal != nil {
		return refusal
	}
	until, refusal := in.number("eventsUntilNumber", math.MaxInt64)
	if refusal != nil {
		return refusal
	}
	h, err := a.find(x.r.Context(), x, x.object)
	if err != nil {
		return err
	}
	content, refusal := wanted(in.Get("content"), h.hook.RestHook.Content)
	if refusal != nil {
		return refusal
	}
	counted, err := a.Broker.Status(x.r.Context(), x.caller, x.object)
	if err != nil {
		return err
	}
	n := a.notification(x, h, form.QueryEvent, counted.Counting)
	n.Content = content
	found, err := a.Broker.NumberedEvents(x.r.Context(), x.caller, x.object, since, until, mostEvents)
	if err != nil {
		return err
	}
	for _, e := range found {
		one := form.Occurrence{Number: e.Number, At: e.At}
		if e.Kept {
			one = form.OccurrenceOf(e.Number, e.Delivery, e.Event.Message)
		}
		n.Events = append(n.Events, one)
	}
	page := func(from uint64) string {
		values := url.Values{"eventsSinceNumber": {strconv.FormatUint(from, 10)}, "content": {string(content)}}
		if until != math.MaxInt64 {
			values.Set("eventsUntilNumber", strconv.FormatUint(until, 10))
		}
		return x.base + "/Subscription/" + x.object + "/$events?" + values.Encode()
	}
	n.Self = page(since)
	if len(found) == mostEvents && found[mostEvents-1].Number < min(until, counted.Last) {
		n.Next = page(found[mostEvents-1].Number + 1)
	}
	x.answer(http.StatusOK, n.Bundle())
	return nil
}

// wanted is the content of an answer: that which was asked for, or the subscription's.
// Who asks owns the subscription, and could have the message in a mailbox.
func wanted(hint string, own form.Content) (form.Content, *refuse.Refusal) {
	switch c := form.Content(hint); c {
	case "":
		return own, nil
	case form.Empty, form.IDOnly, form.Full:
		return c, nil
	}
	return own, refuse.BadRequest("content: expected empty, id-only or full-resource; received " + refuse.Show(hint))
}
