package store

import "time"

// CountUnit is the span of time that one bar of counts is about. Its number is what
// tables hold.
type CountUnit int

// The units.
const (
	PerMinute CountUnit = 1
	PerHour   CountUnit = 2
	PerDay    CountUnit = 3 // of UTC
)

// CountUnits lists the units, the shortest first.
var CountUnits = []CountUnit{PerMinute, PerHour, PerDay}

// Span is how long a unit is.
func (u CountUnit) Span() time.Duration {
	switch u {
	case PerHour:
		return time.Hour
	case PerDay:
		return 24 * time.Hour
	}
	return time.Minute
}

// Start is when the unit began that a moment is in.
func (u CountUnit) Start(t time.Time) time.Time {
	span := u.Span().Microseconds()
	at := t.UnixMicro()
	return time.UnixMicro(at - (at%span+span)%span).UTC()
}

// Life is for how long bars of a unit are kept.
func (u CountUnit) Life() time.Duration {
	switch u {
	case PerHour:
		return 90 * 24 * time.Hour
	case PerDay:
		return 3 * 366 * 24 * time.Hour
	}
	return 7 * 24 * time.Hour
}

// Counted is how much happened in a unit of time.
type Counted struct {
	At        time.Time // its beginning
	Published int64     // events accepted
	Refused   int64     // publishes refused, as far as refusals are kept
	Matched   int64     // events with a copy
	Copies    int64
	Collected int64 // copies acknowledged here, or taken by a remote MESH
}

// Add adds what another count has.
func (c *Counted) Add(o Counted) { c.add(o, 1) }

// Less returns what a count has beyond another.
func (c Counted) Less(o Counted) Counted {
	c.add(o, -1)
	return c
}

func (c *Counted) add(o Counted, sign int64) {
	c.Published += sign * o.Published
	c.Refused += sign * o.Refused
	c.Matched += sign * o.Matched
	c.Copies += sign * o.Copies
	c.Collected += sign * o.Collected
}

// Counts are the bars of a span of time, in its order; units in which nothing
// happened are missing.
type Counts struct {
	Bars []Counted
	// Short: so much has happened of late that the newest bars do not have it all yet.
	Short bool
}
