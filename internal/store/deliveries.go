package store

import (
	"errors"
	"slices"
	"strconv"
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

// LongestPause is the longest that a lane is released for. One that is due later
// than that was released by a clock that has been set back since: it is due, or
// nothing would be sent until the clock is there again.
const LongestPause = time.Hour

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

// Delivery is one copy of one event for one mailbox.
type Delivery struct {
	// ID names it to people and to the MESH (Mex-LocalID): opaque, the same for
	// every repeat of a send; another one when an operator has it sent anew.
	ID            string
	Event         EventID
	Accepted      time.Time // when the event was accepted
	Mailbox       int64
	MailboxID     string
	Code          string // event code
	Workflow      string
	Size          int64
	PartnerID     string
	Subscriptions []subscription.ID // that asked for it

	State State
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

// DeliveryColumns are what a row holds otherwise than a Delivery has it.
type DeliveryColumns struct {
	Asked []byte // the ids of the subscriptions, one after the other
	Round int64  // how often it was sent anew
	At    int64  // of a state other than Waiting, in microseconds
	Fault []byte
}

// Complete fills in what follows from the columns and the fields that are set,
// Accepted among them.
func (d *Delivery) Complete(c DeliveryColumns) error {
	for asked := c.Asked; len(asked) >= 16; asked = asked[16:] {
		d.Subscriptions = append(d.Subscriptions, subscription.ID(asked[:16]))
	}
	if d.At = d.Accepted; d.State != Waiting {
		d.At = time.UnixMicro(c.At).UTC()
	}
	if d.ID = DeliveryID(d.Event, d.Mailbox); c.Round > 0 {
		d.ID += "-" + strconv.FormatInt(c.Round, 36)
	}
	f, err := unpackFault(c.Fault)
	d.ErrorCode, d.ErrorEvent, d.ErrorText = f.ErrorCode, f.ErrorEvent, f.ErrorText
	return err
}

// Move is what an operator does to a delivery that is in one of the states From.
type Move struct {
	From []State
	To   State
	Anew bool // under another id: the MESH knows the earlier one
}

// Takes tells whether the move is for a delivery in a state.
func (m Move) Takes(s State) bool { return slices.Contains(m.From, s) }

// The moves. To Waiting it goes at once, with its attempts counted anew.
var (
	Retry  = Move{From: []State{Parked}, To: Waiting}
	Park   = Move{From: []State{Waiting}, To: Parked}
	Resend = Move{From: []State{Sent, Acknowledged, Undeliverable}, To: Waiting, Anew: true}
)

// DeliveryReport is what a MESH reported of a message that it had accepted.
type DeliveryReport struct {
	LinkedID string // MESH's message id of what was sent
	LocalID  string // ours
	At       time.Time

	ErrorCode, ErrorEvent, ErrorText string
}

// DeepestBacklog is up to where what waits for a remote mailbox is counted.
const DeepestBacklog = 10_000

// Backlog is what waits for one remote mailbox.
type Backlog struct {
	MailboxID string
	Waiting   int64     // DeepestBacklog means that or more
	Oldest    time.Time // zero when nothing waits
	Parked    int64
}

// ParkedHere is how many copies for a hosted mailbox wait for an operator.
type ParkedHere struct {
	MailboxID string
	Copies    int64
}

// Uncollected is what a hosted mailbox has not collected.
type Uncollected struct {
	MailboxID string
	Oldest    time.Time // when the first of it was accepted
}
