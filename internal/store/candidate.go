package store

import (
	"encoding/binary"
	"errors"
	"time"

	"nems/internal/subscription"
)

// candidateVersion is the first byte of a packed candidate.
const candidateVersion = 1

// ErrCandidate says that the route row of a subscription does not hold a packed
// candidate.
var ErrCandidate = errors.New("the route row of the subscription cannot be read")

// The statuses as they are stored.
var (
	statusNumbers = map[subscription.Status]int64{subscription.Requested: 1, subscription.Active: 2, subscription.Off: 3}
	statuses      = [...]subscription.Status{1: subscription.Requested, 2: subscription.Active, 3: subscription.Off, suspended: subscription.Off}
)

// suspended is how the tables hold that a subscription is off for the time being:
// like one that lives it keeps its quota and its place among equal ones.
const suspended = 4

// PackCandidate packs all of a candidate except its id.
func PackCandidate(c subscription.Candidate) []byte {
	b := make([]byte, 0, 48)
	b = append(b, candidateVersion, byte(statusNumbers[c.Status]), byte(c.Registration), byte(c.Key.Kind))
	b = binary.AppendUvarint(b, uint64(c.Mailbox))
	var ends int64
	if !c.End.IsZero() {
		ends = c.End.UnixMicro()
	}
	b = binary.AppendVarint(b, ends)
	b = append(b, byte(len(c.Ages)))
	for _, a := range c.Ages {
		b = append(b, byte(a.Op))
		b = binary.AppendVarint(b, int64(a.Years))
	}
	b = append(b, byte(len(c.Key.Value)))
	b = append(b, c.Key.Value...)
	return append(b, c.Tag...)
}

// UnpackCandidate reads what PackCandidate wrote, or returns ErrCandidate.
func UnpackCandidate(b []byte, c *subscription.Candidate) error {
	if len(b) < 4 || b[0] != candidateVersion || b[1] == 0 || int(b[1]) >= len(statuses) {
		return ErrCandidate
	}
	c.Status, c.Registration, c.Key.Kind = statuses[b[1]], subscription.Registration(b[2]), subscription.Kind(b[3])
	b = b[4:]
	mailbox, n := binary.Uvarint(b)
	if n <= 0 {
		return ErrCandidate
	}
	b = b[n:]
	ends, n := binary.Varint(b)
	if n <= 0 || len(b) == n {
		return ErrCandidate
	}
	ages := int(b[n])
	b = b[n+1:]
	c.Mailbox, c.End, c.Ages = int64(mailbox), time.Time{}, nil
	if ends != 0 {
		c.End = time.UnixMicro(ends).UTC()
	}
	for range ages {
		if len(b) == 0 {
			return ErrCandidate
		}
		years, n := binary.Varint(b[1:])
		if n <= 0 {
			return ErrCandidate
		}
		c.Ages = append(c.Ages, subscription.Age{Op: subscription.AgeOp(b[0]), Years: int(years)})
		b = b[1+n:]
	}
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return ErrCandidate
	}
	c.Key.Value, c.Tag = string(b[1:1+int(b[0])]), string(b[1+int(b[0]):])
	return nil
}

// StatusNumber returns a status as the tables hold it.
func StatusNumber(s subscription.Status) int64 { return statusNumbers[s] }

// SetStatus gives a subscription the status that the tables hold.
func SetStatus(s *subscription.Subscription, n int64) {
	s.Status, s.Suspended = NumberedStatus(n), n == suspended
}

// NumberedStatus is the inverse of StatusNumber. It returns "" for a number without a status.
func NumberedStatus(n int64) subscription.Status {
	if n <= 0 || n >= int64(len(statuses)) {
		return ""
	}
	return statuses[n]
}
