package node_test

import (
	"net/http"
	"strings"
	"testing"

	"nems/internal/catalogue"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
)

// TestPublisherHearsItself: an organisation that subscribes to what it publishes gets its
// own event (NEMS specification, "Publish an Event Message": loops are filtered by the
// provider, never here).
func TestPublisherHearsItself(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	s.Subscribe(s.National(), about(nodetest.Jack)+"&MessageHeader.event=pds-record-change-1", national) // X26, as the Spine
	message := nodetest.Message(t, "pds-record-change-1", "new", nodetest.Jack)
	if a := s.Send(s.SpineRequest(message)); a.Status != http.StatusAccepted {
		t.Fatalf("publish: %d %s", a.Status, a.Body)
	}
	if copies := s.Collect(national); len(copies) != 1 || string(copies[0].Body) != string(message) {
		t.Errorf("expected its own event; received %d copies", len(copies))
	}
}

// TestCreatedIsDescribed: a 201 says when the subscription was made, and its version, as
// the example on the page "Create Subscription" does, and the read says the same.
func TestCreatedIsDescribed(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	created := s.Send(s.SubscribeRequest(nodetest.SubscriptionXML(about(nodetest.Jack)+vaccinations, leeds, "RR8")))
	id := issued.FindStringSubmatch(created.Header.Get("Location"))
	if created.Status != http.StatusCreated || id == nil {
		t.Fatalf("%d %s", created.Status, created.Body)
	}
	read := s.Send(s.ReadRequest(id[1]))
	for _, name := range []string{"Last-Modified", "ETag"} {
		if got := created.Header.Get(name); got == "" || got != read.Header.Get(name) {
			t.Errorf("%s: created %q, read %q", name, got, read.Header.Get(name))
		}
	}
}

// TestLifeCycleOnTheWire: what publishers and subscribers are answered in each state of
// an event type (NEMS specification, "Event Lifecycle and Deprecation").
func TestLifeCycleOnTheWire(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	desk := operatorOf(t, s)
	set := func(code string, state catalogue.State) {
		t.Helper()
		life := operator.LifeCycle{State: state, Deprecated: "2026-03-31", Withdrawn: "2027-03-31", URL: "https://nems.example.nhs.uk/changes"}
		if err := operator.SetLifeCycle.Run(t.Context(), desk, operator.LifeCycleOf{Code: code, LifeCycle: life}); err != nil {
			t.Fatal(err)
		}
	}
	subscribe := func(events string) nodetest.Answer {
		return s.Send(s.SubscribeRequest(nodetest.SubscriptionXML(about(nodetest.Jack)+events, leeds, "RR8")))
	}
	publish := func() nodetest.Answer {
		return s.Send(s.PublishRequest(nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)))
	}
	const both = "&MessageHeader.event=newborn-hearing-1" + vaccinations
	set("newborn-hearing-1", catalogue.Deprecated)
	for _, c := range []struct {
		state                   catalogue.State
		published, subscribed   int
		publisher, subscription string // the codes of the issues
	}{
		{catalogue.Deprecated, 202, 201, "DEPRECATED", "DEPRECATED DEPRECATED"},
		{catalogue.NoLongerSupported, 202, 422, "DEPRECATED", "NO_LONGER_SUPPORTED DEPRECATED"},
		{catalogue.Withdrawn, 422, 422, "NO_LONGER_SUPPORTED", "NO_LONGER_SUPPORTED DEPRECATED"},
	} {
		set("vaccinations-1", c.state)
		answered(t, string(c.state)+", published", publish(), c.published, c.publisher)
		answered(t, string(c.state)+", subscribed", subscribe(both), c.subscribed, c.subscription)
	}
}

// answered compares the status and the codes of the issues, of which each has a text.
func answered(t *testing.T, what string, a nodetest.Answer, status int, codes string) {
	t.Helper()
	outcome, err := a.Outcome()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	var got []string
	for _, issue := range outcome.Issues {
		got = append(got, issue.Code)
		if !strings.Contains(issue.Diagnostics, "https://nems.example.nhs.uk/changes") {
			t.Errorf("%s: no URL in %q", what, issue.Diagnostics)
		}
	}
	if a.Status != status || strings.Join(got, " ") != codes {
		t.Errorf("%s: expected %d %s; received %d %s", what, status, codes, a.Status, strings.Join(got, " "))
	}
}
