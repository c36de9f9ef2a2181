package r4

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/refuse"
	"nems/internal/replay"
)

// resend has events sent to the subscription's endpoint again, between two numbers or
// two moments that are both included (OperationDefinition backport-subscription-resend).
// The answer does not wait for them: it is a replay, which has an id.
func (a *API) resend(x *exchange) error {
	in, err := x.input("", "eventsSinceNumber", "eventsUntilNumber", "eventsSinceInstant", "eventsUntilInstant")
	if err != nil {
		return err
	}
	h, err := a.find(x.r.Context(), x, x.object)
	if err != nil {
		return err
	}
	counted, err := a.Broker.Status(x.r.Context(), x.caller, x.object)
	if err != nil {
		return err
	}
	wish := replay.Wish{From: replay.Oldest, Basis: "asked for by the subscriber ($resend)"}
	if refusal := bounds(in, counted.Last, &wish); refusal != nil {
		return refusal
	}
	started, err := a.Broker.Replay(x.r.Context(), x.caller, x.object, wish)
	if err != nil {
		return err
	}
	x.action, x.recorded = audit.ActionStartReplay, true
	said := "the events are sent again, as the replay " + started.ID
	if h.state() != active {
		said += ", when the subscription is active: its status is " + h.state()
	}
	x.w.Header().Set("Location", strings.TrimSuffix(x.base, Base)+"/STU3/Subscription/"+x.object+"/$replay-status?id="+started.ID)
	return x.show(http.StatusAccepted, outcomeOf([]refuse.Issue{{Severity: "information", Type: "informational", Diagnostics: said}}))
}

// bounds reads the range that is wanted. last is the number of the newest event.
func bounds(in input, last uint64, w *replay.Wish) *refuse.Refusal {
	numbers := in.Has("eventsSinceNumber") || in.Has("eventsUntilNumber")
	instants := in.Has("eventsSinceInstant") || in.Has("eventsUntilInstant")
	if numbers && instants {
		return refuse.BadRequest("expected numbers or instants; received both")
	}
	if last == 0 {
		return refuse.BadRequest("$resend: expected a subscription that has had events; received one that has had none")
	}
	if numbers {
		since, refusal := in.number("eventsSinceNumber", 1)
		if refusal != nil {
			return refusal
		}
		until, refusal := in.number("eventsUntilNumber", last)
		if refusal != nil {
			return refusal
		}
		if since = max(since, 1); since > last || until < since {
			return refuse.BadRequest("eventsSinceNumber, eventsUntilNumber: expected numbers from 1 to " + strconv.FormatUint(last, 10) + ", the first not larger than the second; received others")
		}
		w.From, w.Until = strconv.FormatUint(since, 10), strconv.FormatUint(min(until, last), 10)
		return nil
	}
	since, refusal := in.instant("eventsSinceInstant")
	if refusal != nil {
		return refusal
	}
	until, refusal := in.instant("eventsUntilInstant")
	if refusal != nil {
		return refusal
	}
	if !since.IsZero() {
		w.From = since.Format(time.RFC3339Nano)
	}
	if !until.IsZero() {
		w.Until = until.Format(time.RFC3339Nano)
	}
	return nil
}
