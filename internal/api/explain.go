package api

import (
	"net/url"
	"strconv"

	"github.com/google/uuid"

	"nems/internal/broker"
	"nems/internal/fhir"
	"nems/internal/refuse"
)

// inMessageID is the parameter of the operation $explain.
const inMessageID = "message-id"

// explain says whether an event matched a subscription, and which criteria held
// (extension, decision 33).
func (a *API) explain(x *exchange) error {
	id, refusal := messageID(x.r.URL)
	if refusal != nil {
		return refusal
	}
	explained, err := a.Broker.Explain(x.r.Context(), x.caller, x.object, id)
	if err != nil {
		return err
	}
	x.concerns(explained.Patient)
	return x.show(explanation(explained))
}

// messageID reads the one parameter of $explain.
func messageID(u *url.URL) (string, *refuse.Refusal) {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", refuse.BadRequest("the query of the URL cannot be read")
	}
	_, _ = readView(values) // it was checked before
	given := values[inMessageID]
	if len(values) != 1 || len(given) != 1 {
		return "", refuse.BadRequest(inMessageID + ": expected this parameter once, and no other")
	}
	if _, err := uuid.Parse(given[0]); err != nil {
		return "", refuse.BadRequest(inMessageID + ": expected a MessageHeader.id, a UUID; received another form")
	}
	return given[0], nil
}

// untold is the one answer where there is nothing to tell. It does not say which of
// its reasons is the true one.
const untold = "No event with this MessageHeader.id is known that the subscription could have matched: none was accepted lately while the subscription was active, " +
	"or it is of another event type, about another patient or place, or not matched with anything."

// explanation writes the answer: a Parameters resource.
func explanation(e broker.Explained) []byte {
	w := fhir.NewWriter("Parameters")
	w.Open("parameter").Value("name", "told").Value("valueBoolean", strconv.FormatBool(e.Told)).Close()
	if !e.Told {
		w.Open("parameter").Value("name", "reason").Value("valueString", untold).Close()
		return w.Bytes()
	}
	w.Open("parameter").Value("name", "matched").Value("valueBoolean", strconv.FormatBool(e.Matched)).Close()
	w.Open("parameter").Value("name", "criteria")
	for _, c := range e.Criteria {
		w.Open("part").Value("name", string(c.Criterion)).Value("valueBoolean", strconv.FormatBool(c.Holds)).Close()
	}
	return w.Close().Bytes()
}
