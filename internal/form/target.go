package form

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"nems/internal/store"
)

// Target is where the signals of a subscription of the MNS go, and as what. A store
// keeps it as the value of an endpoint, where a queue's has more members. A webhook's
// has it as the member target.
type Target struct {
	Endpoint string `json:"endpoint"` // as the subscriber wrote it
	Payload  string `json:"payload"`  // media type of what is sent
	Type     string `json:"type"`     // that was subscribed to
	// Mailbox and Workflow are those of a MESH mailbox; "" for other targets.
	Mailbox  string `json:"mailbox,omitzero"`
	Workflow string `json:"workflow,omitzero"`
	// Off means that nothing is sent; Why and Since say why, and since when.
	Off   bool      `json:"off,omitzero"`
	Why   string    `json:"why,omitzero"`
	Since time.Time `json:"since,omitzero"`
}

// ReadTarget reads the value of an endpoint.
func ReadTarget(e store.Endpoint) (t Target, err error) {
	var kept struct {
		Target *Target `json:"target"`
	}
	if kept.Target = &t; e.Channel == store.WebhookChannel {
		err = json.Unmarshal(e.Value, &kept)
	} else {
		err = json.Unmarshal(e.Value, &t)
	}
	if err != nil {
		err = fmt.Errorf("endpoint %s cannot be read: %w", e.Mailbox.ID, err)
	}
	return t, err
}

// Pack returns the target as a store keeps it.
func (t Target) Pack() []byte {
	b, _ := json.Marshal(t) // texts and a time: cannot fail
	return b
}
