package node_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"nems/internal/fhir"
	"nems/internal/node/nodetest"
	"nems/internal/webhook"
)

// TestEventsOfAMailbox: what went to a mailbox is counted too, and can be asked for at
// /STU3 in both formats.
func TestEventsOfAMailbox(t *testing.T) {
	t.Parallel()
	here := nodetest.Boot(t)
	id := here.Subscribe(here.Leeds(), about(nodetest.Jack)+vaccinations, nodetest.LeedsBox)
	var last []byte
	for range 2 {
		last = nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
		here.Publish(here.Publisher(), last)
	}
	ask := func(path, format string) string {
		t.Helper()
		a := here.Send(here.ReadRequest(id+path).Set("Accept", format))
		if a.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, a.Status, a.Body)
		}
		xml := a.Body
		var wrong []fhir.Finding
		if strings.HasSuffix(format, "json") {
			var err error
			if xml, wrong, err = fhir.JSONToXML(a.Body); err != nil || len(wrong) > 0 {
				t.Fatalf("%s: %v %v", path, err, wrong)
			}
		}
		if _, wrong, err := fhir.ParseXML(xml); err != nil || len(wrong) > 0 {
			t.Errorf("%s as %s is not STU3: %v %v %s", path, format, err, wrong, xml)
		}
		return string(xml)
	}
	for _, format := range []string{"application/fhir+xml", "application/fhir+json"} {
		if text := ask("/$status", format); !strings.Contains(text, `<name value="events-since-subscription-start"/><valueString value="2"/>`) {
			t.Errorf("$status: %s", text)
		}
		text := ask("/$events?content=full-resource", format)
		if !strings.Contains(text, base64.StdEncoding.EncodeToString(last)) || strings.Count(text, `"notification-event"`) != 2 || strings.Contains(text, `"next"`) {
			t.Errorf("$events: %s", text)
		}
		for query, want := range map[string]int{"": 2, "?eventsSinceNumber=2": 1, "?eventsSinceNumber=3": 0, "?eventsUntilNumber=1&content=empty": 1} {
			text := ask("/$events"+query, format)
			if n := strings.Count(text, `"event-number"`); n != want || strings.Contains(query, "empty") == strings.Contains(text, `"focus"`) && want > 0 || strings.Contains(text, nodetest.Jack) {
				t.Errorf("%s: %d events: %s", query, n, text)
			}
		}
	}
	for _, query := range []string{"/$events?eventsSinceNumber=x", "/$events?content=all", "/$events?other=1", "/$status?eventsSinceNumber=1", "/$events?eventsSinceNumber=1&eventsSinceNumber=2"} {
		if a := here.Send(here.ReadRequest(id + query)); a.Status != http.StatusBadRequest || !bytes.Contains(a.Body, []byte("BAD_REQUEST")) {
			t.Errorf("%s: %d %s", query, a.Status, a.Body)
		}
	}
}

// TestEventsOfASignal: what an operator has registered for signals gives no messages
// by $events either.
func TestEventsOfASignal(t *testing.T) {
	t.Parallel()
	here := nodetest.Boot(t)
	to := newRestHook(t, http.StatusOK)
	for form, want := range map[webhook.Form]int{webhook.Signal: http.StatusForbidden, webhook.Message: http.StatusOK} {
		box := "HOOK-" + strings.ToUpper(string(form))
		hook(t, here.Desk(), box, to.URL, form)
		id := here.Subscribe(here.Leeds(), about(nodetest.Jack)+vaccinations, box)
		if a := here.Send(here.ReadRequest(id + "/$events?content=full-resource")); a.Status != want || want == http.StatusForbidden && !bytes.Contains(a.Body, []byte("expected empty or id-only")) {
			t.Errorf("%s: %d %s", form, a.Status, a.Body)
		}
		if a := here.Send(here.ReadRequest(id + "/$events?content=id-only")); a.Status != http.StatusOK {
			t.Errorf("%s: %d %s", form, a.Status, a.Body)
		}
	}
}
