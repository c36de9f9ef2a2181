package subscription

import (
	"crypto/rand"
	"time"
)

// NewID issues an id: a UUID of version 7 (RFC 9562, section 5.7) whose
// timestamp is at, to the millisecond. Ids issued in the same millisecond have
// no order among themselves.
func NewID(at time.Time) ID {
	var id ID
	// Since Go 1.24 rand.Read never returns an error: a machine without
	// randomness ends the program instead.
	_, _ = rand.Read(id[6:])
	ms := uint64(at.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	id[6] = id[6]&0x0f | 0x70 // version 7
	id[8] = id[8]&0x3f | 0x80 // variant of RFC 9562
	return id
}

// Time returns the moment in the id, to the millisecond.
func (id ID) Time() time.Time {
	var ms int64
	for _, b := range id[:6] {
		ms = ms<<8 | int64(b)
	}
	return time.UnixMilli(ms).UTC()
}

// IsZero reports whether this is the id of no subscription.
func (id ID) IsZero() bool { return id == ID{} }
