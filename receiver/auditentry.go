package receiver

import (
	"strings"
	"time"

	visible "nems/internal/plain"
)

// Step says what happened to a message.
type Step string

// The steps. Each message has Received first, and one of the others when its
// handling is over. After a crash some steps appear twice.
const (
	Received  Step = "received"  // downloaded and read; Why says what is wrong with it
	Processed Step = "processed" // the Handler returned nil
	Discarded Step = "discarded" // not handed over, ignored or set aside; Why says why
	LeftThere Step = "left"      // still in the mailbox; Why says why
	Noted     Step = "noted"     // what the receiving system reports about its use
)

// Entry is one line of the audit. It holds ids and digests but no patient's data,
// so it can be passed on without the folder's key.
type Entry struct {
	At         time.Time `json:"at"`
	Step       Step      `json:"step"`
	Outcome    Outcome   `json:"outcome,omitempty"` // of Processed, Discarded and LeftThere
	MeshID     string    `json:"meshId"`
	From       string    `json:"from,omitempty"` // sending mailbox
	WorkflowID string    `json:"workflowId,omitempty"`
	Content    Kind      `json:"content,omitempty"` // event, report, or other: unreadable
	Event      string    `json:"event,omitempty"`   // event code
	Kind       string    `json:"kind,omitempty"`    // new, update or delete
	MessageID  string    `json:"messageId,omitempty"`
	Patient    string    `json:"patient,omitempty"` // AuditReader.Patient of the NHS number
	Thing      string    `json:"thing,omitempty"`   // AuditReader.Thing of the focus' identifier
	Order      Order     `json:"order,omitempty"`
	Effect     Effect    `json:"effect,omitempty"`
	Earlier    string    `json:"earlier,omitempty"` // message id of what is replaced, withdrawn, or newer
	Attempt    int       `json:"attempt,omitempty"`
	Why        string    `json:"why,omitempty"`
	Who        string    `json:"who,omitempty"` // Noted: the person or system
}

func entryOf(m Message, step Step) Entry {
	e := Entry{
		Step: step, MeshID: m.ID, From: m.From, WorkflowID: m.WorkflowID, Content: m.Kind,
		Event: m.Facts.Code, Kind: m.Facts.Kind, MessageID: m.Facts.MessageID,
		Effect: m.Effect(), Earlier: m.Earlier.MessageID, Attempt: m.Attempt,
	}
	if m.Kind == Event {
		e.Order = m.Order
	}
	return e
}

// The sender of a message chooses some of the texts, so their lengths are limited.
const (
	longestID  = 200
	longestWhy = 2000
)

// bound limits an entry to a few kilobytes.
func (e *Entry) bound() {
	for _, text := range []*string{&e.MeshID, &e.From, &e.WorkflowID, &e.Event, &e.Kind, &e.MessageID, &e.Earlier, &e.Who} {
		*text = plain(*text, longestID)
	}
	e.Why = plain(e.Why, longestWhy)
}

// plain makes a text from outside into one line of at most so many bytes.
// (errors.Join puts each error on its own line.)
func plain(text string, longest int) string {
	return visible.Short(strings.ReplaceAll(text, "\n", " "), longest+len("…"))
}
