// Package store defines what is kept and what can go wrong in keeping it: the
// rows that packages hand to a store, the sentinel errors that they get back,
// and the group committer. It also contains everything that follows from rows
// on any database. It has no SQL; store/sqlite and store/postgres do.
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

// Sentinel errors. Any other error of a store is a defect or a failing machine.
var (
	// ErrNotFound says that there is no such row, or that it is no longer live.
	ErrNotFound = errors.New("not found")
	// ErrBusy says that the committer's queue is full. Nothing was stored; try again.
	ErrBusy = errors.New("the store is busy")
	// ErrUnknown says that the waiting ended before the commit did. The change
	// may be stored or not.
	ErrUnknown = errors.New("the outcome of the commit is not known")
	// ErrClosed says that the store is shutting down. Nothing was stored.
	ErrClosed = errors.New("the store is closed")
	// ErrSchema says that the database belongs to a newer version or to another program.
	ErrSchema = errors.New("the database has another schema")
	// ErrKeyReused says that the idempotency key came with other bytes before.
	ErrKeyReused = errors.New("the idempotency key was used for another message")
)

// DuplicateError says that an equal subscription is live already.
type DuplicateError struct{ ID subscription.ID }

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("subscription already exists : %s", e.ID)
}

// EventID identifies an event within the whole system. It is also the position
// of its copies in a mailbox, and rises with acceptance: it holds microseconds
// since 1970 in the upper 51 bits, and a tie-breaker of the node in the lower
// 12. See Moments for when the event was accepted, because the clock may have
// been put back since.
type EventID int64

// clock returns the moment that an id contains.
func (id EventID) clock() time.Time { return time.UnixMicro(int64(id) >> 12).UTC() }

// Acceptance is everything that one transaction records about a published
// event. All expensive work is done before it is made: the body is compressed,
// the audit entry encoded, and the keys hashed.
type Acceptance struct {
	Event     EventID
	Code      string // event code
	Kind      string // new, update or delete
	Workflow  string // MESH workflow id
	MessageID string // MessageHeader.id
	Publisher nhs.ASID
	// Patient is the patient whose record decides whether the event may be
	// delivered: the routing number, or the baby's in a birth without the
	// mother's. Zero means nobody's.
	Patient nhs.NHSNumber
	Body    Body
	// Facts select the subscriptions. Facts.At is the moment of acceptance.
	Facts subscription.Facts
	// Withheld means that the patient's record is flagged S or I: the event is kept but never
	// matched.
	Withheld bool
	// Deferred means that the patient directory cannot be reached. The event is
	// kept without matching until RouteEvent, together with the subscriptions
	// of this moment. Facts are then ignored.
	Deferred bool
	// Demographic means that the event reports a change of the patient's record.
	Demographic bool
	// Warnings are the findings that did not cause a refusal, as JSON; nil when
	// there are none.
	Warnings []byte
	// Idempotency is set when the publisher sent a key.
	Idempotency *Idempotency
	Audit       audit.Entry
}

// Body is a message as stored. Codec says how Data is packed; Size and SHA256
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

// Digest returns the form in which a store keeps the key; nil without one.
func (i *Idempotency) Digest() []byte {
	if i == nil {
		return nil
	}
	sum := sha256.Sum256([]byte(string(i.ASID) + "|" + i.Key))
	return sum[:16]
}

// MaxFiled is how many copies the transaction that accepts an event files in
// inboxes. If there are more, they are packed and distributed later.
const MaxFiled = 64

// RouteHashes returns the hashes of an event's route keys, in their order.
func RouteHashes(keys []subscription.RouteKey) []int64 {
	out := make([]int64, len(keys))
	for i, k := range keys {
		out[i] = k.Hash()
	}
	return out
}

// Receipt says what became of an Acceptance.
type Receipt struct {
	Event  EventID // the first event's when Repeated
	Copies int     // mailboxes that get a copy
	// Repeated means that the idempotency key was seen before with the same
	// bytes. Nothing was recorded except the audit entry.
	Repeated bool
}

// Routing is what has been learnt about a deferred event after the patient
// directory answers again.
type Routing struct {
	Event EventID
	// Facts select among the subscriptions that were active at the acceptance
	// and are still live. Facts.At is the moment of acceptance.
	Facts    subscription.Facts
	Withheld bool // as in Acceptance
	// Refusal says why the event cannot be routed at all, without patient data.
	// The event then makes no copies, and stays for an operator to look at.
	Refusal string
	Audit   audit.Entry
}

// Unrouted counts the events that were accepted and are not routed.
type Unrouted struct {
	Pending int64     // wait for the patient directory
	Oldest  time.Time // acceptance of the oldest of them; zero without
	Refused int64     // cannot be routed, see Routing.Refusal
}

// Mailbox is a MESH mailbox that this NEMS knows. Hosted mailboxes are served
// here, the others by a remote MESH.
type Mailbox struct {
	Row      int64 // the store's number
	ID       string
	Name     string
	ODS      nhs.ODSCode
	Password string // shared secret of the NHSMESH token; "" for remote mailboxes
	Remote   bool
}

// ErrMailboxID says that the id of a mailbox does not consist of ASCII letters,
// digits, dots, dashes and underscores, as every store requires. An id of dots
// alone would be cleaned out of the paths of MESH's API.
var ErrMailboxID = errors.New("a mailbox id has the letters A to Z, digits, dots, dashes and underscores, and not dots alone")

// MailboxKey returns the id of a mailbox in the form in which ids are compared, or ErrMailboxID.
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
