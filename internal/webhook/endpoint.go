// Package webhook sends copies to the HTTPS endpoints of subscribers. It is the
// sender of such lanes (package lane): it asks for consent, makes a request that
// is a CloudEvent and a Standard Webhook at once, and judges the answer.
//
// Sources: cloudevents/spec (2026-07), spec.md, http-protocol-binding.md,
// http-webhook.md; standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"nems/internal/form"
	"nems/internal/store"
)

// Form is what an endpoint is sent.
type Form string

// The forms.
const (
	Signal  Form = "signal"  // which event happened and for which subscriptions; nothing about the patient
	Message Form = "message" // the message, unchanged
)

// Endpoint is what is known of a webhook. A store keeps it as JSON.
type Endpoint struct {
	URL  string `json:"url"`
	Form Form   `json:"form"`
	// Secret signs; Previous does too until PreviousUntil, after a rotation. Both
	// are of the form of Standard Webhooks, and no read may show them.
	Secret        string    `json:"secret"`
	Previous      string    `json:"previous,omitempty"`
	PreviousUntil time.Time `json:"previousUntil,omitzero"`
	// Consented is when the receiver agreed; zero: it is asked before the next
	// request. Rate is how many requests a minute it allowed; 0 for any number.
	Consented time.Time `json:"consented,omitzero"`
	Rate      int       `json:"rate,omitempty"`
	// Off means that nothing is sent; Why and Since say why, and since when.
	Off   bool      `json:"off,omitempty"`
	Why   string    `json:"why,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// RestHook is set where an R4 subscription has brought the endpoint along.
	RestHook *RestHook `json:"restHook,omitempty"`
	// Via is the row of the endpoint through which the signals of a subscription of the
	// MNS are sent, and Target what it is sent; 0 and nil for all others.
	Via    int64        `json:"via,omitempty"`
	Target *form.Target `json:"target,omitempty"`

	signals *form.Target // that are sent now
}

// Read reads what a store keeps.
func Read(s store.Endpoint) (e Endpoint, err error) {
	if err = json.Unmarshal(s.Value, &e); err != nil {
		err = fmt.Errorf("endpoint %s cannot be read: %w", s.Mailbox.ID, err)
	}
	return e, err
}

// Pack returns the endpoint as a store keeps it.
func (e Endpoint) Pack() []byte {
	b, _ := json.Marshal(e) // texts, times and a number: cannot fail
	return b
}

// RotationTime is how long the previous secret signs beside a new one.
const RotationTime = 24 * time.Hour

// Rotate gives the endpoint a new secret.
func (e *Endpoint) Rotate(now time.Time) {
	if e.Secret != "" {
		e.Previous, e.PreviousUntil = e.Secret, now.Add(RotationTime)
	}
	e.Secret = NewSecret()
}

// secretPrefix precedes the base64 of a secret (Standard Webhooks, "Signature scheme").
const secretPrefix = "whsec_"

// NewSecret returns a new secret of 32 bytes.
func NewSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}
