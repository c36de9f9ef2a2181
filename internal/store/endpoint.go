package store

import (
	"encoding/json"
	"errors"
	"time"
)

// ErrChanged says that somebody else has changed what was to be replaced. Nothing
// was stored.
var ErrChanged = errors.New("it was changed in the meantime")

// Channel is how copies go to an endpoint. Its names are stored.
type Channel string

// The channels.
const (
	WebhookChannel  Channel = "webhook"   // HTTPS requests
	RestHookChannel Channel = "rest-hook" // HTTPS requests to what R4 subscriptions brought along
	StreamChannel   Channel = "stream"    // nothing is sent: subscribers read what was numbered
	QueueChannel    Channel = "sqs"       // messages to a queue of the Simple Queue Service's kind
	SignalChannel   Channel = "signal"    // signals of the MNS to a MESH mailbox
)

// Endpoint is an address other than a mailbox to which copies go. It has the row
// of a remote mailbox, by which deliveries and subscriptions name it.
type Endpoint struct {
	Mailbox Mailbox
	Channel Channel // stays what it was when the endpoint was first put
	Value   []byte  // what the channel knows of it; opaque to a store
	Version int64   // counts the changes; 0 before it is first put
}

// Attempt is one attempt to deliver: what its subscriber and operators may see.
// It holds nothing of a patient and nothing that the receiver said.
type Attempt struct {
	At     time.Time     `json:"at"`
	Status int           `json:"status,omitempty"` // of the answer; 0 when there was none
	Took   time.Duration `json:"took"`             // nanoseconds
	Why    string        `json:"why,omitempty"`    // "" for a success
}

// MostTries is how many attempts are kept with a delivery, the last ones.
const MostTries = 20

// Tried adds an attempt to those that are kept.
func (d *Delivery) Tried(a Attempt) {
	d.Tries = append(d.Tries, a)
	d.Tries = d.Tries[max(0, len(d.Tries)-MostTries):]
}

// PackTries returns the attempts as a store keeps them; nil for none.
func (d *Delivery) PackTries() []byte {
	if len(d.Tries) == 0 {
		return nil
	}
	b, _ := json.Marshal(d.Tries) // times, numbers and texts: cannot fail
	return b
}
