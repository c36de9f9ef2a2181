package node_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"nems/internal/jwt"
	"nems/internal/mns"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/spine"
)

// endpoints lists the ids of all endpoints.
func endpoints(t *testing.T, s *nodetest.Server) (ids []string) {
	t.Helper()
	found, err := operator.ListEndpoints.Do(t.Context(), s.Desk(), operator.Paging{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range found.Items {
		ids = append(ids, e.ID)
	}
	return ids
}

// TestMNSEndpointsThatAreOff has an operator switch off what a subscriber has made:
// the subscriber cannot switch it on.
func TestMNSEndpointsThatAreOff(t *testing.T) {
	here := nodetest.Boot(t)
	body := signalled("eventType=example-event-1", "mesh://MAILBOX1234?workflow_id=W", "application/json")
	id := subscribeMNS(t, here, "eventType=example-event-1", "mesh://MAILBOX1234?workflow_id=W", "application/json")
	put := func() (int, string) {
		return askMNS(t, here, http.MethodPut, "/subscriptions/"+id, "application/fhir+json", body)
	}
	made := endpoints(t, here)
	if len(made) != 1 {
		t.Fatalf("endpoints: %v", made)
	}
	ref := operator.EndpointRef{ID: made[0]}
	if err := operator.DisableEndpoint.Run(t.Context(), here.Desk(), ref); err != nil {
		t.Fatal(err)
	}
	if status, answer := put(); status != http.StatusConflict || answer != `{"errors":"This endpoint has been switched off by the operator of the service"}` {
		t.Errorf("put while it is off: %d %s", status, answer)
	}
	if e, err := operator.ShowEndpoint.Do(t.Context(), here.Desk(), ref); err != nil || !e.Off || e.Why == "" || e.Since.IsZero() {
		t.Errorf("it is on again: %+v, %v", e, err)
	}
	if err := operator.EnableEndpoint.Run(t.Context(), here.Desk(), ref); err != nil {
		t.Fatal(err)
	}
	if status, answer := put(); status != http.StatusNoContent {
		t.Errorf("put while it is on: %d %s", status, answer)
	}
}

// TestMNSRefusalsLeaveNothing has a system ask for events that it has no right to.
func TestMNSRefusalsLeaveNothing(t *testing.T) {
	here := nodetest.Boot(t)
	leeds, err := operator.ShowSystem.Do(t.Context(), here.Desk(), operator.SystemRef{ASID: nodetest.LeedsID})
	if err != nil {
		t.Fatal(err)
	}
	leeds.EventTypes = []string{"vaccinations-1"}
	if err := operator.PutSystems.Run(t.Context(), here.Desk(), []spine.Registration{leeds}); err != nil {
		t.Fatal(err)
	}
	body := signalled("eventType=pds-change-of-gp-2", "mesh://MAILBOX1234?workflow_id=W", "application/json")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, here.URL+mns.Base+"/subscriptions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+here.Token(nodetest.LeedsID, "RR8", jwt.ScopeWrite).Unsigned())
	response, err := here.HTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(response.Body)
	if left := endpoints(t, here); response.StatusCode != http.StatusForbidden || len(left) > 0 {
		t.Errorf("%d %s; endpoints: %v", response.StatusCode, answer, left)
	}
}
