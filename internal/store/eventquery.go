package store

import (
	"time"

	"nems/internal/nhs"
)

// EventOutcome is what became of an event when it was routed. Its text is what
// operators read.
type EventOutcome string

// The outcomes: a closed set.
const (
	EventMatched       EventOutcome = "matched"       // some mailbox has a copy
	EventUnmatched     EventOutcome = "unmatched"     // no subscription asked for it
	EventWithheld      EventOutcome = "withheld"      // the patient's record is flagged: nothing flows
	EventWaiting       EventOutcome = "waiting"       // for the patient directory
	EventUndeliverable EventOutcome = "undeliverable" // it waited, and the directory does not know its patient
)

// EventOutcomes lists all of them.
var EventOutcomes = []EventOutcome{EventMatched, EventUnmatched, EventWithheld, EventWaiting, EventUndeliverable}

// EventQuery selects a page of events, the newest first. Fields that are zero do
// not filter.
type EventQuery struct {
	Before   EventID // exclusive; 0 begins with the newest
	From, To time.Time
	Event    EventID   // this one
	Events   []EventID // some of these; nil: any
	Code     string
	Kind     string
	// Publishers: one of these; nil: any.
	Publishers []nhs.ASID
	MessageID  string // MessageHeader.id, in whichever letters
	Mailbox    string // with a copy for this mailbox, as far as copies are filed
	Outcome    EventOutcome
	Max        int // how many events are returned
	Effort     int // how many are looked at
}

// FoundEvent is an event that a query has selected. It holds nothing about a
// patient.
type FoundEvent struct {
	Event     EventID
	At        time.Time // of acceptance
	Code      string
	Kind      string
	Publisher nhs.ASID
	MessageID string
	Outcome   EventOutcome
	Copies    int64
}

// EventPage is a page of events. Next is where the next page begins; 0 on the
// last one. A page that has looked at enough events ends early.
type EventPage struct {
	Found []FoundEvent
	Next  EventID
}
