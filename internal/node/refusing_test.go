package node_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nems/client"
	"nems/internal/node/nodetest"
)

// TestRefusals sends every wrong request to one server. Each answer must be
// complete and correct, nothing of a refused request may be kept, and the
// server must serve the next one.
func TestRefusals(t *testing.T) {
	w := newRefusing(t)
	before := w.Rows()
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			w.t = t
			refuses(t, w.Send(r.request(w)), r)
		})
	}
	w.t = t
	if diff := cmp.Diff(before, w.Rows()); diff != "" {
		t.Errorf("refused requests left something behind (-before +after):\n%s", diff)
	}
	w.Publish(w.Publisher(), w.message)
	if n := len(w.Collect(leeds)); n != 1 {
		t.Errorf("after all of that a good message makes one copy; received %d", n)
	}
}

// TestRefusalsInJSON sends the wrong requests about subscriptions again, asking for JSON.
func TestRefusalsInJSON(t *testing.T) {
	w := newRefusing(t)
	for _, r := range refusals {
		request := r.request(w)
		if !strings.HasPrefix(request.Path, nodetest.SubscribePath) || r.status == 415 {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			w.t = t
			answer := w.Send(request.Set("Accept", "application/fhir+json"))
			if got := answer.Header.Get("Content-Type"); got != "application/fhir+json" {
				t.Errorf("Content-Type: expected application/fhir+json; received %q", got)
			}
			refuses(t, answer, r)
		})
	}
}

func newRefusing(t *testing.T) *refusing {
	t.Helper()
	w := &refusing{Server: nodetest.Boot(t), t: t}
	w.message = nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
	w.leeds = w.Subscribe(w.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	w.foreign = w.Subscribe(w.National(), rule("COUNTRYCODE", england)+vaccinations, national)
	w.deleted = w.Subscribe(w.Leeds(), rule("COUNTRYCODE", england)+vaccinations, leeds)
	if err := w.Leeds().Unsubscribe(context.Background(), w.deleted); err != nil {
		t.Fatal(err)
	}
	return w
}

// refuses compares one answer with what is wanted.
func refuses(t *testing.T, a nodetest.Answer, want refusal) {
	t.Helper()
	if a.Status != want.status {
		t.Errorf("expected status %d; received %d", want.status, a.Status)
	}
	outcome, err := a.Outcome()
	if err != nil {
		t.Fatalf("not an OperationOutcome: %v\n%s", err, a.Body)
	}
	profile, system := "https://fhir.nhs.uk/STU3/StructureDefinition/Spine-OperationOutcome-1", "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"
	if want.status == 415 {
		profile, system = "http://fhir.nhs.net/StructureDefinition/spine-operationoutcome-1-0", "http://fhir.nhs.net/ValueSet/spine-response-code-1-0"
	}
	if outcome.ID == "" || outcome.Profile != profile {
		t.Errorf("expected an id and the profile %s; received %q and %s", profile, outcome.ID, outcome.Profile)
	}
	for _, method := range strings.Fields(want.allow) {
		if got := a.Header.Get("Allow"); !slices.Contains(strings.Split(got, ", "), method) {
			t.Errorf("Allow: expected %s in it; received %q", method, got)
		}
	}
	if got := a.Header.Get("WWW-Authenticate"); want.asks != "" && got != want.asks {
		t.Errorf("WWW-Authenticate: expected %s; received %s", want.asks, got)
	}
	if len(outcome.Issues) == 0 {
		t.Fatal("expected an issue; received none")
	}
	first := outcome.Issues[0]
	if kind := issueTypes[want.code]; first.Type != kind {
		t.Errorf("issue type: expected %s; received %s", kind, first.Type)
	}
	if first.Severity != "error" || first.System != system || first.Code != want.code || first.Display == "" || first.Diagnostics == "" {
		t.Errorf("expected an error %s with a display and diagnostics; received %+v", want.code, first)
	}
	if !strings.Contains(first.Diagnostics, want.says) {
		t.Errorf("diagnostics: expected %q in them; received %q", want.says, first.Diagnostics)
	}
}

// TestLargestMessage publishes a message of exactly 3 MB.
func TestLargestMessage(t *testing.T) {
	s := nodetest.Boot(t)
	s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	message := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
	message = append(message, strings.Repeat("\n", 3<<20-len(message))...)
	s.Publish(s.Publisher(), message)
	copies := s.Collect(leeds)
	if len(copies) != 1 || string(copies[0].Body) != string(message) {
		t.Fatalf("expected one copy of %d bytes; received %d copies", len(message), len(copies))
	}
}

// TestRefusalIsAnError reads a refusal through the client package.
func TestRefusalIsAnError(t *testing.T) {
	s := nodetest.Boot(t)
	_, err := s.Leeds().Subscribe(context.Background(), client.Subscription{Criteria: "nonsense", Mailbox: leeds, Reason: "A test"})
	refused, ok := err.(*client.Error)
	if !ok || refused.Status != 400 || len(refused.Issues) != 1 || refused.Issues[0].Code != "INVALID_REQUEST_MESSAGE" {
		t.Fatalf("expected a *client.Error of 400 INVALID_REQUEST_MESSAGE; received %v", err)
	}
}
