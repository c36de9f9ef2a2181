package mns

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"nems/internal/form"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// resource is a Subscription (R4) as the MNS has it. Source: specification,
// requestBody/create-or-update-subscription-body.yaml, schemas/fhir/R4/Subscription.yaml.
type resource struct {
	ID           string     `json:"id,omitzero"`
	ResourceType string     `json:"resourceType"`
	Status       string     `json:"status"`
	End          string     `json:"end,omitzero"`
	Reason       *string    `json:"reason,omitzero"`
	Criteria     string     `json:"criteria"`
	Error        string     `json:"error,omitzero"` // why it is off or suspended; ignored in a request
	Channel      channel    `json:"channel"`
	Hydration    *hydration `json:"hydration,omitzero"`
}

type channel struct {
	Type     string `json:"type"`
	Endpoint string `json:"endpoint"`
	Payload  string `json:"payload"`
}

type hydration struct {
	Enabled bool `json:"enabled"`
}

// wanted is what a resource asks for.
type wanted struct {
	criteria subscription.Criteria
	end      time.Time
	reason   string
	owner    nhs.ODSCode
	target   form.Target
	channel  store.Channel
}

// mostReason is the length of the longest reason, in bytes.
const mostReason = 2000

// readResource reads the body of a request to create a subscription or, of the status
// that one has already, to change it.
func (a *API) readResource(x *exchange, statuses ...string) (w wanted, err error) {
	if media := cmp.Or(x.media(), asFHIR); media != asFHIR && media != asJSON {
		return w, wrongMedia
	}
	body, err := x.body()
	if err != nil {
		return w, err
	}
	var r resource
	wrong := invalid{}
	if _, err := object(body); err != nil {
		return w, err
	}
	if err := json.Unmarshal(body, &r); err != nil {
		wrong.mistyped(err)
		return w, wrong.fault()
	}
	if r.ResourceType != "Subscription" {
		return w, invalid{"resourceType": "Please provide the correct resource type for this endpoint"}.fault()
	}
	if !slices.Contains(statuses, r.Status) {
		wrong["status"] = "Please provide a valid status"
	}
	if r.Reason == nil || len(*r.Reason) > mostReason || !printable(*r.Reason) {
		wrong["reason"] = "Please provide a valid reason"
	} else {
		w.reason = *r.Reason
	}
	if r.Hydration != nil && r.Hydration.Enabled {
		wrong["hydration"] = "Hydrated signals are not offered: please leave hydration out"
	}
	a.readCriteria(x, &r, &w, wrong)
	a.readEnd(&r, &w, wrong)
	if r.Channel.Type != "message" {
		wrong["channel.type"] = "Please provide a valid channel type"
	}
	if r.Channel.Payload != asJSON && r.Channel.Payload != asFHIR {
		wrong["channel.payload"] = "Please provide a valid channel payload"
	}
	if w.target, w.channel = parseTarget(r.Channel.Endpoint); w.channel == "" {
		wrong["channel.endpoint"] = "Please provide a valid channel endpoint"
	}
	w.target.Payload, w.target.Type = r.Channel.Payload, w.criteria.MNS.Type
	return w, wrong.fault()
}

func (a *API) readCriteria(x *exchange, r *resource, w *wanted, wrong invalid) {
	var err error
	if w.criteria, err = subscription.ParseMNSCriteria(r.Criteria); err != nil {
		wrong["criteria"] = "Please provide valid criteria. " + err.Error()
		return
	}
	if name := w.criteria.MNS.Type; !a.knows(x, name) && !slices.Contains(legacyTypes, name) {
		wrong["criteria"] = badType
	}
}

// readEnd reads when the subscription ends, which this service holds to.
func (a *API) readEnd(r *resource, w *wanted, wrong invalid) {
	if r.End == "" {
		return
	}
	at, err := time.Parse(time.RFC3339Nano, r.End)
	switch {
	case err != nil:
		wrong["end"] = "Please provide a valid end"
	case !at.After(a.Now()):
		wrong["end"] = "Please provide an end in the future: subscriptions end at it"
	}
	w.end = at.UTC()
}

// shownAs returns a subscription as the MNS shows it.
func shownAs(s *subscription.Subscription, t form.Target) resource {
	r := resource{
		ID: uuid.UUID(s.ID).String(), ResourceType: "Subscription", Status: string(s.Status), Reason: &s.Reason, Criteria: s.Criteria.Text,
		Channel: channel{Type: "message", Endpoint: t.Endpoint, Payload: t.Payload},
		Error:   s.Error,
	}
	if !s.End.IsZero() {
		r.End = s.End.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return r
}

// validFHIR reports whether a client asks for a Bundle whose entries have their
// resources in the member resource, as FHIR has it and the MNS does not.
func validFHIR(h http.Header) bool {
	for _, accept := range h.Values("Accept") {
		if media, parameters, err := parseMedia(accept); err == nil && media == asFHIR && parameters["fhirversion"] == "4.0" {
			return true
		}
	}
	return false
}
