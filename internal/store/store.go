// Package store says what is kept and what can go wrong while keeping it: the
// rows that packages hand to a store, the sentinel errors they get back, and
// the group committer. What follows from rows whatever the database is worked
// out here too. It holds no SQL; store/sqlite and store/postgres do.
package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/subscription"
)

// Sentinel errors. Whatever else a store returns is a defect or a failing
// machine.
var (
	// ErrNotFound: no such row, or one that is no longer live.
	ErrNotFound = errors.New("not found")
	// ErrBusy: the committer's queue is full. Nothing was stored; try again.
	ErrBusy = errors.New("the store is busy")
	// ErrUnknown: the waiting ended before the commit did. The change may be
	// stored or not.
	ErrUnknown = errors.New("the outcome of the commit is not known")
	// ErrClosed: the store is shutting down. Nothing was stored.
	ErrClosed = errors.New("the store is closed")
	// ErrSchema: the database belongs to a newer version or another program.
	ErrSchema = errors.New("the database has another schema")
	// ErrKeyReused: the idempotency key came with other bytes before.
	ErrKeyReused = errors.New("the idempotency key was used for another message")
)

// DuplicateError: an equal subscription lives already.
type DuplicateError struct{ ID subscription.ID }

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("subscription already exists : %s", e.ID)
}

// EventID numbers an event within the whole system. It is also the position of
// its copies in a mailbox, and rises with acceptance: microseconds since 1970 in
// the upper 51 bits, a tie-breaker of the node in the lower 12. When it was
// accepted, Moments say: the clock may have been put back since.
type EventID int64

// clock is what an id holds of a moment.
func (id EventID) clock() time.Time { return time.UnixMicro(int64(id) >> 12).UTC() }

// Acceptance is everything that one transaction records of a published event.
// All expensive work is done before it is made: the body is compressed, the
// audit entry encoded, the keys hashed.
type Acceptance struct {
	Event     EventID
	Code      string // event code
	Kind      string // new, update or delete
	Workflow  string // MESH workflow id
	MessageID string // MessageHeader.id
	Publisher nhs.ASID
	// Patient is whose record says whether the event may flow: the routing
	// number, or the baby's in a birth without the mother's. Zero: nobody's.
	Patient nhs.NHSNumber
	Body    Body
	// Facts select the subscriptions. Facts.At is the moment of acceptance.
	Facts subscription.Facts
	// Withheld: the patient's record is flagged S or I: kept, never matched.
	Withheld bool
	// Deferred: the patient directory is away. The event is kept without
	// matching, with the subscriptions of this moment remembered, until
	// RouteEvent. Facts then count for nothing.
	Deferred bool
	// Demographic: the event tells of a change of the patient's record.
	Demographic bool
	// Warnings are the findings that did not refuse the message, as JSON; nil
	// when there are none.
	Warnings []byte
	// Idempotency is set when the publisher sent a key.
	Idempotency *Idempotency
	Audit       audit.Entry
}

// Body is a message as stored: Codec says how Data is packed, Size and SHA256
// are those of the message as published.
type Body struct {
	Codec  Codec
	Data   []byte
	Size   int      // bytes of the message as published
	SHA256 [32]byte // of the message as published; checked before it is delivered
}

// Codec says how Body.Data is stored. Its numbers are stored: never renumber.
type Codec byte

// The codecs.
const (
	Plain Codec = 0
	Zstd  Codec = 1 // read, no longer written
	S2    Codec = 2
)

// Idempotency identifies a repeated publish: the same key from the same system
// within 24 hours, with the same bytes.
type Idempotency struct {
	ASID nhs.ASID
	Key  string
}

// KeyLife is how long an idempotency key is remembered (decision 20).
const KeyLife = 24 * time.Hour

// Digest is what a store knows the key by; nil without one.
func (i *Idempotency) Digest() []byte {
	if i == nil {
		return nil
	}
	sum := sha256.Sum256([]byte(string(i.ASID) + "|" + i.Key))
	return sum[:16]
}

// MaxFiled is how many copies the transaction that accepts an event files in
// inboxes. More are packed, and spread later.
const MaxFiled = 64

// RouteHashes are the hashes of an event's route keys, in their order.
func RouteHashes(keys []subscription.RouteKey) []int64 {
	out := make([]int64, len(keys))
	for i, k := range keys {
		out[i] = k.Hash()
	}
	return out
}

// Receipt tells what became of an Acceptance.
type Receipt struct {
	Event  EventID // the first event's when Repeated
	Copies int     // mailboxes that get a copy
	// Repeated: the idempotency key was seen with the same bytes: nothing new
	// was recorded but the audit entry.
	Repeated bool
}

// Routing is what has been learnt of a deferred event once the patient
// directory answers again.
type Routing struct {
	Event EventID
	// Facts select among the subscriptions that were active at the acceptance
	// and live still. Facts.At is the moment of acceptance.
	Facts    subscription.Facts
	Withheld bool // as in Acceptance
	// Refusal says why the event cannot be routed at all, without a patient's
	// data: it then makes no copies and stays for an operator to look at.
	Refusal string
	Audit   audit.Entry
}

// Unrouted are the events that were accepted and are not routed.
type Unrouted struct {
	Pending int64     // wait for the patient directory
	Oldest  time.Time // acceptance of the oldest of them; zero without
	Refused int64     // cannot be routed, see Routing.Refusal
}

// Mailbox is a MESH mailbox that this NEMS knows. Hosted ones are served here,
// the others by a remote MESH.
type Mailbox struct {
	Row      int64 // the store's number
	ID       string
	Name     string
	ODS      nhs.ODSCode
	Password string // shared secret of the NHSMESH token; "" for remote mailboxes
	Remote   bool
}

// ErrMailboxID: ids of mailboxes are letters, digits, dots, dashes and
// underscores of ASCII, on every store. Dots alone would be cleaned out of the
// paths of MESH's API.
var ErrMailboxID = errors.New("a mailbox id has the letters A to Z, digits, dots, dashes and underscores, and not dots alone")

// MailboxKey is the id of a mailbox as ids are compared, or ErrMailboxID.
func MailboxKey(id string) (string, error) {
	key, ok := nhs.FoldID(id)
	for i := range len(key) {
		c := key[i]
		ok = ok && (c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')
	}
	if !ok || strings.Trim(key, ".") == "" {
		return "", ErrMailboxID
	}
	return key, nil
}
