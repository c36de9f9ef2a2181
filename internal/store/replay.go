package store

import (
	"fmt"
	"strconv"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/subscription"
)

// ReplayState is how far a replay has come. The words are those of Amazon
// EventBridge (API_Replay), and PAUSED.
type ReplayState string

// The states: a closed set.
const (
	ReplayStarting   ReplayState = "STARTING" // what there is to be sent is being counted
	ReplayRunning    ReplayState = "RUNNING"
	ReplayPaused     ReplayState = "PAUSED"
	ReplayCancelling ReplayState = "CANCELLING"
	ReplayCompleted  ReplayState = "COMPLETED"
	ReplayCancelled  ReplayState = "CANCELLED"
	ReplayFailed     ReplayState = "FAILED"
)

// Over reports whether nothing more happens in a state.
func (s ReplayState) Over() bool {
	return s == ReplayCompleted || s == ReplayCancelled || s == ReplayFailed
}

// ReplayMode says which copies of the range are sent.
type ReplayMode string

// The modes: a closed set.
const (
	ReplayAll    ReplayMode = "all"
	ReplayLatest ReplayMode = "latest" // of each thing the newest event alone
)

// ReplayCounts say what became of the copies of a range.
type ReplayCounts struct {
	Of       int64 // copies that there were to look at
	Sent     int64 // given to the mailbox again
	Withheld int64 // then, or because the patient's record is flagged today
	Expired  int64 // retention has removed the message
	Passed   int64 // still waiting, parked, superseded by a later event, or no longer to be had
}

// Add adds other counts, except Of.
func (c *ReplayCounts) Add(o ReplayCounts) {
	c.Sent, c.Withheld, c.Expired, c.Passed = c.Sent+o.Sent, c.Withheld+o.Withheld, c.Expired+o.Expired, c.Passed+o.Passed
}

// Replay gives a subscription's copies to its mailbox again, or to another
// mailbox of its owner: those of the events in [First, Mark], oldest first.
type Replay struct {
	ID           string
	Subscription subscription.ID
	ODS          nhs.ODSCode
	Source       int64 // row of the mailbox that had the copies
	Target       int64 // row of the mailbox that gets them
	First, Mark  EventID
	Cursor       EventID // what is not later has been looked at
	Mode         ReplayMode
	State        ReplayState
	Rate         int  // copies a second, at most
	Earlier      bool // events from before the subscription's start too, by an operator's grant
	Counts       ReplayCounts
	Basis        string // why it may be done
	Who          string // asked for it
	Began, Ended time.Time
	Reason       string // why it failed

	Owner      string // whose claim it is
	Generation int64
}

// Told says for the audit what became of it.
func (r *Replay) Told() string {
	c, state := &r.Counts, string(r.State)
	if r.Reason != "" {
		state += " (" + r.Reason + ")"
	}
	return fmt.Sprintf("%s: %d of %d sent, %d withheld, %d expired, %d passed over; basis: %s", state, c.Sent, c.Of, c.Withheld, c.Expired, c.Passed, r.Basis)
}

// ReplayID writes a replay's number for people; "" for 0.
func ReplayID(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 36)
}

// ParseReplayID reads what ReplayID wrote; 0 for anything else.
func ParseReplayID(id string) int64 {
	n, err := strconv.ParseInt(id, 36, 64)
	if err != nil || n < 0 || ReplayID(n) != id {
		return 0
	}
	return n
}

// ReplayingError says that a subscription has a replay that is not over. Nothing
// was stored.
type ReplayingError struct{ ID string }

func (e *ReplayingError) Error() string {
	return fmt.Sprintf("the replay %s of this subscription is not over", e.ID)
}

// ReplayCopy is one copy that a replay looks at.
type ReplayCopy struct {
	Event    EventID
	Code     string
	Workflow string
	State    State
	// Patient is Event.Patient: nil for an event accepted by a version of this
	// program that did not record it.
	Patient *nhs.NHSNumber
	Lost    bool // retention has removed the event
	// Anew: where the target has no copy of the event, it gets one.
	Anew bool
}

// ReplayPage is what a replay looks at next.
type ReplayPage struct {
	Copies []ReplayCopy
	Cursor EventID // up to where it has looked
	End    bool    // nothing more follows
}

// ReplayStep is what a replay does in one transaction.
type ReplayStep struct {
	Cursor EventID      // moves here
	Move   []ReplayCopy // are given to the target again, as far as they are in a state for it
	Counts ReplayCounts // what else the step has seen; Of is set if it is not 0
	State  ReplayState  // "" stays as it is
	Reason string
	At     time.Time    // of its end
	Entry  *audit.Entry // of its end; Replay.Told becomes its reason
}

// ReplayChange is what somebody changes on a replay that is not over.
type ReplayChange struct {
	From []ReplayState
	To   ReplayState // "" stays as it is
	Rate int         // 0 stays as it is
}

// NumberedSpan is where some numbered events lie.
type NumberedSpan struct {
	Least       uint64  // the smallest of the numbers; 0 if there is none
	First, Last EventID // the earliest and the latest of the events
}
