package node_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"nems/internal/mns"
	"nems/internal/node/nodetest"
	"nems/internal/webhook"
)

// events of the Go SDK of CloudEvents, as a receiver of webhooks gets them.
type sdkReceiver struct {
	*httptest.Server
	mu     sync.Mutex
	events []cloudevents.Event
}

func newSDKReceiver(t *testing.T) *sdkReceiver {
	r := &sdkReceiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodOptions {
			w.Header().Set("WebHook-Allowed-Origin", "*")
			return
		}
		e, err := cloudevents.NewEventFromHTTPRequest(q)
		if err == nil {
			err = e.Validate()
		}
		if err != nil {
			t.Errorf("the SDK does not take it: %v", err)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, *e)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *sdkReceiver) got() []cloudevents.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]cloudevents.Event(nil), r.events...)
}

// TestMNSWithTheSDKOfCloudEvents publishes with the Go SDK and receives with it what
// goes to webhooks: what was published there, and messages of the NEMS.
func TestMNSWithTheSDKOfCloudEvents(t *testing.T) {
	here := nodetest.Boot(t)
	plain, whole := newSDKReceiver(t), newSDKReceiver(t)
	none := signalled("eventType=imms-vaccination-record-change-1", plain.URL, "application/json")
	if status, answer := askMNS(t, here, http.MethodPost, "/subscriptions", "", none); status != http.StatusBadRequest {
		t.Errorf("a webhook that nobody has registered: %d %s", status, answer)
	}
	hook(t, here.Desk(), "PLAIN", plain.URL, webhook.MNS)
	hook(t, here.Desk(), "WHOLE", whole.URL, webhook.MNS)
	id := subscribeMNS(t, here, "eventType=imms-vaccination-record-change-1", plain.URL, "application/json")
	subscribeMNS(t, here, "eventType=imms-vaccination-record-change-1", whole.URL, "application/fhir+json")
	status, answer := askMNS(t, here, http.MethodPost, "/subscriptions", "", signalled("eventType=imms-vaccination-record-change-1 AND action='DELETE'", plain.URL, "application/json"))
	if status != http.StatusConflict || answer != `{"errors":"A matching subscription already exists with id: `+id+`"}` {
		t.Errorf("a second one of the type: %d %s", status, answer)
	}

	client, err := cloudevents.NewClientHTTP(cloudevents.WithTarget(here.URL + mns.Base + "/events"))
	if err != nil {
		t.Fatal(err)
	}
	e := cloudevents.NewEvent()
	e.SetID("e0b3d12f-c64d-4b29-b23b-4a670941f572")
	e.SetSource("uk.nhs.vaccinations-data-flow-management")
	e.SetType("imms-vaccination-record-change-1")
	e.SetTime(time.Date(2020, 6, 1, 13, 0, 0, 0, time.UTC))
	e.SetSubject(nodetest.Jack)
	e.SetExtension("dataref", "https://api.service.nhs.uk/immunisation-fhir-api/FHIR/R4/Immunization/29dc4e84")
	if result := client.Send(cloudevents.WithEncodingStructured(t.Context()), e); !cloudevents.IsACK(result) {
		t.Fatalf("publish: %v", result)
	}
	here.Eventually("both have it", func() bool { return len(plain.got()) == 1 && len(whole.got()) == 1 })
	here.Stop()
	here.Run()
	here.Publish(here.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	here.Eventually("both have both", func() bool { return len(plain.got()) == 2 && len(whole.got()) == 2 })

	first := plain.got()[0]
	if first.ID() != e.ID() || first.Subject() != nodetest.Jack || first.Extensions()["dataref"] != e.Extensions()["dataref"] || len(first.Data()) != 0 {
		t.Errorf("what was published: %s", first)
	}
	for i, got := range append(plain.got(), whole.got()...) {
		if got.Type() != "imms-vaccination-record-change-1" || (i < 2) != (len(got.Data()) == 0) {
			t.Errorf("%d: %s", i, got)
		}
	}
	if got := whole.got()[1]; got.Subject() != "" || got.DataContentType() != "application/fhir+json" {
		t.Errorf("headers name the patient, or another form: %s", got)
	}
}
