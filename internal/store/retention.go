package store

import (
	"slices"
	"time"
)

// TypeRetention says how long the delivered events of a type are kept, where that is
// shorter than for all.
type TypeRetention struct {
	Code string // event code
	Kept time.Duration
}

// RetentionRules are the rules of a service.
type RetentionRules struct {
	General time.Duration
	Types   []TypeRetention // by code
}

// Of is how long events of a type are kept.
func (r RetentionRules) Of(code string) time.Duration {
	if i := slices.IndexFunc(r.Types, func(t TypeRetention) bool { return t.Code == code }); i >= 0 {
		return min(r.Types[i].Kept, r.General)
	}
	return r.General
}

// Purged is what retention has removed of a type.
type Purged struct {
	Code string
	// Events with their copies and the bytes of their messages that were removed, the
	// newest of them UpTo, since the last entry of the audit; Since is when that began.
	Events, Copies, Bytes int64
	UpTo                  EventID
	Since                 time.Time
	// Noted is when the last entry of the audit was written; Told is its object. Zero
	// before the first.
	Noted time.Time
	Told  string
}

// KeptEvents is what a walk over the oldest events has found.
type KeptEvents struct {
	Types []KeptType
	Next  EventID // after which to go on; 0 at the end
}

// KeptType is what the walk has found of one type.
type KeptType struct {
	Code   string
	Oldest EventID
	// Overdue are the events whose time has come and that are there still.
	Overdue []EventID
}
