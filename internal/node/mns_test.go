package node_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"nems/client"
	"nems/internal/mns"
	"nems/internal/node"
	"nems/internal/node/nodetest"
)

// askMNS sends a request to the API of the MNS.
func askMNS(t *testing.T, s *nodetest.Server, method, path, media, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+mns.Base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Correlation-ID", "of-a-test")
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	response, err := s.HTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.Header.Get("X-Correlation-ID") != "of-a-test" || response.Header.Get("X-Amzn-Requestid") == "" {
		t.Errorf("%s %s: headers %v", method, path, response.Header)
	}
	return response.StatusCode, string(text)
}

func signalled(criteria, endpoint, payload string) string {
	return fmt.Sprintf(`{"resourceType":"Subscription","status":"requested","reason":"","criteria":%q,"channel":{"type":"message","endpoint":%q,"payload":%q}}`, criteria, endpoint, payload)
}

// subscribeMNS subscribes and returns the id.
func subscribeMNS(t *testing.T, s *nodetest.Server, criteria, endpoint, payload string) string {
	t.Helper()
	status, answer := askMNS(t, s, http.MethodPost, "/subscriptions", "application/fhir+json", signalled(criteria, endpoint, payload))
	var created struct{ ID string }
	if err := json.Unmarshal([]byte(answer), &created); err != nil || status != http.StatusCreated {
		t.Fatalf("%s: %d %s", criteria, status, answer)
	}
	return created.ID
}

func cloudEvent(id, eventType, filtering string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"uk.nhs.example-service","type":%q,"time":"2020-06-01T13:00:00Z","subject":%q,"filtering":{%s}}`,
		id, eventType, nodetest.Jack, filtering)
}

func publishMNS(t *testing.T, s *nodetest.Server, event string) {
	t.Helper()
	if status, answer := askMNS(t, s, http.MethodPost, "/events", "application/cloudevents+json", event); status != http.StatusOK {
		t.Fatalf("publish: %d %s", status, answer)
	}
}

// bodies are what a mailbox has got under a workflow.
func bodies(copies []client.Copy, workflow string) (out []string) {
	for _, c := range copies {
		if c.WorkflowID == workflow {
			out = append(out, string(c.Body))
		}
	}
	return out
}

// TestMNS publishes to the NEMS and at the API of the MNS; subscribers of the MNS get
// signals of both in their MESH mailbox, also over a restart. Who subscribed to the
// NEMS gets nothing of what has no message.
func TestMNS(t *testing.T) {
	here := nodetest.Boot(t, func(c *node.Config) { c.MNS.EventNumbers = true })
	here.Subscribe(here.National(), about(nodetest.Jack)+vaccinations, "X26ABC1")
	mesh := "mesh://MAILBOX1234?workflow_id="
	subscribeMNS(t, here, "eventType=imms-vaccination-record-change-1", mesh+"ALL", "application/fhir+json")
	subscribeMNS(t, here, "eventType='imms-vaccination-record-change-1' AND action='UPDATE'", mesh+"UPDATES", "application/json")
	subscribeMNS(t, here, "eventType=imms-vaccination-record-change-1 AND generalpractitioner='B86056'", mesh+"PRACTICE", "application/json")
	subscribeMNS(t, here, "eventType=imms-vaccination-record-change-1 AND generalpractitioner='E82025'", mesh+"OTHER", "application/json")
	subscribeMNS(t, here, "eventType=imms-vaccination-record-change-1 AND nhsnumber='"+nodetest.Jack+"'", mesh+"PATIENT", "application/json")

	here.Publish(here.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	here.Publish(here.Publisher(), nodetest.Message(t, "vaccinations-1", "update", nodetest.Jack))
	publishMNS(t, here, cloudEvent("e0b3d12f-c64d-4b29-b23b-4a670941f572", "imms-vaccination-record-change-1", `"generalpractitioner":"E82025","action":"UPDATE","absent":null`))
	publishMNS(t, here, cloudEvent("e0b3d12f-c64d-4b29-b23b-4a670941f572", "imms-vaccination-record-change-1", `"generalpractitioner":"E82025","action":"UPDATE","absent":null`)) // again
	here.Stop()
	here.Run()
	publishMNS(t, here, cloudEvent("last", "imms-vaccination-record-change-1", `"action":"DELETE"`))

	var got []client.Copy
	want := map[string]int{"ALL": 4, "UPDATES": 2, "PRACTICE": 2, "OTHER": 1, "PATIENT": 4}
	here.Eventually("all signals have come", func() bool {
		got = append(got, here.Collect("MAILBOX1234")...)
		return len(got) >= 13
	})
	for workflow, n := range want {
		if b := bodies(got, workflow); len(b) != n {
			t.Errorf("%s: %d signals: %s", workflow, len(b), b)
		}
	}
	var ids, numbers []string
	for _, b := range bodies(got, "ALL") {
		numbers = append(numbers, numberOf(b))
	}
	if !slices.Equal(numbers, []string{"1", "2", "3", "4"}) {
		t.Errorf("the signals are numbered %v", numbers)
	}
	for _, b := range bodies(got, "UPDATES") {
		if strings.Contains(b, "filtering") || !strings.Contains(b, `"subject":"`+nodetest.Jack+`"`) {
			t.Errorf("the CloudEvent of an update: %s", b)
		}
		ids = append(ids, b)
	}
	if !strings.Contains(ids[0], `"type":"imms-vaccination-record-change-1"`) || !strings.Contains(ids[1], "e0b3d12f-c64d-4b29-b23b-4a670941f572") {
		t.Errorf("the updates: %v", ids)
	}
	if n := len(here.Collect("X26ABC1")); n != 2 {
		t.Errorf("the subscriber of the NEMS has %d copies", n)
	}
}

var eventNumber = regexp.MustCompile(`"event-number","valueString":"(\d+)"`)

func numberOf(body string) string {
	if found := eventNumber.FindStringSubmatch(body); found != nil {
		return found[1]
	}
	return ""
}

// TestMNSSubscriptions are read, changed and removed by their organisation alone.
func TestMNSSubscriptions(t *testing.T) {
	here := nodetest.Boot(t)
	mesh := "mesh://MAILBOX1234?workflow_id=W_1.1-A"
	id := subscribeMNS(t, here, "eventType=pds-change-of-gp-2", mesh, "application/fhir+json")
	status, answer := askMNS(t, here, http.MethodPost, "/subscriptions", "", signalled("eventType='pds-change-of-gp-2'", mesh, "application/fhir+json"))
	if status != http.StatusConflict || answer != `{"errors":"A matching subscription already exists with id: `+id+`"}` {
		t.Errorf("the same again: %d %s", status, answer)
	}
	shown := `{"id":"` + id + `","resourceType":"Subscription","status":"active","reason":"","criteria":"eventType=pds-change-of-gp-2",` +
		`"channel":{"type":"message","endpoint":"` + mesh + `","payload":"application/fhir+json"}}`
	if status, answer := askMNS(t, here, http.MethodGet, "/subscriptions/"+id, "", ""); status != http.StatusOK || answer != shown {
		t.Errorf("read: %d %s", status, answer)
	}
	if _, answer := askMNS(t, here, http.MethodGet, "/subscriptions", "", ""); answer != `{"resourceType":"Bundle","type":"searchset","link":[{"relation":"self","url":"/subscriptions"}],"entry":[`+shown+`]}` {
		t.Errorf("listed: %s", answer)
	}
	if status, _ := askMNS(t, here, http.MethodPut, "/subscriptions/"+id, "application/fhir+json", signalled("eventType=example-event-1", mesh, "application/json")); status != http.StatusNoContent {
		t.Errorf("changed: %d", status)
	}
	publishMNS(t, here, cloudEvent("1", "example-event-1", ""))
	publishMNS(t, here, cloudEvent("2", "pds-change-of-gp-2", ""))
	var got []client.Copy
	here.Eventually("the signal has come", func() bool {
		got = append(got, here.Collect("MAILBOX1234")...)
		return len(got) == 1
	})
	if got[0].WorkflowID != "W_1.1-A" || string(got[0].Body) != `{"specversion":"1.0","id":"1","source":"uk.nhs.example-service","type":"example-event-1","time":"2020-06-01T13:00:00Z","subject":"`+nodetest.Jack+`"}` {
		t.Errorf("the signal: %+v", got[0])
	}
	if status, _ := askMNS(t, here, http.MethodDelete, "/subscriptions/"+id, "", ""); status != http.StatusNoContent {
		t.Errorf("deleted: %d", status)
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		if status, answer := askMNS(t, here, method, "/subscriptions/"+id, "application/fhir+json", signalled("eventType=example-event-1", mesh, "application/json")); status != http.StatusNotFound || answer != `{"errors":"Not found"}` {
			t.Errorf("%s of what is gone: %d %s", method, status, answer)
		}
	}
}

// TestMNSQueues has signals go to a queue that is served here, as clients of the MNS
// name it.
func TestMNSQueues(t *testing.T) {
	here := nodetest.Boot(t)
	queue := "arn:aws:sqs:eu-west-2:123456789012:MAILBOX1234"
	id := subscribeMNS(t, here, "eventType=nhs-number-change-2", queue, "application/json")
	subscribeMNS(t, here, "eventType=pds-death-notification-2", queue, "application/json")
	status, answer := askMNS(t, here, http.MethodPost, "/subscriptions", "", signalled("eventType=nhs-number-change-2", queue, "application/fhir+json"))
	if status != http.StatusConflict || answer != `{"errors":"A matching SQS subscription already exists with id: `+id+`"}` {
		t.Errorf("a second one of the type: %d %s", status, answer)
	}
	publishMNS(t, here, cloudEvent("1", "nhs-number-change-2", ""))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, here.URL+"/", strings.NewReader(`{"QueueUrl":"MAILBOX1234","WaitTimeSeconds":20}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AmazonSQS.ReceiveMessage")
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	response, err := here.HTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var got struct{ Messages []struct{ Body string } }
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil || len(got.Messages) != 1 || !strings.Contains(got.Messages[0].Body, `"type":"nhs-number-change-2"`) {
		t.Errorf("received %+v, %v", got, err)
	}
}
