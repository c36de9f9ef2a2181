package store

import (
	"errors"
	"time"

	"nems/internal/subscription"
)

// ErrClaimLost: another node has taken over the lane, or an operator has moved
// the delivery. Nothing was stored.
var ErrClaimLost = errors.New("the claim is lost")

// MostUncertain is how many deliveries of a lane become Uncertain when its claim
// has lapsed. One of them may be on its way: not always the oldest, since older
// ones are filed late after a deferral, or come back when an operator retries.
const MostUncertain = 128

// Lane is the right to send to one remote mailbox until Expires, by the store's
// clock. A claim that nobody released lapses then, and the next one bears a
// higher generation.
type Lane struct {
	Mailbox    int64
	MailboxID  string
	Owner      string
	Generation int64
	Expires    time.Time
	// Failures counts the attempts in a row that failed, for the backoff.
	Failures int
}

// DeliveryState is what has become of one copy. The texts are stored.
type DeliveryState string

// The states of a delivery.
const (
	Waiting   DeliveryState = "waiting"       // in the inbox here, or for the courier
	Sent      DeliveryState = "sent"          // a remote MESH has it
	Parked    DeliveryState = "parked"        // waits for an operator
	Withheld  DeliveryState = "withheld"      // the patient was flagged after acceptance
	Collected DeliveryState = "acknowledged"  // out of an inbox here
	Undone    DeliveryState = "undeliverable" // not collected in time, or a MESH reported so
)

// Delivery is one copy of one event for one mailbox.
type Delivery struct {
	// ID names it to people and to the MESH (Mex-LocalID): opaque, the same for
	// every repeat of a send; another one when an operator has it sent anew.
	ID            string
	Event         EventID
	Mailbox       int64
	MailboxID     string
	Code          string // event code
	Workflow      string
	Size          int64
	PartnerID     string
	Subscriptions []subscription.ID // that asked for it

	State DeliveryState
	At    time.Time // of the state; of acceptance while it waits
	// Attempts counts sends, Refusals those that the MESH answered with an error
	// of its own making. First is the moment of the first attempt.
	Attempts, Refusals int
	First              time.Time
	// Uncertain: the MESH may have it although nobody said so.
	Uncertain bool
	MESHID    string // the MESH's message id
	// Why it is parked, withheld, undeliverable or still waiting.
	ErrorCode, ErrorEvent, ErrorText string
}

// DeliveryQuery selects deliveries by mailbox and position. Fields that are
// zero do not filter.
type DeliveryQuery struct {
	Mailbox      string
	Subscription subscription.ID
	Event        EventID
	Code         string // event code
	State        DeliveryState
	From, To     time.Time // of acceptance: [From, To)
	// AfterMailbox and AfterEvent continue behind the last one of a page.
	AfterMailbox int64
	AfterEvent   EventID
	Max          int
}

// DeliveryReport is what a MESH reported of a message that it had accepted.
type DeliveryReport struct {
	LinkedID string // MESH's message id of what was sent
	LocalID  string // ours
	At       time.Time

	ErrorCode, ErrorEvent, ErrorText string
}

// Backlog is what waits for one remote mailbox.
type Backlog struct {
	MailboxID string
	Waiting   int64
	Oldest    time.Time // zero when nothing waits
	Parked    int64
}
