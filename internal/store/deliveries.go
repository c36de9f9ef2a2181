package store

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"nems/internal/nhs"
	"nems/internal/subscription"
)

// ErrClaimLost says that another node has taken over the lane, or that an
// operator has moved the delivery. Nothing was stored.
var ErrClaimLost = errors.New("the claim is lost")

// MostUncertain is how many deliveries of a lane become Uncertain when its claim
// has lapsed. One of them may be on its way. It is not always the oldest,
// because older deliveries are filed late after a deferral, or come back when an
// operator retries them.
const MostUncertain = 128

// LongestPause is the longest time for which a lane is released. A lane that is
// due later than that was released by a clock that has been set back since. It
// counts as due now; otherwise nothing would be sent until the clock reached
// that time.
const LongestPause = time.Hour

// LongestEndpointPause is LongestPause for endpoints.
const LongestEndpointPause = 25 * time.Hour

// LaneKind says whose lanes are claimed: each channel claims its own.
type LaneKind struct {
	Channel Channel       // of endpoints; "": mailboxes at a remote MESH
	Longest time.Duration // the longest pause
}

// MailboxLanes are the lanes of mailboxes at a remote MESH.
var MailboxLanes = LaneKind{Longest: LongestPause}

// EndpointLanes are the lanes of the endpoints of a channel.
func EndpointLanes(c Channel) LaneKind { return LaneKind{c, LongestEndpointPause} }

// Lane is the right to send to one remote mailbox or endpoint until Expires, by the store's
// clock. A claim that nobody released lapses then, and the next claim has a
// higher generation.
type Lane struct {
	Mailbox    int64
	MailboxID  string
	Owner      string
	Generation int64
	Expires    time.Time
	// Failures counts the failed attempts in a row, for the backoff.
	Failures int
}

// Delivery is one copy of one event for one mailbox.
type Delivery struct {
	// ID identifies the delivery to people and to the MESH (Mex-LocalID). It is
	// opaque, and the same for every repeat of a send. When an operator has the
	// delivery sent anew, it gets another ID.
	ID            string
	Event         EventID
	Accepted      time.Time // when the event was accepted
	Mailbox       int64
	MailboxID     string
	Code          string        // event code
	Patient       nhs.NHSNumber // whom the event is about, once the courier has read it
	Workflow      string
	Size          int64
	PartnerID     string
	Subscriptions []subscription.ID // that selected the event
	Numbers       []uint64          // by which each of those counts it, where copies are numbered

	State State
	At    time.Time // of the state; of acceptance while it waits
	// Attempts counts sends, and Refusals those that the MESH itself answered
	// with an error. First is the moment of the first attempt.
	Attempts, Refusals int
	First              time.Time
	// Uncertain means that the MESH may have it although no answer said so.
	Uncertain bool
	MESHID    string // the MESH's message id
	// Why it is parked, withheld, undeliverable or still waiting.
	ErrorCode, ErrorEvent, ErrorText string
	Tries                            []Attempt // the last ones, where the channel keeps them
	Anew                             bool      // an operator or its subscriber had it sent again
	Replay                           string    // id of the replay that had it sent again, the last one; "" if none had
}

// DeliveryColumns are the parts of a Delivery that its row holds in another form.
type DeliveryColumns struct {
	Asked []byte // the ids of the subscriptions, one after the other
	Round int64  // how often it was sent anew
	At    int64  // of a state other than Waiting, in microseconds
	Fault []byte
	Tries []byte // as PackTries writes them
	// Replay is the number of the replay that moved it last.
	Replay int64
}

// Complete fills in the fields that follow from the columns and from the fields
// that are already set. Accepted must be set.
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
	d.Anew, d.Replay = c.Round > 0, ReplayID(c.Replay)
	if c.Tries != nil {
		if err := json.Unmarshal(c.Tries, &d.Tries); err != nil {
			return err
		}
	}
	f, err := unpackFault(c.Fault)
	d.ErrorCode, d.ErrorEvent, d.ErrorText = f.ErrorCode, f.ErrorEvent, f.ErrorText
	return err
}

// Move is an operator's change to a delivery that is in one of the states From.
type Move struct {
	From []State
	To   State
	Anew bool // under another id, because the MESH knows the earlier one
}

// Takes reports whether the move applies to a delivery in a state.
func (m Move) Takes(s State) bool { return slices.Contains(m.From, s) }

// The moves. A delivery moved to Waiting is due at once, and its attempts are counted from zero.
var (
	Retry  = Move{From: []State{Parked}, To: Waiting}
	Park   = Move{From: []State{Waiting}, To: Parked}
	Resend = Move{From: []State{Sent, Acknowledged, Undeliverable}, To: Waiting, Anew: true}
)

// DeliveryReport is what a MESH reported about a message that it had accepted.
type DeliveryReport struct {
	LinkedID string // MESH's message id of what was sent
	LocalID  string // ours
	At       time.Time

	ErrorCode, ErrorEvent, ErrorText string
}

// DeepestBacklog is the number up to which a remote mailbox's waiting deliveries are counted.
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
	Oldest    time.Time // when the oldest was accepted
}
