package subscription

import (
	"strconv"
	"time"

	"nems/internal/fhir"
	"nems/internal/nhs"
)

// instant is how a NEMS writes times: to the millisecond, with a zone, as in
// the example of the read page.
const instant = "2006-01-02T15:04:05.000-07:00"

// WriteXML writes the Subscription resource that reading returns: what the
// subscriber sent, with id, meta.versionId, meta.lastUpdated and the current
// status ("Read Subscription"), and why an operator ended it.
func WriteXML(s Subscription) []byte {
	w := fhir.NewWriter("Subscription")
	w.Value("id", s.ID.String())
	w.Open("meta")
	w.Value("versionId", strconv.Itoa(s.Version))
	w.Value("lastUpdated", s.Created.UTC().Format(instant))
	w.Value("profile", Profile)
	w.Close()
	w.Value("status", string(s.Status))
	if s.Contacts != "" {
		w.Raw([]byte(s.Contacts))
	} else {
		w.Raw(OrganisationContact(s.ODS))
	}
	if !s.End.IsZero() {
		w.Value("end", s.End.UTC().Format(time.RFC3339Nano))
	}
	w.Value("reason", s.Reason)
	w.Value("criteria", s.Criteria.Text)
	if s.Error != "" {
		w.Value("error", s.Error)
	}
	w.Open("channel")
	w.Value("type", "message")
	w.Value("endpoint", s.Mailbox)
	w.Close()
	return w.Bytes()
}

// OrganisationContact returns the contact of an organisation, in XML.
func OrganisationContact(ods nhs.ODSCode) []byte {
	w := &fhir.Writer{}
	w.Open("contact").Value("system", "url").Value("value", contactURL+string(ods)).Value("use", "work")
	return w.Bytes()
}

// writeContacts writes all contacts in one form, whatever prefixes and blanks
// the resource uses.
func writeContacts(root fhir.Node) []byte {
	w := &fhir.Writer{}
	for contact := range root.ChildrenNamed("contact") {
		writeElement(w, contact)
	}
	return w.Bytes()
}

func writeElement(w *fhir.Writer, n fhir.Node) {
	w.Open(n.Name())
	for _, attribute := range []struct{ name, value string }{{"id", n.ID()}, {"url", n.URL()}, {"value", n.Value()}} {
		if attribute.value != "" {
			w.Attr(attribute.name, attribute.value)
		}
	}
	for child := range n.Children() {
		writeElement(w, child)
	}
	w.Close()
}
