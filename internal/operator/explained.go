package operator

import (
	"context"
	"fmt"
	"time"

	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Explained says of an event which subscriptions it matches, which it does not, and
// why. It names no patient, but it tells of the patient's age and places.
type Explained struct {
	Event         ExplainedEvent          `json:"event"`
	Subscriptions []ExplainedSubscription `json:"subscriptions"`
	// Next is as in Page.
	Next string `json:"next,omitempty" jsonschema:"the cursor of the next page; it is missing on the last one"`
}

// ExplainedEvent is an event with what it was matched by.
type ExplainedEvent struct {
	Event     int64     `json:"event,omitempty"` // its number; 0 for a message that is not published
	MessageID string    `json:"messageId,omitempty"`
	EventType string    `json:"eventType"`
	Kind      string    `json:"kind"`
	Publisher nhs.ASID  `json:"publisher,omitempty"`
	Accepted  time.Time `json:"accepted"`
	// Facts are as of acceptance.
	Facts []ExplainedFact `json:"facts"`
	// Note is what keeps the event from being matched, or explained in full.
	Note string `json:"note,omitempty"`
}

// ExplainedFact is one thing that criteria can ask for.
type ExplainedFact struct {
	Criterion subscription.Criterion `json:"criterion"`
	Fact      string                 `json:"fact"`
	Name      string                 `json:"name,omitempty"` // of the place, where it is known
}

// ExplainedSubscription is one subscription held against an event.
type ExplainedSubscription struct {
	ID       string              `json:"id"`
	ODS      nhs.ODSCode         `json:"ods,omitempty"`
	Mailbox  string              `json:"mailbox"`
	AsksFor  string              `json:"asksFor,omitempty"` // its criteria as a sentence
	Matched  bool                `json:"matched"`
	Criteria []ExplainedCriteria `json:"criteria"`
	// Copy is the copy of the event that names the subscription, or that its mailbox
	// has for others; zero without one.
	Copy ExplainedCopy `json:"copy,omitzero"`
	Note string        `json:"note,omitempty"`
}

// ExplainedCriteria is one criterion: what is wanted, what was so, and whether that fits.
type ExplainedCriteria struct {
	Criterion subscription.Criterion `json:"criterion"`
	Wanted    string                 `json:"wanted"`
	Fact      string                 `json:"fact"`
	Holds     bool                   `json:"holds"`
}

// ExplainedCopy is what became of the one copy that a mailbox gets of an event.
type ExplainedCopy struct {
	ID     string      `json:"id"` // of the delivery
	State  store.State `json:"state"`
	At     time.Time   `json:"at"` // of the state
	Remote bool        `json:"remote,omitempty"`
	MESHID string      `json:"meshId,omitempty"`
	// Names tells whether the copy names this subscription, and With how many others
	// share it.
	Names bool   `json:"names"`
	With  int    `json:"with,omitempty"`
	Error string `json:"error,omitempty"`
	// Collected is by which client certificate the copy was collected, where the audit
	// has it: "" also without one.
	Collected string `json:"collected,omitempty"`
	Told      string `json:"told"` // all that in a sentence
}

// names are the names of places and event types, as far as the desk knows them.
func (d Desk) names(ctx context.Context) subscription.Names {
	types := d.Types()
	return subscription.Names{
		Place: func(k subscription.RouteKey) string {
			name := d.organisation(ctx, k)
			if name == "" {
				return ""
			}
			return name + " (" + k.Value + ")"
		},
		Event: func(code string) string {
			if t, known := types.Type(code); known {
				return t.Display
			}
			return ""
		},
	}
}

// organisation is the name of a place that is one; "" where it is not known.
func (d Desk) organisation(ctx context.Context, k subscription.RouteKey) string {
	if d.Organisations == nil {
		return ""
	}
	switch k.Kind {
	case subscription.ByPractice, subscription.BySubICBOfGP, subscription.BySubICBPostcode:
		found, err := d.Organisations.Organisation(ctx, nhs.ODSCode(k.Value))
		if err == nil {
			return found.Name
		}
	}
	return ""
}

// The notes about an event that is not matched like others.
const (
	noteWithheld = "The patient's record is flagged: nothing about the patient is delivered."
	noteWaiting  = "The patient directory was away when the event was accepted: it is matched when the directory is back."
	noteNoFacts  = "An earlier version of this program accepted the event and kept nothing of what it was matched by: the criteria about the patient are left out."
)

func (x *explaining) shownEvent(ctx context.Context) ExplainedEvent {
	e := &x.event
	out := ExplainedEvent{Event: int64(e.Event), MessageID: e.MessageID, EventType: e.Code, Kind: e.Kind, Publisher: e.Publisher, Accepted: e.At, Facts: []ExplainedFact{}}
	switch {
	case e.Withheld:
		out.Note = noteWithheld
	case e.Refusal != "":
		out.Note = "The event cannot be matched: " + e.Refusal + "."
	case e.Waiting && x.dry:
		out.Note = "The patient directory is away: the event would be matched when it is back."
	case e.Waiting:
		out.Note = noteWaiting
	case e.Facts == nil:
		out.Note = noteNoFacts
	}
	if e.Facts == nil {
		return out
	}
	for _, f := range e.Facts.InWords() {
		out.Facts = append(out.Facts, ExplainedFact{Criterion: f.Criterion, Fact: f.Value})
	}
	places := 0
	for _, k := range e.Facts.Keys { // in the order of the facts
		if k.Kind != subscription.ByPatient {
			out.Facts[places].Name = x.desk.organisation(ctx, k)
			places++
		}
	}
	return out
}

// told says in a sentence what became of a copy.
func (c *ExplainedCopy) told(mailbox string) string {
	at := c.At.UTC().Format("2006-01-02 15:04:05 UTC")
	reason := ""
	if c.Error != "" {
		reason = ": " + c.Error
	}
	switch c.State {
	case store.Waiting:
		if c.Remote {
			return "waits to be sent to " + mailbox + reason
		}
		return "waits in the mailbox " + mailbox
	case store.Acknowledged:
		if c.Collected == "" {
			return "was collected from the mailbox " + mailbox + " at " + at
		}
		return "was collected from the mailbox " + mailbox + " at " + at + " by " + c.Collected
	case store.Sent:
		return "was sent to " + mailbox + " at " + at
	case store.Parked:
		return "was parked for an operator at " + at + reason
	case store.Withheld:
		if c.Error != "" {
			return "was withheld at " + at + reason
		}
		return "was withheld at " + at + ": the patient was flagged after the event was accepted"
	}
	return fmt.Sprintf("is %s since %s%s", c.State, at, reason)
}
