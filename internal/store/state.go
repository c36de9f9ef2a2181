package store

import "fmt"

// State is the state of a message: of the copy of an event, which operators
// call a delivery, or of a message that one mailbox sent to another. Its text
// is what operators read.
type State string

// The states.
const (
	Uploading     State = "uploading"     // chunks of what a mailbox sends are still missing
	Waiting       State = "waiting"       // in the inbox here, or waiting for the courier
	Sent          State = "sent"          // a remote MESH has it
	Parked        State = "parked"        // waits for an operator
	Withheld      State = "withheld"      // the patient was flagged after acceptance, or a filter that is judged late leaves it out
	Acknowledged  State = "acknowledged"  // removed from an inbox here
	Undeliverable State = "undeliverable" // expired or refused: a report was sent back, or came from a remote MESH
)

// DeliveryStates lists the states of the copy of an event.
var DeliveryStates = []State{Waiting, Sent, Parked, Withheld, Acknowledged, Undeliverable}

// accepted is MESH's word for Waiting.
const accepted = "accepted"

// MESHStatus returns the state in MESH's words, which mailboxes read and tables hold.
func (s State) MESHStatus() string {
	if s == Waiting {
		return accepted
	}
	return string(s)
}

// ParseState reads what MESHStatus wrote. Any other text is an error.
func ParseState(text string) (State, error) {
	switch s := State(text); s {
	case Uploading, Sent, Parked, Withheld, Acknowledged, Undeliverable:
		return s, nil
	}
	if text == accepted {
		return Waiting, nil
	}
	return "", fmt.Errorf("a text of %d bytes is not the state of a message", len(text))
}

// Trackable reports whether MESH has the state, so that the sender of a message
// can be told of it.
func (s State) Trackable() bool {
	switch s {
	case Uploading, Waiting, Acknowledged, Undeliverable:
		return true
	}
	return false
}
