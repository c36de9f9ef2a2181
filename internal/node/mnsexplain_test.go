package node_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/store"
)

// TestMNSExplained holds events against subscriptions of the MNS: what the explanation
// says is what the lanes did.
func TestMNSExplained(t *testing.T) {
	here := nodetest.Boot(t, func(*node.Config) {})
	desk := here.Desk()
	const vaccinated = "eventType=imms-vaccination-record-change-1"
	want := map[string]int{} // how many of the events each has
	for i, c := range []struct {
		criteria string
		events   int
	}{
		{vaccinated, 4},
		{vaccinated + " AND action='UPDATE'", 2},
		{vaccinated + " AND action='UPDATE' AND generalpractitioner='E82025'", 1},
		{vaccinated + " AND generalpractitioner='B86056'", 2},
		{vaccinated + " AND generalpractitioner='B86056' AND registeredgpodscode='E82025'", 0},
		{vaccinated + " AND nhsnumber='" + nodetest.Jack + "' AND site='A'", 1},
		{"eventType=nhs-number-change-2", 0},
	} {
		id := subscribeMNS(t, here, c.criteria, fmt.Sprintf("mesh://MAILBOX1234?workflow_id=W%d", i), "application/json")
		want[strings.ReplaceAll(id, "-", "")] = c.events
	}
	for _, kind := range []string{"new", "update"} {
		here.Publish(here.Publisher(), nodetest.Message(t, "vaccinations-1", kind, nodetest.Jack))
	}
	publishMNS(t, here, cloudEvent("one", "imms-vaccination-record-change-1", `"generalpractitioner":"E82025","action":"UPDATE","site":"A"`))
	publishMNS(t, here, cloudEvent("two", "imms-vaccination-record-change-1", `"action":"DELETE"`))

	found, err := operator.FindEvents.Do(t.Context(), desk, operator.Matching(operator.EventFilter{}))
	if err != nil || len(found.Items) != 4 {
		t.Fatalf("%d events, %v", len(found.Items), err)
	}
	got := map[string]int{}
	for _, e := range found.Items {
		for id := range want {
			s := explainedWhenSettled(t, here, desk, strconv.FormatInt(e.Event, 10), id)
			sent := s.Copy.State == store.Sent
			if s.Matched != sent || s.Note != "" {
				t.Errorf("event %d, %s: matched %t, copy %s, note %q, %+v", e.Event, s.AsksFor, s.Matched, s.Copy.State, s.Note, s.Criteria)
			}
			if sent {
				got[id]++
			}
		}
	}
	for id, n := range want {
		if got[id] != n {
			t.Errorf("%s has %d events; %d are expected", id, got[id], n)
		}
	}
}

// explainedWhenSettled explains an event to one subscription when its lane has judged it.
func explainedWhenSettled(t *testing.T, here *nodetest.Server, desk operator.Face, event, subscription string) (out operator.ExplainedSubscription) {
	t.Helper()
	here.Eventually("the copy is settled", func() bool {
		x, err := operator.ExplainEvent.Do(t.Context(), desk, operator.Matching(operator.EventQuestion{Event: event, Subscription: subscription}))
		if err != nil || len(x.Subscriptions) != 1 {
			t.Fatalf("%d subscriptions, %v", len(x.Subscriptions), err)
		}
		out = x.Subscriptions[0]
		return out.Copy.State != store.Waiting
	})
	return out
}
