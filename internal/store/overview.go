package store

import (
	"time"

	"nems/internal/nhs"
)

// Overview is the state of the service at one moment, for people to look at. It
// holds nothing about patients. No part of it is made by counting a table.
type Overview struct {
	Events        Figure // kept
	Subscriptions Figure // that have not ended
	Waiting       Figure // copies and messages not yet collected from Mailboxes
	Latest        []EventSummary
	Mailboxes     []MailboxSummary // the first MostBoxes
	MoreMailboxes bool
}

// The limits of an overview: it looks at MostBoxes mailboxes, and at
// MostWaiting of the waiting messages in each.
const (
	MostBoxes   = 100
	MostWaiting = 500
)

// Figure is a number of things, as far as it is known without counting all of
// them.
type Figure struct {
	N       int64
	About   bool // an estimate
	AtLeast bool // there may be more
}

// EventSummary is one accepted event.
type EventSummary struct {
	Event     EventID
	At        time.Time // of its acceptance
	Code      string
	Kind      string
	Publisher nhs.ASID
	Copies    int
	Withheld  bool // the patient's record is flagged: nothing is delivered
}

// MailboxSummary is one mailbox and what waits in it.
type MailboxSummary struct {
	ID      string
	Name    string
	ODS     nhs.ODSCode
	Remote  bool
	Waiting Figure
	Oldest  time.Time // zero when nothing waits
}

// List puts mailboxes on the overview, and adds up what waits in them. The
// caller reads one more than MostBoxes if there is one.
func (o *Overview) List(boxes []MailboxSummary) {
	o.MoreMailboxes = len(boxes) > MostBoxes
	o.Mailboxes = boxes[:min(len(boxes), MostBoxes)]
	o.Waiting = Figure{AtLeast: o.MoreMailboxes}
	for i := range o.Mailboxes {
		w := &o.Mailboxes[i].Waiting
		if w.AtLeast = w.N > MostWaiting; w.AtLeast {
			w.N = MostWaiting
		}
		o.Waiting.N += w.N
		o.Waiting.AtLeast = o.Waiting.AtLeast || w.AtLeast
	}
}
