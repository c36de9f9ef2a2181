package api

import (
	"fmt"
	"net/http"
	"time"

	"nems/internal/broker"
	"nems/internal/refuse"
	"nems/internal/subscription"
)

// publish accepts an event message (NEMS specification, "Publish an Event Message").
func (a *API) publish(x *exchange) error {
	key, refusal := idempotencyKey(x.r.Header)
	if refusal != nil {
		return refusal
	}
	begun := time.Now()
	body, err := a.body(x, MaxBody)
	a.took(x, broker.StageRead, begun)
	if err != nil {
		return err
	}
	published, err := a.Broker.Publish(x.r.Context(), x.caller, body, key)
	x.told.eventType, x.told.messageID = published.EventType, published.MessageID
	if err != nil {
		x.concerns(published.Patient)
		return err
	}
	x.recorded = true
	defer a.took(x, broker.StageAnswer, time.Now())
	issues := published.Notices
	if wants(x.r.Header, "OperationOutcome") {
		issues = append(issues, broker.Issues(published.Warnings)...)
	}
	return x.created(http.StatusAccepted, issues)
}

// took tells how long a stage of a publish took.
func (a *API) took(x *exchange, stage broker.Stage, begun time.Time) {
	if a.Took != nil {
		a.Took(x.r.Context(), stage, time.Since(begun))
	}
}

// subscribe creates a subscription (NEMS specification, "Create Subscription").
func (a *API) subscribe(x *exchange) error {
	body, err := a.body(x, MaxBody)
	if err != nil {
		return err
	}
	created, err := a.Broker.Subscribe(x.r.Context(), x.caller, body)
	if err != nil {
		return err
	}
	x.recorded = true
	s := created.Subscription
	x.describe(s)
	x.w.Header().Set("Location", x.location(s.ID))
	if len(created.Notices) == 0 && wants(x.r.Header, "representation") {
		x.w.Header().Set("Preference-Applied", "return=representation")
		x.write(http.StatusCreated, subscription.WriteXML(s))
		return nil
	}
	return x.created(http.StatusCreated, created.Notices)
}

// read returns a subscription (NEMS specification, "Read Subscription").
func (a *API) read(x *exchange) error {
	s, err := a.Broker.Read(x.r.Context(), x.caller, x.object)
	if err != nil {
		return err
	}
	x.describe(s)
	x.concerns(s.Criteria.Patient)
	return x.show(subscription.WriteXML(s))
}

// show answers with a resource, or with the part of it that the caller asked
// for.
func (x *exchange) show(xml []byte) error {
	if x.view.summary == countOnly {
		return refuse.BadRequest("_summary: expected true, text, data or false, because count is for searches; received count")
	}
	x.write(http.StatusOK, x.view.summary.of(xml))
	return nil
}

// unsubscribe deletes a subscription (NEMS specification, "Delete Subscription").
func (a *API) unsubscribe(x *exchange) error {
	if err := a.Broker.Unsubscribe(x.r.Context(), x.caller, x.object); err != nil {
		return err
	}
	x.recorded = true
	return x.empty(http.StatusOK)
}

// describe sets the headers that identify the version of a subscription.
func (x *exchange) describe(s subscription.Subscription) {
	x.w.Header().Set("Last-Modified", s.Created.UTC().Format(http.TimeFormat))
	x.w.Header().Set("ETag", etag(s))
}

// etag returns the version of a subscription.
func etag(s subscription.Subscription) string { return fmt.Sprintf(`W/"%d"`, s.Version) }

// location returns the address at which a subscription can be read.
func (x *exchange) location(id subscription.ID) string {
	return x.base + "/STU3/Subscription/" + id.String()
}

// created answers a success, without a body unless there is something to say.
func (x *exchange) created(status int, issues []refuse.Issue) error {
	if len(issues) > 0 {
		x.write(status, outcome(issues, false))
		return nil
	}
	if wants(x.r.Header, "minimal") {
		x.w.Header().Set("Preference-Applied", "return=minimal")
	}
	return x.empty(status)
}

// empty answers a success without a body.
func (x *exchange) empty(status int) error {
	x.status = status
	if status != http.StatusNoContent {
		x.w.Header().Set("Content-Length", "0")
	}
	x.w.WriteHeader(status)
	return nil
}
