package store

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"nems/internal/subscription"
)

// SameHash is equal for subscriptions that are duplicates of each other.
func SameHash(s *subscription.Subscription, normal string) int64 {
	sum := sha256.Sum256([]byte(string(s.ODS) + "\x00" + strings.ToUpper(s.Mailbox) + "\x00" + normal))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}
