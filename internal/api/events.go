package api

import (
	"encoding/base64"
	"math"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"nems/internal/broker"
	"nems/internal/fhir"
	"nems/internal/form"
	"nems/internal/refuse"
	"nems/internal/subscription"
)

// mostEvents is how many events an answer has.
const mostEvents = 100

// status tells how far a subscription has counted: the Parameters that HL7's guide
// for R4 has, as far as STU3 knows their types (extension, decision 43).
func (a *API) status(x *exchange) error {
	if _, refusal := eventsQuery(x.r.URL, nil); refusal != nil {
		return refusal
	}
	counted, err := a.Broker.Status(x.r.Context(), x.caller, x.object)
	if err != nil {
		return err
	}
	x.w.Header().Set("Cache-Control", "no-store")
	stopped, err := a.Broker.Stopped(x.r.Context(), counted.Subscription)
	if err != nil {
		return err
	}
	if stopped.Off && counted.Subscription.Status == subscription.Active {
		counted.Subscription.Status = "error" // as R4 has it: the channel's
	}
	w := fhir.NewWriter("Parameters")
	x.writeStatus(w, counted, form.QueryStatus)
	if counted.Subscription.Status == "error" {
		w.Open("parameter").Value("name", "error").Value("valueString", stopped.Why).Close()
	}
	return x.show(w.Bytes())
}

// events lists what a subscription has counted, between two numbers that are both
// included (extension, decision 43).
func (a *API) events(x *exchange) error {
	q, refusal := eventsQuery(x.r.URL, []string{"eventsSinceNumber", "eventsUntilNumber", "content"})
	if refusal != nil {
		return refusal
	}
	counted, err := a.Broker.Status(x.r.Context(), x.caller, x.object)
	if err != nil {
		return err
	}
	if q.content == form.Full && a.Whole != nil {
		switch whole, err := a.Whole(x.r.Context(), counted.Mailbox); {
		case err != nil:
			return err
		case !whole:
			return refuse.AccessDenied("content: expected empty or id-only, because the subscription's endpoint has the form signal; received full-resource")
		}
	}
	found, err := a.Broker.NumberedEvents(x.r.Context(), x.caller, x.object, q.since, q.until, mostEvents)
	if err != nil {
		return err
	}
	x.concerns(counted.Criteria.Patient)
	x.w.Header().Set("Cache-Control", "no-store")
	return x.show(x.eventList(q, counted, found))
}

// eventRange is what is asked of $events.
type eventRange struct {
	since, until uint64
	content      form.Content
}

// eventsQuery reads the parameters of $status and $events.
func eventsQuery(u *url.URL, names []string) (q eventRange, refusal *refuse.Refusal) {
	q = eventRange{1, math.MaxInt64, form.IDOnly}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return q, refuse.BadRequest("the query of the URL cannot be read")
	}
	_, _ = readView(values) // it was checked before
	for _, name := range names {
		given := values[name]
		delete(values, name)
		if len(given) == 0 {
			continue
		}
		number, err := strconv.ParseUint(given[0], 10, 63)
		switch {
		case len(given) > 1:
			return q, refuse.BadRequest(name + ": expected the parameter at most once; received it more than once")
		case name == "content":
			switch q.content = form.Content(given[0]); q.content {
			case form.Empty, form.IDOnly, form.Full:
			default:
				return q, refuse.BadRequest("content: expected empty, id-only or full-resource; received another value")
			}
		case err != nil:
			return q, refuse.BadRequest(name + ": expected the number of an event in digits; received another value")
		case name == "eventsSinceNumber":
			q.since = number
		default:
			q.until = number
		}
	}
	if len(values) > 0 {
		return q, refuse.BadRequest("expected the parameters eventsSinceNumber, eventsUntilNumber and content on $events, none on $status; received another one")
	}
	return q, nil
}

// writeStatus writes what is said of the subscription.
func (x *exchange) writeStatus(w *fhir.Writer, c broker.Counted, kind form.NotificationType) {
	w.Open("parameter").Value("name", "subscription").Open("valueReference").Value("reference", x.location(c.ID)).Close().Close()
	for _, p := range []struct{ name, kind, value string }{
		{"status", "valueCode", string(c.Status)}, {"type", "valueCode", string(kind)}, {"events-since-subscription-start", "valueString", strconv.FormatUint(c.Last, 10)},
	} {
		w.Open("parameter").Value("name", p.name).Value(p.kind, p.value).Close()
	}
}

// eventList writes the Bundle: the status with the events, and their messages.
func (x *exchange) eventList(q eventRange, c broker.Counted, found []broker.NumberedEvent) []byte {
	w := fhir.NewWriter("Bundle")
	w.Value("id", uuid.NewString()).Value("type", "history")
	x.eventLink(w, "self", q)
	if n := len(found); n == mostEvents && found[n-1].Number < min(q.until, c.Last) {
		next := q
		next.since = found[n-1].Number + 1
		x.eventLink(w, "next", next)
	}
	entry := func(method, url string, resource []byte) { // a response, which R4 has too, STU3 forbids (bdl-4)
		w.Open("entry").Value("fullUrl", "urn:uuid:"+uuid.NewString()).Open("resource").Raw(resource).Close()
		w.Open("request").Value("method", method).Value("url", url).Close().Close()
	}
	inner := fhir.NewWriter("Parameters")
	x.writeStatus(inner, c, form.QueryEvent)
	var messages [][]byte
	for _, e := range found {
		x.writeEvent(inner, q.content, e)
		if q.content == form.Full && e.Kept {
			b := fhir.NewWriter("Binary")
			messages = append(messages, b.Value("contentType", "application/fhir+xml").Value("content", base64.StdEncoding.EncodeToString(e.Event.Message)).Bytes())
		}
	}
	entry("GET", "Subscription/"+c.ID.String()+"/$status", inner.Bytes())
	for _, m := range messages {
		entry("POST", "Binary", m)
	}
	return w.Bytes()
}

func (x *exchange) eventLink(w *fhir.Writer, relation string, q eventRange) {
	values := url.Values{"eventsSinceNumber": {strconv.FormatUint(q.since, 10)}, "content": {string(q.content)}}
	if q.until != math.MaxInt64 {
		values.Set("eventsUntilNumber", strconv.FormatUint(q.until, 10))
	}
	x.view.write(values)
	w.Open("link").Value("relation", relation).Value("url", x.base+"/STU3/Subscription/"+x.object+"/$events?"+values.Encode()).Close()
}

// writeEvent describes one event: its number and time and, unless content is empty,
// which message it is.
func (x *exchange) writeEvent(w *fhir.Writer, content form.Content, e broker.NumberedEvent) {
	one := form.Occurrence{Number: e.Number, At: e.At}
	if e.Kept {
		one = form.OccurrenceOf(e.Number, e.Delivery, e.Event.Message)
	}
	w.Open("parameter").Value("name", "notification-event")
	w.Open("part").Value("name", "event-number").Value("valueString", strconv.FormatUint(one.Number, 10)).Close()
	w.Open("part").Value("name", "timestamp").Value("valueInstant", one.At.UTC().Format(time.RFC3339Nano)).Close()
	if one.MessageID != "" && content != form.Empty {
		w.Open("part").Value("name", "focus").Open("valueReference").Open("identifier").Value("value", one.MessageID).Close().Close().Close()
	}
	w.Close()
}
