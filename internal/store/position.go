package store

import (
	"strconv"
	"strings"
	"time"
)

// PositionAt is the first position of a moment.
func PositionAt(t time.Time) EventID { return EventID(t.UnixMicro() << 12) }

// FirstPosition is the first position at or after a moment, 0 for the zero time.
func FirstPosition(t time.Time) EventID {
	if t.IsZero() {
		return 0
	}
	return PositionAt(t)
}

// DeliveryID names one copy of an event: opaque to others, the same whenever
// it is sent (Mex-LocalID).
func DeliveryID(p EventID, mailbox int64) string {
	return strconv.FormatInt(int64(p), 36) + "-" + strconv.FormatInt(mailbox, 36)
}

// ParseDeliveryID is the inverse of DeliveryID, with or without a round.
func ParseDeliveryID(id string) (position EventID, mailbox int64, ok bool) {
	parts := strings.Split(id, "-")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, 0, false
	}
	p, err := strconv.ParseInt(parts[0], 36, 64)
	m, err2 := strconv.ParseInt(parts[1], 36, 64)
	return EventID(p), m, err == nil && err2 == nil && p > 0 && m > 0
}
