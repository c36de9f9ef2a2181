package store

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/subscription"
)

// Creation is one of several subscriptions that are created in one commit.
type Creation struct {
	Subscription subscription.Subscription
	Audit        audit.Entry
}

// Filing is a subscription as it is filed, with everything that is worked out
// before the commit.
type Filing struct {
	subscription.Subscription
	Normal string // its criteria; equal criteria have the same text
	Hash   int64  // of the route key
	Group  int64  // number of the SearchGroup
	Same   int64  // equal for subscriptions that are duplicates of each other
	Now    time.Time
	Entry  audit.Sealed
}

// File prepares a creation. now decides which of its duplicates have ended.
func (c Creation) File(now time.Time) Filing {
	f := Filing{Subscription: c.Subscription, Normal: c.Subscription.Criteria.Normal(), Now: now, Entry: audit.Seal(c.Audit)}
	f.Hash, f.Group = f.Criteria.Key().Hash(), SearchGroupNumber(f.Mailbox, f.Criteria.Events)
	sum := sha256.Sum256([]byte(string(f.ODS) + "\x00" + strings.ToUpper(f.Mailbox) + "\x00" + f.Normal))
	f.Same = int64(binary.BigEndian.Uint64(sum[:8]))
	return f
}

// ReadContacts reads the contacts of a subscription from its column. The column
// holds XML, or in older rows the codes of the organisations that follow the
// owner's.
func ReadContacts(column string, owner nhs.ODSCode) string {
	if column == "" || strings.HasPrefix(column, "<") {
		return column
	}
	contacts := subscription.OrganisationContact(owner)
	for code := range strings.FieldsSeq(column) {
		contacts = append(contacts, subscription.OrganisationContact(nhs.ODSCode(code))...)
	}
	return string(contacts)
}

// RouteCandidate returns, packed, the part of a subscription that matching
// needs: see PackCandidate.
func RouteCandidate(s *subscription.Subscription, mailbox int64) []byte {
	return PackCandidate(subscription.Candidate{
		Mailbox: mailbox, Key: s.Criteria.Key(), Ages: s.Criteria.Ages, Registration: s.Criteria.Registration,
		Status: s.Status, End: s.End, Tag: s.Criteria.Tag,
	})
}
