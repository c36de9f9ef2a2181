package store

import (
	"time"

	"nems/internal/subscription"
)

// Counting is how far a subscription has counted its events. Numbers begin at 1,
// have no gaps, and are never given twice within an epoch.
type Counting struct {
	Epoch   uint32 // changes when a backup was restored: later numbers may have stood for other events
	First   uint64 // the oldest that is kept; 0 if none is
	Last    uint64 // 0: nothing was counted yet
	Changed time.Time
}

// Numbered is an event that a subscription has counted.
type Numbered struct {
	Number  uint64
	Event   EventID
	Mailbox int64 // row of the mailbox or endpoint that it was for
	At      time.Time
}

// Advance says that a subscription has counted.
type Advance struct {
	Subscription subscription.ID
	Epoch        uint32
	Last         uint64
}

// MostNumbered is how many copies are numbered at once.
const MostNumbered = 100
