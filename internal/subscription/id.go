package subscription

import (
	"crypto/rand"
	"time"
)

// NewID issues an id: a UUID of version 7 (RFC 9562, section 5.7) with the
// timestamp at, to the millisecond. Ids issued in the same millisecond have no
// order.
func NewID(at time.Time) ID {
	var id ID
	// Since Go 1.24 rand.Read never returns an error: on a machine without
	// randomness it ends the program instead.
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

// IsZero reports whether the id is zero, which no subscription has.
func (id ID) IsZero() bool { return id == ID{} }
