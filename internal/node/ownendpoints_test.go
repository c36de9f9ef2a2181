package node_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/webhook"
)

// TestOwnEndpoints uses up the quota of endpoints in R4 and at the MNS: what is refused
// leaves nothing.
func TestOwnEndpoints(t *testing.T) {
	t.Parallel()
	here := nodetest.Boot(t, func(c *node.Config) { c.Quotas = node.Quotas{Endpoints: 2} })
	leeds, to := r4Leeds(here), newRestHook(t, http.StatusOK)
	leeds.made(t, r4Body(to.URL+"/1", "id-only"))
	subscribeMNS(t, here, "eventType=example-event-1", "mesh://MAILBOX1234?workflow_id=W", "application/json")
	before := endpoints(t, here)
	if len(before) != 2 {
		t.Fatalf("endpoints: %v", before)
	}
	const words = "brought along 2 endpoints, the most that are allowed"
	status, _, v := leeds.ask(t, "POST", "/Subscription", r4Body(to.URL+"/2", "id-only"))
	if text, _ := json.Marshal(v); status != http.StatusForbidden || v["resourceType"] != "OperationOutcome" || !strings.Contains(string(text), "business-rule") || !strings.Contains(string(text), words) {
		t.Errorf("R4: %d %s", status, text)
	}
	body := signalled("eventType=example-event-1", "mesh://MAILBOX1234?workflow_id=OTHER", "application/json")
	if status, answer := askMNS(t, here, http.MethodPost, "/subscriptions", "application/fhir+json", body); status != http.StatusForbidden || !strings.HasPrefix(answer, `{"errors":"`) || !strings.Contains(answer, words) {
		t.Errorf("MNS: %d %s", status, answer)
	}
	if after := endpoints(t, here); len(after) != 2 {
		t.Errorf("what was refused has left %v", after)
	}
}

// TestHeldAddress: what an operator has switched off is off under another query, path or
// workflow too.
func TestHeldAddress(t *testing.T) {
	t.Parallel()
	here := nodetest.Boot(t)
	leeds, to := r4Leeds(here), newRestHook(t, http.StatusOK)
	id := leeds.made(t, r4Body(to.URL+"/events?key=1", "id-only"))
	at := operator.EndpointRef{ID: endpointOf(t, here)}
	if err := operator.DisableEndpoint.Run(t.Context(), here.Desk(), at); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/events?key=2", "/events", "/events/", "/%65vents", "/events/below"} {
		status, _, v := leeds.ask(t, "POST", "/Subscription", r4Body(to.URL+path, "id-only"))
		if text, _ := json.Marshal(v); status != http.StatusUnprocessableEntity || !strings.Contains(string(text), "one that an operator has") || !strings.Contains(string(text), "Subscription.channel.endpoint") {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	leeds.made(t, r4Body(to.URL+"/other", "id-only"))
	_, _, v := leeds.ask(t, "GET", "/Subscription/"+id+"/$status", "")
	if text, _ := json.Marshal(v); !strings.Contains(string(text), `"valueCode":"error"`) || !strings.Contains(string(text), "switched off by an operator") {
		t.Errorf("$status: %s", text)
	}
	if status, _, v := leeds.ask(t, "POST", "/Subscription/"+id+"/$test", ""); status < 400 || status >= 500 {
		t.Errorf("$test of what is switched off: %d %v", status, v)
	}
	if err := operator.EnableEndpoint.Run(t.Context(), here.Desk(), at); err != nil {
		t.Fatal(err)
	}
	leeds.made(t, r4Body(to.URL+"/events?key=2", "id-only"))

	mesh := "mesh://MAILBOX1234?workflow_id="
	signals := subscribeMNS(t, here, "eventType=example-event-1", mesh+"W", "application/json")
	for _, e := range endpoints(t, here) {
		if strings.HasPrefix(e, "MNS-") {
			if err := operator.DisableEndpoint.Run(t.Context(), here.Desk(), operator.EndpointRef{ID: e}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if status, answer := askMNS(t, here, http.MethodPost, "/subscriptions", "", signalled("eventType=example-event-1", mesh+"OTHER", "application/json")); status != http.StatusConflict || !strings.Contains(answer, "switched off by the operator") {
		t.Errorf("another workflow: %d %s", status, answer)
	}
	for path, part := range map[string]string{"/subscriptions/" + signals: `"status":"error"`, "/subscriptions": `"error":"switched off by an operator"`} {
		if status, answer := askMNS(t, here, http.MethodGet, path, "", ""); status != http.StatusOK || !strings.Contains(answer, part) {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
}

// TestGoneIsTold: the owner of an endpoint that has answered 410 reads that it is off, and
// why.
func TestGoneIsTold(t *testing.T) {
	t.Parallel()
	here := nodetest.Boot(t)
	leeds, to, plain := r4Leeds(here), newRestHook(t, http.StatusOK), newHookReceiver(t)
	id := leeds.made(t, r4Body(to.URL, "id-only"))
	leeds.has(t, id, "active")
	hook(t, here.Desk(), "HOOK", plain.URL, webhook.MNS)
	signals := subscribeMNS(t, here, "eventType=imms-vaccination-record-change-1", plain.URL, "application/json")
	to.answers(http.StatusGone)
	plain.got(http.StatusGone)
	here.Publish(here.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	if found := leeds.has(t, id, "error"); found["error"] != "answered 410" {
		t.Errorf("R4: %v", found["error"])
	}
	_, _, v := leeds.ask(t, "GET", "/Subscription/"+id+"/$status", "")
	if text, _ := json.Marshal(v); !strings.Contains(string(text), `"valueCode":"error"`) || !strings.Contains(string(text), "answered 410") {
		t.Errorf("$status: %s", text)
	}
	here.Eventually("the MNS says so", func() bool {
		status, answer := askMNS(t, here, http.MethodGet, "/subscriptions/"+signals, "", "")
		return status == http.StatusOK && strings.Contains(answer, `"status":"error"`) && strings.Contains(answer, `"error":"answered 410: the receiver wants nothing more"`)
	})
}

// TestSubscribersTest: subscribers have a test event sent to their endpoint, one a minute.
func TestSubscribersTest(t *testing.T) {
	t.Parallel()
	here := nodetest.Boot(t)
	leeds, to, plain := r4Leeds(here), newRestHook(t, http.StatusOK), newHookReceiver(t)
	id := leeds.made(t, r4Body(to.URL, "id-only"))
	leeds.has(t, id, "active")
	test := func() (int, string) {
		status, _, v := leeds.ask(t, "POST", "/Subscription/"+id+"/$test", "")
		text, _ := json.Marshal(v)
		return status, string(text)
	}
	if status, answer := test(); status != http.StatusOK || !strings.Contains(answer, `"name":"status","valueUnsignedInt":200`) || len(to.of("heartbeat")) != 1 {
		t.Errorf("R4: %d %s", status, answer)
	}
	if status, answer := test(); status != http.StatusTooManyRequests || !strings.Contains(answer, "OperationOutcome") || len(to.of("heartbeat")) != 1 {
		t.Errorf("again at once: %d %s", status, answer)
	}
	here.Clock.Set(here.Clock.Now().Add(61 * time.Second))
	to.answers(http.StatusTeapot)
	if status, answer := test(); status != http.StatusOK || !strings.Contains(answer, "answered 418") {
		t.Errorf("a minute later: %d %s", status, answer)
	}
	stranger := r4Caller{here, nodetest.NationalID, "X26"}
	if status, _, v := stranger.ask(t, "POST", "/Subscription/"+id+"/$test", ""); status != http.StatusForbidden {
		t.Errorf("another organisation: %d %v", status, v)
	}

	hook(t, here.Desk(), "HOOK", plain.URL, webhook.MNS)
	signals := subscribeMNS(t, here, "eventType=example-event-1", plain.URL, "application/json")
	path := "/subscriptions/" + signals + "/$test"
	if status, answer := askMNS(t, here, http.MethodPost, path, "", ""); status != http.StatusOK || !strings.Contains(answer, `"status":204`) || len(plain.got(0)) != 1 {
		t.Errorf("MNS: %d %s", status, answer)
	}
	if status, answer := askMNS(t, here, http.MethodPost, path, "", ""); status != http.StatusTooManyRequests {
		t.Errorf("MNS, again at once: %d %s", status, answer)
	}
	if status, answer := askMNS(t, here, http.MethodGet, path, "", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("MNS, GET: %d %s", status, answer)
	}
	mesh := subscribeMNS(t, here, "eventType=example-event-1", "mesh://MAILBOX1234?workflow_id=W", "application/json")
	if status, answer := askMNS(t, here, http.MethodPost, "/subscriptions/"+mesh+"/$test", "", ""); status != http.StatusBadRequest && status != http.StatusUnprocessableEntity {
		t.Errorf("MNS, a mailbox: %d %s", status, answer)
	}
}

// TestMNSEqualAtOnce: of equal requests at the same moment one is answered with 201, and
// all others with 409 and its id.
func TestMNSEqualAtOnce(t *testing.T) {
	t.Parallel()
	here := nodetest.Boot(t)
	plain := newHookReceiver(t)
	hook(t, here.Desk(), "HOOK", plain.URL, webhook.MNS)
	for _, endpoint := range []string{plain.URL, "mesh://MAILBOX1234?workflow_id=W"} {
		const many = 12
		var answers [many]string
		var statuses [many]int
		var busy sync.WaitGroup
		for i := range many {
			busy.Go(func() {
				statuses[i], answers[i] = askMNS(t, here, http.MethodPost, "/subscriptions", "", signalled("eventType=example-event-1", endpoint, "application/json"))
			})
		}
		busy.Wait()
		made := ""
		for i, status := range statuses {
			if status == http.StatusCreated {
				if made != "" {
					t.Fatalf("%s: two were made", endpoint)
				}
				made = strings.TrimSuffix(strings.TrimPrefix(answers[i], `{"id":"`), `"}`)
			}
		}
		for i, status := range statuses {
			if status != http.StatusCreated && (status != http.StatusConflict || !strings.HasSuffix(answers[i], made+`"}`)) {
				t.Errorf("%s, request %d: %d %s", endpoint, i, status, answers[i])
			}
		}
	}
}
