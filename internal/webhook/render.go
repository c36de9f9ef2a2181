package webhook

import (
	"encoding/json"
	"net/http"
	"time"

	"nems/internal/form"
	"nems/internal/store"
)

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
	// Numbers say, for each of Subscriptions, which of its events this is.
	Numbers []uint64 `json:"numbers"`
}

func newSignal(e form.Event) signal {
	out := signal{ID: e.ID, Source: e.Source, Type: form.Signal(e.Code), Time: e.Time, EventType: e.Code, Kind: e.Kind, Subscriptions: []string{}, Numbers: []uint64{}}
	for _, s := range e.Subscriptions {
		out.Subscriptions, out.Numbers = append(out.Subscriptions, s.ID.String()), append(out.Numbers, s.Number)
	}
	return out
}

// render makes the headers and the body of a copy, all but the signature. A whole
// message has NEMS's own name of its type, because that says what the data is.
func (e Endpoint) render(d store.Delivery, message []byte) (http.Header, []byte, error) {
	about := form.Describe(d, message)
	if e.Form == Message {
		return about.CloudEvent(about.Code).Headers("application/fhir+xml"), message, nil
	}
	s := newSignal(about)
	body, err := json.Marshal(s)
	return about.CloudEvent(s.Type).Headers("application/json"), body, err
}
