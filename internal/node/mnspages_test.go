package node_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"nems/client"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/store/postgres/pgtest"
)

// TestMNSPages: a list goes on where its page ended, and passes over subscriptions of
// the NEMS.
func TestMNSPages(t *testing.T) {
	here := nodetest.Boot(t)
	here.Subscribe(here.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	ids := map[string]bool{}
	const many = 55
	for i := range many {
		ids[subscribeMNS(t, here, fmt.Sprintf("eventType=example-event-%d", i+1), "mesh://MAILBOX1234?workflow_id=W", "application/json")] = true
	}
	pages := 0
	for path := "/subscriptions"; path != ""; pages++ {
		_, answer := askMNS(t, here, http.MethodGet, path, "", "")
		var page struct {
			Link  []struct{ Relation, URL string }
			Entry []struct{ ID string }
		}
		if err := json.Unmarshal([]byte(answer), &page); err != nil || page.Link[0].URL != path {
			t.Fatalf("%s: %v %s", path, err, answer)
		}
		for _, e := range page.Entry {
			if !ids[e.ID] {
				t.Errorf("%s is listed twice, or is not there", e.ID)
			}
			delete(ids, e.ID)
		}
		path = ""
		if len(page.Link) > 1 && page.Link[1].Relation == "next" {
			path = page.Link[1].URL
		}
	}
	if pages != 2 || len(ids) > 0 {
		t.Errorf("%d pages, %d of %d are missing", pages, len(ids), many)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, here.URL+"/multicast-notification-service/subscriptions", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/fhir+json; fhirVersion=4.0")
	response, err := here.HTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var valid struct {
		Entry []struct{ Resource struct{ ResourceType string } }
	}
	if err := json.NewDecoder(response.Body).Decode(&valid); err != nil || len(valid.Entry) == 0 || valid.Entry[0].Resource.ResourceType != "Subscription" {
		t.Errorf("valid FHIR: %+v, %v", valid, err)
	}
}

// TestMNSOverTwoNodes of one PostgreSQL database: what one node has answered is in
// force on the other.
func TestMNSOverTwoNodes(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	shared := func(c *node.Config) { c.Database = url }
	here, there := nodetest.Boot(t, shared), nodetest.Boot(t, shared)
	const mesh = "mesh://MAILBOX1234?workflow_id=W"
	id := subscribeMNS(t, here, "eventType=example-event-1 AND action='CREATE'", mesh, "application/json")
	publishMNS(t, there, cloudEvent("1", "example-event-1", `"action":"CREATE"`))
	publishMNS(t, there, cloudEvent("2", "example-event-1", `"action":"DELETE"`))
	var got []client.Copy
	come := func(n int) func() bool {
		return func() bool {
			got = append(got, here.Collect("MAILBOX1234")...)
			return len(got) == n
		}
	}
	here.Eventually("the signal has come", come(1))
	if status, answer := askMNS(t, there, http.MethodPut, "/subscriptions/"+id, "application/fhir+json", signalled("eventType=imms-vaccination-record-change-1", mesh, "application/fhir+json")); status != http.StatusNoContent {
		t.Fatalf("changed: %d %s", status, answer)
	}
	publishMNS(t, here, cloudEvent("3", "example-event-1", `"action":"CREATE"`))
	here.Publish(here.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	here.Eventually("the signal of the message has come", come(2))
	if !strings.Contains(string(got[0].Body), `"id":"1"`) || !strings.Contains(string(got[1].Body), "imms-vaccination-record-change-1") {
		t.Errorf("signals: %s %s", got[0].Body, got[1].Body)
	}
	status, answer := askMNS(t, here, http.MethodPost, "/subscriptions", "", signalled("eventType=imms-vaccination-record-change-1", mesh, "application/fhir+json"))
	if status != http.StatusConflict || !strings.Contains(answer, id) {
		t.Errorf("the same at the other node: %d %s", status, answer)
	}
}
