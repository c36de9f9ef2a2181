package client

import (
	"context"
	"errors"
	"net/http"

	"nems/internal/access"
	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/jwt"
)

// ErrNotAnEvent is returned for a message without an event code, because its
// interaction id cannot be derived.
var ErrNotAnEvent = errors.New("not an event message: no MessageHeader.event.code was found")

// Published is the service's answer to an accepted message.
type Published struct {
	// Issues holds warnings and information, such as the deprecation of the event
	// type: its date, and where to read about it. The specification wants
	// operational teams to be told ("Event Lifecycle and Deprecation").
	Issues []Issue
}

// PublishOption changes one publish call.
type PublishOption func(*call)

// WithInteraction sends this interaction id instead of the one that belongs to
// the message's event code.
func WithInteraction(id string) PublishOption {
	return func(c *call) { c.interaction = id }
}

// WithIdempotencyKey makes the call safe to repeat for 24 hours: the same key
// with the same bytes makes no second copy. This is an extension of this NEMS.
func WithIdempotencyKey(key string) PublishOption {
	return func(c *call) { c.header["Idempotency-Key"] = key }
}

// WithWarnings asks for findings that did not lead to a refusal.
func WithWarnings() PublishOption {
	return func(c *call) { c.header["Prefer"] = "return=OperationOutcome" }
}

// Publish sends an event message byte for byte as given. When it returns
// without an error, the service has the message on disk. It returns an *Error
// when the service refuses the message.
func (c *Client) Publish(ctx context.Context, message []byte, options ...PublishOption) (*Published, error) {
	call := call{
		method: http.MethodPost, path: "/STU3/Events/1/$process-message",
		interaction: PublishInteraction(message), scope: jwt.ScopePublish,
		contentType: "application/fhir+xml", header: map[string]string{}, body: message,
	}
	for _, o := range options {
		o(&call)
	}
	if call.interaction == "" {
		return nil, ErrNotAnEvent
	}
	_, body, err := c.do(ctx, call)
	if err != nil {
		return nil, err
	}
	return &Published{Issues: issues(body)}, nil
}

// PublishInteraction returns the interaction id under which a message must be
// published, "" when the message has no event code.
func PublishInteraction(message []byte) string {
	doc, _, err := fhir.ParseXML(message)
	if err != nil {
		return ""
	}
	e, _ := event.Read(doc)
	if e.Code == "" {
		return ""
	}
	return access.PublishInteraction(event.InteractionName(e.Code))
}
