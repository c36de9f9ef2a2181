package api_test

import (
	"strings"
	"testing"

	"nems/internal/catalogue/example"
)

// What is refused is kept with its reason, under the names by which its sender
// would ask for it, and without the patient.
func TestRefusalsAreKept(t *testing.T) {
	fx := newFixture(t)
	const interaction = "urn:nhs:names:services:events:Vaccinations.Write"
	message, err := example.Message("vaccinations-1", "new", example.Patient{})
	must(t, err)
	broken := strings.Replace(string(message), "<Immunization>", `<Immunization nonsense="9912003888">`, 1)
	refused(t, fx.send(fx.request(publisher, "POST", "/STU3/Events/1/$process-message", interaction, broken)), 422, "INVALID_RESOURCE")
	refused(t, fx.send(fx.request(publisher, "POST", "/STU3/Events/1/$process-message", interaction, "<x")), 400, "MESSAGE_NOT_WELL_FORMED")
	fx.send(fx.request(publisher, "GET", "/nothing", interaction, "")) // nobody's
	if len(fx.refusals) != 2 {
		t.Fatalf("expected 2 refusals; received %+v", fx.refusals)
	}
	first, second := fx.refusals[0], fx.refusals[1]
	if first.Action != "publish" || first.ASID != publisher.asid || first.Status != 422 || first.EventType != "vaccinations-1" || first.Code != "INVALID_RESOURCE" ||
		first.MessageID == "" || !strings.Contains(first.Reason, "Immunization") || strings.Contains(first.Reason, "9912003888") {
		t.Errorf("received %+v", first)
	}
	if second.MessageID != "" || second.EventType != "" || second.Code != "MESSAGE_NOT_WELL_FORMED" || second.Reason == "" {
		t.Errorf("received %+v", second)
	}
}
