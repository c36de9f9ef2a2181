package receiver

import (
	"strconv"
	"time"
)

// Order says how an event relates to the newest one handled of its sequence:
// the same source system, patient and event type ("Event Message Sequencing").
// A sequence may concern several things of one patient, two vaccinations for
// instance: Stale then says that another thing changed later.
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
	// or did not match a subscription.
	Gap Order = "gap"
	// Same: neither older nor newer than the newest, but another message.
	Same Order = "same"
	// Stale: older than the newest that was handled. Overwriting with it would
	// undo what is newer.
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

// compare places p against the newest point of its sequence. Numbers decide
// where both have one, since clocks repeat themselves and step back; times
// decide between equal numbers, and where a number is missing.
func (p Point) compare(newest Point) Order {
	if p.Number > 0 && newest.Number > 0 && p.Number != newest.Number {
		switch {
		case p.Number < newest.Number:
			return Stale
		case p.Number > newest.Number+1:
			return Gap
		}
		return Next
	}
	if p.Time.IsZero() || newest.Time.IsZero() {
		if p.Number > 0 && newest.Number > 0 {
			return Same
		}
		return Unordered
	}
	switch p.Time.Compare(newest.Time) {
	case -1:
		return Stale
	case 1:
		return Next
	}
	return Same
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
