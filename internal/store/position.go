package store

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// lastMoment is the latest moment that a position can hold, in 2041.
const lastMoment = math.MaxInt64 >> 12

// PositionAt returns the first position that contains a moment. See Moments for
// the position that belongs to a moment.
func PositionAt(t time.Time) EventID { return EventID(min(t.UnixMicro(), lastMoment) << 12) }

// day is the length of a partition, in microseconds.
const day = int64(24 * time.Hour / time.Microsecond)

// DayOf returns the number of a position's day, in UTC counted from 1970.
func DayOf(p EventID) int64 { return int64(p>>12) / day }

// DayStart returns the first position of a day.
func DayStart(number int64) EventID { return EventID(number * day << 12) }

// DeliveryID identifies one copy of an event. It is opaque to others, and the
// same whenever the copy is sent (Mex-LocalID).
func DeliveryID(p EventID, mailbox int64) string {
	return strconv.FormatInt(int64(p), 36) + "-" + strconv.FormatInt(mailbox, 36)
}

// ParseDeliveryID is the inverse of DeliveryID. It accepts ids with and without a round.
func ParseDeliveryID(id string) (position EventID, mailbox int64, ok bool) {
	parts := strings.Split(id, "-")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, 0, false
	}
	p, err := strconv.ParseInt(parts[0], 36, 64)
	m, err2 := strconv.ParseInt(parts[1], 36, 64)
	return EventID(p), m, err == nil && err2 == nil && p > 0 && m > 0
}
