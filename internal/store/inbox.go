package store

import (
	"time"

	"nems/internal/nhs"
)

// MessageType tells data from reports (MESH API, mex-messagetype).
type MessageType string

// The message types.
const (
	Data   MessageType = "DATA"
	Report MessageType = "REPORT"
)

// MessageStatus is the state of a MESH message, as its sender can track it.
type MessageStatus string

// The states of a message.
const (
	Uploading     MessageStatus = "uploading" // chunks are still missing
	Accepted      MessageStatus = "accepted"  // waits in the recipient's inbox
	Acknowledged  MessageStatus = "acknowledged"
	Undeliverable MessageStatus = "undeliverable" // expired or refused; a report went back
)

// Message is one message in a mailbox: the copy of an event, something that
// another mailbox sent, or a report. Position orders a mailbox and, with the
// mailbox, identifies the message; the MESH message id is derived from it.
type Message struct {
	Position  EventID
	Mailbox   int64 // row of the recipient
	Sender    string
	Recipient string
	Workflow  string
	Type      MessageType
	Status    MessageStatus
	StatusAt  time.Time
	// LocalID, PartnerID, Subject, FileName and the rest are the mex- headers
	// of the send, "" when absent. For an event's copy the store fills them.
	LocalID         string
	PartnerID       string
	Subject         string
	FileName        string
	ContentType     string
	ContentEncoding string
	Checksum        string
	Compressed      bool
	Encrypted       bool
	SenderODS       nhs.ODSCode
	RecipientODS    nhs.ODSCode
	Chunks          int   // at least 1
	Size            int64 // bytes over all chunks, as sent
	Expires         time.Time
	// Linked, ErrorCode, ErrorEvent and ErrorText are set on reports and on
	// messages that could not be delivered.
	LinkedID   string
	ErrorCode  string
	ErrorEvent string
	ErrorText  string
	// EventCode is set for the copy of an event; the body then lies with the
	// event and is checked against its SHA-256 before it is handed out.
	EventCode string
}

// InboxQuery selects a page of a mailbox's unread messages, oldest first.
type InboxQuery struct {
	Mailbox int64
	After   EventID // exclusive; 0 from the start
	Max     int
	// Workflow keeps only what it says true to; nil keeps all.
	Workflow func(workflow string) bool
}

// Workflow names the mailboxes that may send and receive a workflow id.
type Workflow struct {
	ID        string
	Senders   []string
	Receivers []string
}
