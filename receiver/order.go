package receiver

import (
	"strconv"
	"time"
)

// Order says how an event relates to the newest finished event of its sequence
// (see the package's documentation).
type Order string

const (
	// Unordered: the event cannot be compared. The message has neither a readable
	// time nor a number, or names no patient, or is a birth, of which a mother may
	// have several.
	Unordered Order = "unordered"
	// First: no event of its sequence is remembered.
	First Order = "first"
	// Next: the event is newer than all that were handled.
	Next Order = "next"
	// Gap: the event is newer, but its sequence number skips some. Those events
	// are late, lost, or did not match a subscription. Gap does not occur
	// between events about a thing, because numbers count all events of a
	// patient.
	Gap Order = "gap"
	// Same: the event is neither older nor newer than the newest, but it is another message.
	Same Order = "same"
	// Stale: the event is older than the newest that was handled. Overwriting with
	// it would undo something newer, so it is not handed over unless
	// Config.EveryVersion says so. Some events are compared with events about other
	// things of their patient (see the package's documentation). For those, Stale
	// only says that another thing changed later.
	Stale Order = "stale"
)

// Point is a message's place in its sequence. The zero value means no place.
type Point struct {
	// Time is MessageHeader.meta.lastUpdated: when the change occurred in the
	// publishing system. It is zero when absent or unreadable.
	Time time.Time
	// Number is MessageHeader.meta.versionId: the publisher's count of events
	// of one type for one patient. It is 0 when absent or not a positive
	// integer.
	Number int64
}

// IsZero reports whether the point has neither time nor number.
func (p Point) IsZero() bool { return p.Time.IsZero() && p.Number == 0 }

func newPoint(lastUpdated, versionID string) Point {
	var p Point
	if at, err := time.Parse(time.RFC3339Nano, lastUpdated); err == nil && at.After(time.Time{}) {
		p.Time = at
	}
	if n, err := strconv.ParseInt(versionID, 10, 64); err == nil && n > 0 {
		p.Number = n
	}
	return p
}

// compare orders p against the newest point of its sequence. Times decide.
// Numbers are only a hint: they decide between equal times and where a time is
// missing, and they show that events were skipped.
func (p Point) compare(newest Point) Order {
	numbered := p.Number > 0 && newest.Number > 0
	if p.Time.IsZero() || newest.Time.IsZero() || p.Time.Equal(newest.Time) {
		switch {
		case numbered && p.Number < newest.Number:
			return Stale
		case numbered && p.Number > newest.Number+1:
			return Gap
		case numbered && p.Number > newest.Number:
			return Next
		case numbered, !p.Time.IsZero() && !newest.Time.IsZero():
			return Same
		}
		return Unordered
	}
	switch {
	case p.Time.Before(newest.Time):
		return Stale
	case numbered && p.Number > newest.Number+1:
		return Gap
	}
	return Next
}
