package webhook

import (
	"context"
	"net/http"

	"nems/internal/form"
	"nems/internal/store"
)

// MNS is the form of signals of the Multicast Notification Service. They name the
// patient, so that it is an operator's decision as Message is.
const MNS Form = "mns"

// Media types of signals, as subscriptions of the MNS name them.
const (
	asCloudEvent = "application/json"
	asBundle     = "application/fhir+json"
)

// Signals reports whether an operator has agreed to signals for the endpoint, and
// whether subscriptions of the MNS can name it by its URL.
func (e Endpoint) Signals() bool { return e.Via == 0 && (e.Form == MNS || e.Form == Message) }

// through returns the endpoint whose address a subscription of the MNS uses. That one
// has the secret, and the receiver's consent. It counts as off while it is not one to
// which an operator lets signals of this organisation go.
func (s *Sender) through(ctx context.Context, from store.Endpoint, to Endpoint) (store.Endpoint, Endpoint, error) {
	row, err := s.Endpoints.Endpoint(ctx, to.Via)
	if err != nil {
		return row, to, err
	}
	base, err := Read(row)
	base.Off = base.Off || !base.Signals() || row.Mailbox.ODS != from.Mailbox.ODS
	base.signals = to.Target
	return row, base, err
}

// signal makes the headers and the body of a signal. As application/json it is a
// CloudEvent in structured mode; the bundle has its attributes in headers.
func (s *Sender) signal(t form.Target, d store.Delivery, e store.Event) (http.Header, []byte, error) {
	body, err := s.Signal(d, e, t)
	if err != nil {
		return nil, nil, err
	}
	if t.Payload == asCloudEvent {
		return http.Header{"Content-Type": {"application/cloudevents+json"}}, body, nil
	}
	about := form.Describe(d, e.Message)
	name := t.Type
	if name == "" {
		name = form.Signal(d.Code)
	}
	return about.CloudEvent(name).Headers(asBundle), body, nil
}

// made makes the headers and the body of a copy, all but the signature.
func (s *Sender) made(to Endpoint, d store.Delivery, e store.Event) (http.Header, []byte, error) {
	switch {
	case to.signals != nil:
		return s.signal(*to.signals, d, e)
	case to.Form == MNS:
		return s.signal(form.Target{Payload: asBundle}, d, e)
	}
	return to.render(d, e.Message)
}
