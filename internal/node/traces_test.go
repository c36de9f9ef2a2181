package node_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"nems/internal/node"
	"nems/internal/node/nodetest"
)

// TestTraces: what happens to an event can be followed from its publish to its
// collection, and nothing of the patient is told.
func TestTraces(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var all strings.Builder
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		unpacked, err := gzip.NewReader(r.Body)
		if err == nil {
			_, err = io.Copy(&all, unpacked)
		}
		if err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(collector.Close)
	s := nodetest.Boot(t, func(c *node.Config) { c.Traces = node.Traces{URL: collector.URL, Ratio: 1} })
	patient := nodetest.Patient(t, nodetest.Jack)
	s.Subscribe(s.Leeds(), "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|"+nodetest.Jack+"&MessageHeader.event=vaccinations-1", "MAILBOX1234")
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	s.Get("/STU3/Patient/" + nodetest.Jack) // a URL with a number
	if n := len(s.Collect("MAILBOX1234")); n != 1 {
		t.Fatalf("expected 1 copy; received %d", n)
	}
	s.Stop() // which sends the rest

	told := all.String()
	for _, name := range []string{"publish", "read", "check", "patient", "commit", "answer", "subscribe", "list", "download", "acknowledge"} {
		if !strings.Contains(told, `"name":"`+name+`"`) {
			t.Errorf("there is no span %q", name)
		}
	}
	events := map[string]int{}
	for _, m := range regexp.MustCompile(`"nems.event","value":\{"intValue":"(\d+)"`).FindAllStringSubmatch(told, -1) {
		events[m[1]]++
	}
	if len(events) != 1 {
		t.Errorf("publish and collection tell of one event; received %v", events)
	}
	for number, times := range events {
		if times != 2 { // publish and download: to acknowledge, only ids are looked at
			t.Errorf("event %s: expected 2 spans about it; received %d", number, times)
		}
	}
	for _, secret := range []string{nodetest.Jack, patient.Family, patient.Postcode} {
		if secret == "" || strings.Contains(told, secret) {
			t.Errorf("the traces hold a patient's data: %q", secret)
		}
	}
}
