package webhook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/store"
)

// asidSource precedes the ASID of a publisher in ce-source.
const asidSource = "https://fhir.nhs.uk/Id/nhsSpineASID/"

// signals are the names under which MNS signals events that NEMS has too. A whole
// message has NEMS's own name, because its type says what the data is.
var signals = map[string]string{
	"pds-record-change-1":      "pds-record-change-2",
	"pds-change-of-gp-1":       "pds-change-of-gp-2",
	"pds-death-notification-1": "pds-death-notification-2",
	"vaccinations-1":           "imms-vaccination-record-change-1",
}

// signal is the body of the form Signal. It repeats the attributes of the headers,
// because only the body is signed. It holds nothing about the patient.
type signal struct {
	ID            string    `json:"id"`
	Source        string    `json:"source"`
	Type          string    `json:"type"`
	Time          time.Time `json:"time"`
	EventType     string    `json:"eventType"`
	Kind          string    `json:"kind,omitempty"`
	Subscriptions []string  `json:"subscriptions"`
}

var asid = regexp.MustCompile(`[0-9]{12}$`)

// describe reads the attributes of an event from its message.
func describe(d store.Delivery, message []byte) signal {
	out := signal{ID: d.ID, Source: "urn:nhs-uk:nems", Type: d.Code, Time: d.Accepted, EventType: d.Code, Subscriptions: []string{}}
	for _, id := range d.Subscriptions {
		out.Subscriptions = append(out.Subscriptions, id.String())
	}
	doc, _, err := fhir.ParseXML(message)
	if err != nil {
		return out
	}
	e, _ := event.Read(doc)
	if e.MessageID != "" {
		out.ID = e.MessageID
	}
	if number := asid.FindString(e.Source); number != "" {
		out.Source = asidSource + number
	}
	if at, err := time.Parse(time.RFC3339Nano, e.LastUpdated); err == nil {
		out.Time = at
	}
	out.Kind = string(e.Kind)
	return out
}

// render makes the headers and the body of a copy, all but the signature.
func (e Endpoint) render(d store.Delivery, message []byte) (http.Header, []byte, error) {
	s := describe(d, message)
	body, media := message, "application/fhir+xml"
	if e.Form != Message {
		if name := signals[d.Code]; name != "" {
			s.Type = name
		}
		var err error
		if body, err = json.Marshal(s); err != nil {
			return nil, nil, err
		}
		media = "application/json"
	}
	return s.headers(media), body, nil
}

// headers returns the attributes in binary mode (CloudEvents, HTTP protocol
// binding, section 3.1).
func (s signal) headers(media string) http.Header {
	h := http.Header{"Content-Type": {media}}
	for name, value := range map[string]string{
		"ce-specversion": "1.0", "ce-id": s.ID, "ce-source": s.Source, "ce-type": s.Type, "ce-time": s.Time.UTC().Format(time.RFC3339Nano),
	} {
		h.Set(name, encoded(value))
	}
	return h
}

// encoded percent-encodes what a header's value must not hold.
func encoded(value string) string {
	var out strings.Builder
	for _, c := range []byte(value) {
		if c <= ' ' || c > '~' || c == '"' || c == '%' {
			fmt.Fprintf(&out, "%%%02X", c)
			continue
		}
		out.WriteByte(c)
	}
	return out.String()
}
