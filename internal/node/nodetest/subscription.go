package nodetest

import "nems/internal/fhir"

// SubscriptionXML is the resource of a good subscription, to be made wrong by
// tests (NEMS specification, "Create Subscription").
func SubscriptionXML(criteria, mailbox, ods string) []byte {
	w := fhir.NewWriter("Subscription")
	w.Open("meta").Value("profile", "https://fhir.nhs.uk/STU3/StructureDefinition/EMS-Subscription-1").Close()
	w.Value("status", "requested")
	w.Open("contact").Value("system", "url").Value("value", "https://directory.spineservices.nhs.uk/STU3/Organization/"+ods).Value("use", "work").Close()
	w.Value("reason", "A test").Value("criteria", criteria)
	w.Open("channel").Value("type", "message").Value("endpoint", mailbox).Close()
	return w.Bytes()
}
