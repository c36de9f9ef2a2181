package store

import "fmt"

// State is what has become of a message: of the copy of an event, a delivery to
// operators, or of what one mailbox sent to another. Its text is what operators
// read.
type State string

// The states.
const (
	Uploading     State = "uploading"     // chunks of what a mailbox sends are still missing
	Waiting       State = "waiting"       // in the inbox here, or for the courier
	Sent          State = "sent"          // a remote MESH has it
	Parked        State = "parked"        // waits for an operator
	Withheld      State = "withheld"      // the patient was flagged after acceptance
	Acknowledged  State = "acknowledged"  // out of an inbox here
	Undeliverable State = "undeliverable" // expired or refused: a report went back, or came from a remote MESH
)

// DeliveryStates lists the states of the copy of an event.
var DeliveryStates = []State{Waiting, Sent, Parked, Withheld, Acknowledged, Undeliverable}

// accepted is MESH's word for Waiting.
const accepted = "accepted"

// MESHStatus is the state in MESH's words, which mailboxes read and tables hold.
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
	return "", fmt.Errorf("%d bytes are no state of a message", len(text))
}

// Trackable tells whether MESH has the state: the sender of a message can be told
// of it.
func (s State) Trackable() bool {
	switch s {
	case Uploading, Waiting, Acknowledged, Undeliverable:
		return true
	}
	return false
}
