package store

import (
	"time"

	"nems/internal/nhs"
)

// Overview is the state of the service at one moment, for people to look at.
// It holds nothing about patients.
type Overview struct {
	Events        int64 // kept
	Subscriptions int64 // that have not ended
	Waiting       int64 // copies and messages not yet collected
	Latest        []EventSummary
	Mailboxes     []MailboxSummary
}

// EventSummary is one accepted event.
type EventSummary struct {
	Event     EventID
	At        time.Time // of its acceptance
	Code      string
	Kind      string
	Publisher nhs.ASID
	Copies    int
	Withheld  bool // the patient's record is flagged: nothing flows
}

// MailboxSummary is one mailbox and what waits in it.
type MailboxSummary struct {
	ID      string
	Name    string
	ODS     nhs.ODSCode
	Remote  bool
	Waiting int64
	Oldest  time.Time // zero when nothing waits
}
