package receiver

import (
	"strconv"
	"time"
)

// Order says how an event relates to the newest one handled of its sequence:
// the events about the same thing, by the identifier of their focus, or, where
// it has none, those of the same source system, patient and event type ("Event
// Message Sequencing"). Of the same patient several things may change: without an
// identifier Stale only says that another one changed later.
type Order string

const (
	// Unordered: the message carries neither a time nor a number that can be
	// read, or names no patient.
	Unordered Order = "unordered"
	// First: nothing of its sequence is remembered.
	First Order = "first"
	// Next: newer than all that was handled.
	Next Order = "next"
	// Gap: newer, but its sequence number leaves some out. They are late, lost,
	// or did not match a subscription. Only where there is no identifier: numbers
	// count all events of a patient, not those of a thing.
	Gap Order = "gap"
	// Same: neither older nor newer than the newest, but another message.
	Same Order = "same"
	// Stale: older than the newest that was handled. Overwriting with it would
	// undo what is newer. About the same thing it is not handed over, unless
	// Config.EveryVersion says so.
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

// merge is the newest of two points, part by part: a sequence whose messages
// carry now one, now the other keeps both.
func (p Point) merge(q Point) Point {
	if q.Time.After(p.Time) {
		p.Time = q.Time
	}
	p.Number = max(p.Number, q.Number)
	return p
}
