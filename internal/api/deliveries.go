package api

import (
	"net/url"
	"strconv"
	"time"

	"nems/internal/broker"
	"nems/internal/fhir"
	"nems/internal/refuse"
	"nems/internal/store"
)

// deliveries says what became of the copies that a subscription selected
// (extension, decision 39).
func (a *API) deliveries(x *exchange) error {
	from, after, refusal := deliveriesQuery(x.r.URL)
	if refusal != nil {
		return refusal
	}
	found, err := a.Broker.Deliveries(x.r.Context(), x.caller, x.object, from, after)
	if err != nil {
		return err
	}
	x.w.Header().Set("Cache-Control", "no-store")
	return x.show(deliveryList(found))
}

// deliveriesQuery reads the parameters of $deliveries.
func deliveriesQuery(u *url.URL) (from time.Time, after store.EventID, refusal *refuse.Refusal) {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return from, 0, refuse.BadRequest("the query of the URL cannot be read")
	}
	_, _ = readView(values) // it was checked before
	for name, given := range values {
		text := given[0]
		switch {
		case len(given) > 1:
			return from, 0, refuse.BadRequest("a parameter is given more than once")
		case name == "from":
			if from, err = time.Parse(time.RFC3339Nano, text); err != nil {
				return from, 0, refuse.BadRequest("from: expected an instant with a time zone, such as 2030-01-31T00:00:00Z; received another form")
			}
		case name == "after":
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 0 {
				return from, 0, refuse.BadRequest("after: expected the number that the parameter next of another page holds; received another value")
			}
			after = store.EventID(n)
		default:
			return from, 0, refuse.BadRequest("$deliveries: expected the parameters from and after, or none; received another one")
		}
	}
	return from, after, nil
}

// deliveryList writes the answer: a Parameters resource.
func deliveryList(found broker.Delivered) []byte {
	w := fhir.NewWriter("Parameters")
	for _, d := range found.Deliveries {
		w.Open("parameter").Value("name", "delivery")
		part := func(name, kind, value string) { w.Open("part").Value("name", name).Value(kind, value).Close() }
		part("id", "valueString", d.ID)
		part("state", "valueCode", string(d.State))
		part("event-type", "valueCode", d.Code)
		part("accepted", "valueInstant", d.Accepted.UTC().Format(time.RFC3339Nano))
		part("at", "valueInstant", d.At.UTC().Format(time.RFC3339Nano))
		for _, t := range d.Tries {
			w.Open("part").Value("name", "attempt")
			part("at", "valueInstant", t.At.UTC().Format(time.RFC3339Nano))
			part("milliseconds", "valueUnsignedInt", strconv.FormatInt(t.Took.Milliseconds(), 10))
			if t.Status > 0 {
				part("status", "valueUnsignedInt", strconv.Itoa(t.Status))
			}
			if t.Why != "" {
				part("why", "valueString", t.Why)
			}
			w.Close()
		}
		w.Close()
	}
	if found.Next != 0 {
		w.Open("parameter").Value("name", "next").Value("valueString", strconv.FormatInt(int64(found.Next), 10)).Close()
	}
	return w.Bytes()
}
