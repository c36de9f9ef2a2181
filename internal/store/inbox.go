package store

import (
	"strconv"
	"time"

	"nems/internal/nhs"
)

// MessageType distinguishes data from reports (MESH API, mex-messagetype).
type MessageType string

// The message types.
const (
	Data   MessageType = "DATA"
	Report MessageType = "REPORT"
)

// Message is one message in a mailbox: the copy of an event, something that
// another mailbox sent, or a report. Position orders the messages of a mailbox
// and, with the mailbox, identifies the message. The MESH message id is derived
// from it. Stores keep some of the fields as JSON under their names.
type Message struct {
	Position  EventID     `json:",omitzero"`
	Sent      time.Time   `json:"-"`         // when it came, by its position
	Mailbox   int64       `json:",omitzero"` // row of the recipient
	Sender    string      `json:",omitzero"`
	Recipient string      `json:",omitzero"`
	Workflow  string      `json:",omitzero"`
	Type      MessageType `json:",omitzero"`
	Status    State       `json:"-"` // kept in a column
	StatusAt  time.Time   `json:",omitzero"`
	// LocalID, PartnerID, Subject, FileName and the rest are the mex- headers
	// of the send, "" when absent. For an event's copy the store fills them.
	LocalID         string      `json:",omitzero"`
	PartnerID       string      `json:",omitzero"`
	Subject         string      `json:",omitzero"`
	FileName        string      `json:",omitzero"`
	ContentType     string      `json:",omitzero"`
	ContentEncoding string      `json:",omitzero"`
	Checksum        string      `json:",omitzero"`
	Compressed      bool        `json:",omitzero"`
	Encrypted       bool        `json:",omitzero"`
	SenderODS       nhs.ODSCode `json:",omitzero"`
	RecipientODS    nhs.ODSCode `json:",omitzero"`
	Chunks          int         `json:",omitzero"` // at least 1
	Size            int64       `json:",omitzero"` // bytes over all chunks, as sent
	Expires         time.Time   `json:",omitzero"`
	// Attributes stand beside the body of what came through a queue, as JSON; ""
	// for none.
	Attributes string `json:",omitzero"`
	// Linked, ErrorCode, ErrorEvent and ErrorText are set on reports and on
	// messages that could not be delivered.
	LinkedID   string `json:",omitzero"`
	ErrorCode  string `json:",omitzero"`
	ErrorEvent string `json:",omitzero"`
	ErrorText  string `json:",omitzero"`
	// EventCode is set for the copy of an event. The body is then stored with
	// the event, and its SHA-256 is checked before it is handed out.
	EventCode string `json:",omitzero"`
	// Replay is Delivery.Replay of an event's copy.
	Replay string `json:"-"`
	// Patient is the patient of the copied event, for the audit. Only DB.Chunk,
	// which reads the event, fills it in. Zero means nobody, or not known.
	Patient nhs.NHSNumber `json:"-"`
}

// Copy is the copy of an event as its row holds it.
type Copy struct {
	Event     EventID
	Code      string // event code
	Workflow  string
	PartnerID string
	Size      int64
	Status    State
	At        int64 // of a status other than Waiting, in microseconds
	Fault     []byte
	Replay    int64 // number of the replay that moved it last
}

// Message returns the copy of an event that was accepted at a moment, as its
// mailbox sees it.
func (c Copy) Message(o *Options, accepted time.Time, to Mailbox) (Message, error) {
	m := Message{
		Position: c.Event, Sent: accepted, Mailbox: to.Row, Sender: o.Sender, Recipient: to.ID, SenderODS: o.SenderODS, RecipientODS: to.ODS,
		EventCode: c.Code, Workflow: c.Workflow, Type: Data, Status: c.Status, StatusAt: accepted,
		LocalID: DeliveryID(c.Event, to.Row), PartnerID: c.PartnerID, ContentType: "application/fhir+xml",
		FileName: c.Code + "_" + strconv.FormatInt(int64(c.Event), 10) + ".xml",
		Chunks:   1, Size: c.Size, Expires: accepted.Add(o.Expiry), Replay: ReplayID(c.Replay),
	}
	if m.Status != Waiting {
		m.StatusAt = time.UnixMicro(c.At).UTC()
	}
	f, err := unpackFault(c.Fault)
	m.LinkedID, m.ErrorCode, m.ErrorEvent, m.ErrorText = f.LinkedID, f.ErrorCode, f.ErrorEvent, f.ErrorText
	return m, err
}

// InboxQuery selects a page of a mailbox's unread messages, oldest first.
type InboxQuery struct {
	Mailbox int64
	After   EventID // exclusive; 0 from the start
	Max     int
}

// Listed is an unread message as a page lists it.
type Listed struct {
	Position EventID
	Workflow string
}
