package store

import (
	"strings"
	"sync"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
)

// Refused is a refused request, kept for a while so that its sender can be told the
// reason. It holds no patient data: diagnostics never do.
type Refused struct {
	N           int64 // the store's number: rises with time
	At          time.Time
	Action      audit.Action
	ASID        nhs.ASID
	ODS         nhs.ODSCode
	Certificate string // subject name
	Status      int    // HTTP status
	Code        string // Spine code of the first issue
	EventType   string // "" where it was not read
	MessageID   string // MessageHeader.id, "" where it was not read
	Reason      string // the diagnostics of the issues, one a line
}

// RefusedQuery selects a page of refusals, the newest first.
type RefusedQuery struct {
	Before    int64 // exclusive N; 0 begins with the newest
	Since     time.Time
	ASID      nhs.ASID
	Code      string
	MessageID string
	Max       int
}

const (
	// maxRefused is how many refusals may wait to be kept. Any more are only
	// recorded in the audit, so that a flood of refusals does not overload the disk.
	maxRefused = 256
	// shareRefused is the limit for one system, so that the refusals of others are kept too.
	shareRefused = maxRefused / 4
	// MostReason is how many bytes of a Reason are kept.
	MostReason = 4 << 10
)

// Refusals are the refused requests that wait to be kept. It is safe for concurrent use.
type Refusals struct {
	mu      sync.Mutex
	waiting []Refused
	of      map[nhs.ASID]int // how many are waiting, by system
	some    chan struct{}    // holds an element when something waits
}

// NewRefusals returns empty Refusals.
func NewRefusals() *Refusals { return &Refusals{of: map[nhs.ASID]int{}, some: make(chan struct{}, 1)} }

// Add has a refusal kept soon, unless very many are waiting.
func (r *Refusals) Add(one Refused) {
	if len(one.Reason) > MostReason {
		one.Reason = strings.ToValidUTF8(one.Reason[:MostReason], "")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) >= maxRefused || r.of[one.ASID] >= shareRefused {
		return
	}
	r.waiting = append(r.waiting, one)
	r.of[one.ASID]++
	select {
	case r.some <- struct{}{}:
	default: // it has been signalled already
	}
}

// Some returns the channel that signals waiting refusals.
func (r *Refusals) Some() <-chan struct{} { return r.some }

// Take returns the waiting refusals.
func (r *Refusals) Take() []Refused {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.waiting
	r.waiting = nil
	clear(r.of)
	return out
}
