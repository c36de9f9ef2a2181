package receiver

import (
	"strconv"
	"time"
)

// Order says how an event relates to the newest one finished of its sequence (see
// the package's documentation).
type Order string

const (
	// Unordered: the message carries neither a time nor a number that can be
	// read, or names no patient, or is a birth, of which a mother may have several.
	Unordered Order = "unordered"
	// First: nothing of its sequence is remembered.
	First Order = "first"
	// Next: newer than all that was handled.
	Next Order = "next"
	// Gap: newer, but its sequence number leaves some out. They are late, lost,
	// or did not match a subscription. Not between events about a thing: numbers
	// count all events of a patient.
	Gap Order = "gap"
	// Same: neither older nor newer than the newest, but another message.
	Same Order = "same"
	// Stale: older than the newest that was handled. Overwriting with it would
	// undo what is newer: it is not handed over, unless Config.EveryVersion says so.
	// Of events that are compared with those about other things of their patient,
	// it only says that another one changed later.
	Stale Order = "stale"
)

// Point is a message's place in its sequence. The zero value is no place.
type Point struct {
	// Time is MessageHeader.meta.lastUpdated: when the change occurred in the
	// publishing system; zero when absent or unreadable.
	Time time.Time
	// Number is MessageHeader.meta.versionId: the publisher's count of events
	// of one type for one patient; 0 when absent or not a positive integer.
	Number int64
}

// IsZero reports whether the point says nothing.
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

// compare places p against the newest point of its sequence. Times decide;
// numbers are a hint: between equal times, where a time is missing, and for
// telling that something is left out.
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
