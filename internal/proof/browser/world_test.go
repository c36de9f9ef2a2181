package browser

import (
	"net/http"
	"strings"
	"testing"

	"nems/internal/node/nodetest"
)

// fill makes something of everything that pages show: subscriptions, an event with
// copies, one without, and a refusal.
func fill(t *testing.T, s *nodetest.Server) {
	t.Helper()
	s.Subscribe(s.Leeds(), "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|"+nodetest.Jack+"&MessageHeader.event=vaccinations-1", "MAILBOX1234")
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", "9434765919"))
	if answer := s.Send(s.PublishRequest([]byte("<Bundle/>"))); answer.Status < http.StatusBadRequest {
		t.Fatalf("a wrong message: status %d", answer.Status)
	}
	s.Eventually("the first page shows the copy", func() bool { return strings.Contains(string(s.Get("/console/").Body), "MAILBOX1234") })
}
