package subscription

import (
	"strconv"
	"time"

	"nems/internal/fhir"
	"nems/internal/nhs"
)

// instant is how a NEMS writes times: to the millisecond, with a zone, as the
// read page's example has it.
const instant = "2006-01-02T15:04:05.000-07:00"

// WriteXML writes the Subscription resource that reading returns: what the
// subscriber sent, with id, meta.versionId and meta.lastUpdated, and the status
// of the moment ("Read Subscription").
func WriteXML(s Subscription) []byte {
	w := fhir.NewWriter("Subscription")
	w.Value("id", s.ID.String())
	w.Open("meta")
	w.Value("versionId", strconv.Itoa(s.Version))
	w.Value("lastUpdated", s.Created.UTC().Format(instant))
	w.Value("profile", Profile)
	w.Close()
	w.Value("status", string(s.Status))
	for _, ods := range append([]nhs.ODSCode{s.ODS}, s.Contacts...) {
		w.Open("contact")
		w.Value("system", "url")
		w.Value("value", contactURL+string(ods))
		w.Value("use", "work")
		w.Close()
	}
	if !s.End.IsZero() {
		w.Value("end", s.End.UTC().Format(time.RFC3339Nano))
	}
	w.Value("reason", s.Reason)
	w.Value("criteria", s.Criteria.Text)
	w.Open("channel")
	w.Value("type", "message")
	w.Value("endpoint", s.Mailbox)
	w.Close()
	return w.Bytes()
}
