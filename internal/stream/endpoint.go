package stream

import (
	"encoding/json"
	"fmt"
	"time"

	"nems/internal/store"
)

// Form is what readers of an endpoint may be shown.
type Form string

// The forms, as those of webhooks.
const (
	Signal  Form = "signal"  // which event happened; nothing about the patient
	Message Form = "message" // the message too
)

// Endpoint is what is known of an endpoint. A store keeps it as JSON.
type Endpoint struct {
	Form Form `json:"form"`
	// Off means that nobody may read; events are counted on. Why and Since say why, and
	// since when.
	Off   bool      `json:"off,omitempty"`
	Why   string    `json:"why,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// Read reads what a store keeps.
func Read(s store.Endpoint) (e Endpoint, err error) {
	if err = json.Unmarshal(s.Value, &e); err != nil {
		err = fmt.Errorf("endpoint %s cannot be read: %w", s.Mailbox.ID, err)
	}
	return e, err
}

// Pack returns the endpoint as a store keeps it.
func (e Endpoint) Pack() []byte { return packed(e) }
