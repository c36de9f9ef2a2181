package api

import (
	"time"

	"nems/internal/fhir"
)

// capabilityStatement says what the service can do; it needs no token.
func (a *API) capabilityStatement(x *exchange) error {
	return x.show(capabilities(x.base, a.started))
}

// capabilities writes the CapabilityStatement (STU3, capabilitystatement.html).
// date is when the service started, because the statement is about a running
// instance.
func capabilities(base string, date time.Time) []byte {
	w := fhir.NewWriter("CapabilityStatement")
	w.Value("id", "nems")
	w.Value("name", "NEMS").Value("title", "National Events Management Service")
	w.Value("status", "active").Value("date", date.UTC().Format(time.RFC3339)).Value("kind", "instance")
	w.Open("software").Value("name", "nems").Close()
	w.Open("implementation").Value("description", "Publishes event messages to subscribers' MESH mailboxes").Value("url", base+"/STU3").Close()
	w.Value("fhirVersion", "3.0.1").Value("acceptUnknown", "no")
	for _, format := range []string{"application/fhir+xml", "application/fhir+json", "application/xml+fhir", "application/json+fhir"} {
		w.Value("format", format)
	}
	w.Open("rest").Value("mode", "server")
	w.Value("documentation", "Publishing takes and answers XML only. Extensions beyond the NEMS specification: search, _search, batch, $explain, $deliveries, $status, $events, $stream, $pull, $ack, $replay, $replay-status, $replay-cancel and $test on a subscription, metadata (also by OPTIONS on the base), the parameters _format, _pretty and _summary, and the header Idempotency-Key on $process-message, which makes a publish safe to repeat for 24 hours.")
	w.Open("security").Value("description", "Mutual TLS, and a Spine JWT as Bearer token with the headers fromASID, toASID and InteractionID; metadata needs neither token nor headers.").Close()
	writeSubscriptionCapability(w)
	w.Open("interaction").Value("code", "batch").Value("documentation", batchDocumentation).Close()
	w.Open("operation").Value("name", "process-message")
	w.Open("definition").Value("reference", "http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message").Close()
	w.Close()
	return w.Bytes()
}

const batchDocumentation = "Extension: up to 1,000 entries that create (POST Subscription) and delete (DELETE Subscription/[id]) subscriptions, each answered on its own; deletions are done first."

func writeSubscriptionCapability(w *fhir.Writer) {
	w.Open("resource").Value("type", "Subscription")
	w.Open("profile").Value("reference", "https://fhir.nhs.uk/STU3/StructureDefinition/EMS-Subscription-1").Close()
	for _, interaction := range []struct{ code, documentation string }{
		{"create", "A duplicate is refused with the id of the one that exists."},
		{"read", ""},
		{"delete", ""},
		{"search-type", "Extension: the subscriptions of the caller's own organisation, in pages."},
	} {
		w.Open("interaction").Value("code", interaction.code).Value("documentation", interaction.documentation).Close()
	}
	w.Value("versioning", "no-version")
	for _, parameter := range []struct{ name, kind, documentation string }{
		{byPatient, "token", "The patient of an explicit subscription: https://fhir.nhs.uk/Id/nhs-number|[NHS number]; also called Patient.identifier. Better sent by POST to _search, which keeps it out of URLs."},
		{byEvent, "token", "An event code; also called MessageHeader.event."},
		{byMailbox, "string", "The MESH mailbox that copies go to, without regard to case."},
		{byStatus, "token", "requested, active or off. Of this and the parameters above several values may be given, with commas between them, any of which may fit."},
	} {
		w.Open("searchParam").Value("name", parameter.name).Value("type", parameter.kind).Value("documentation", parameter.documentation).Close()
	}
	w.Close()
}
