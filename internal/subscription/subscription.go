// Package subscription defines what a subscriber can ask for and which copies an event
// makes: criteria, route keys and the pure function Match. It depends on nothing of
// HTTP or SQL, and it knows the time only from its arguments.
//
// Source: NEMS specification 2.15, "Create Subscription" and "Subscriptions Overview".
package subscription

import (
	"encoding/hex"
	"errors"
	"time"

	"nems/internal/nhs"
)

// ErrID is returned for an id that is not 32 letters or digits.
var ErrID = errors.New("a subscription id has 32 letters or digits")

// ID identifies a subscription: a UUIDv7, written as 32 lower-case hex digits.
type ID [16]byte

// String returns the 32 hex digits that callers see.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads an id. It returns ErrID when the form is wrong. An id of the
// right form that cannot have been issued here becomes the zero ID.
func ParseID(s string) (ID, error) {
	if len(s) != 32 {
		return ID{}, ErrID
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return ID{}, ErrID
		}
	}
	var id ID
	if _, err := hex.Decode(id[:], []byte(s)); err != nil || s != id.String() {
		return ID{}, nil
	}
	return id, nil
}

// Status is the state of a subscription (FHIR SubscriptionStatus).
type Status string

// The states in use: requested waits for an operator's approval, active
// receives copies, off has ended.
const (
	Requested Status = "requested"
	Active    Status = "active"
	Off       Status = "off"
)

// Subscription is what a subscriber asked for.
type Subscription struct {
	ID   ID
	ASID nhs.ASID    // the system that created it
	ODS  nhs.ODSCode // the organisation that owns it; contact, mailbox and ASID belong to this organisation
	// Contacts are all contact elements in their order, in XML; "" if there is
	// only the owner's.
	Contacts string
	Mailbox  string // channel.endpoint as the subscriber wrote it
	Criteria Criteria
	Status   Status
	End      time.Time // zero means that it never ends
	Reason   string
	Created  time.Time
	Version  int // meta.versionId; 1 when created
	// Error is why an operator rejected or ended it, or why it is suspended; ""
	// otherwise. Rejected: it never was active.
	Error    string
	Rejected bool
	// Suspended: it is off for as long as the controller catalogue does not permit
	// it. It lives on, and counts as one that lives.
	Suspended bool
}

// Live reports whether it has not ended: it may be active, wait or be suspended.
func (s Subscription) Live() bool { return s.Status != Off || s.Suspended }

// Ended reports whether the subscription is over at a moment. At the exact
// moment of its end it is over.
func (s Subscription) Ended(at time.Time) bool { return ended(s.End, at) }

// Kind says what a route key consists of.
type Kind byte

// The kinds of route key. Their numbers are stored: never change them.
const (
	ByPatient        Kind = 1 // NHS number
	ByPractice       Kind = 2 // GP_GP_GP: ODS code of the registered practice
	BySubICBOfGP     Kind = 3 // CHO_GP_CCG: ICB sub-location of the registered practice
	BySubICBPostcode Kind = 4 // CHO_POSTCODE_CCG: ICB sub-location of the home postcode
	ByLocalAuthority Kind = 5 // UHV_POSTCODE_LACODE: local authority of the home postcode
	ByCountry        Kind = 6 // COUNTRYCODE: country of the home postcode
	ByEverybody      Kind = 7 // EVERYBODY: all events, without a value (MNS)
)

// RouteKey is a key by which an event finds subscriptions: every subscription
// has exactly one, an event has a handful.
type RouteKey struct {
	Kind  Kind
	Value string
}

// Age is one age filter, in whole years.
type Age struct {
	Op    AgeOp
	Years int
}

// AgeOp compares the patient's age with the filter's.
type AgeOp byte

// The comparisons of the FHIR search prefixes; none written means Equal.
const (
	Equal AgeOp = iota + 1
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
)

// Registration restricts a subscription to patients with or without a GP.
type Registration byte

// The values of the criteria component GPRegistration; AnyRegistration when absent.
const (
	AnyRegistration Registration = iota
	RegisteredOnly
	UnregisteredOnly
)

// Facts is what matching needs to know about an event.
type Facts struct {
	EventCode string
	Keys      []RouteKey
	// BirthDate is the patient's date of birth. It is the zero time when
	// unknown; an age filter then does not match.
	BirthDate time.Time
	// Registered says whether the patient has a GP. It is nil when unknown; a
	// registration filter then does not match.
	Registered *bool
	// At is the moment of acceptance, at which ages and ends are judged.
	At time.Time
}

// Candidate is a stored subscription that shares a route key hash, an event code
// and a class with an event. Stores read candidates; Match decides.
type Candidate struct {
	ID           ID
	Mailbox      int64 // the store's number for the mailbox
	Key          RouteKey
	Ages         []Age
	Registration Registration
	Status       Status
	End          time.Time
	Tag          string
}

// Copy is one copy of an event for one mailbox.
type Copy struct {
	Mailbox int64
	// Subscriptions lists the subscriptions that asked for it, ordered by id,
	// at most MaxNamed.
	Subscriptions []ID
	// PartnerID is `id|tag~~~id|tag` for the tagged ones, "" when none has a
	// tag (NEMS specification, "Event Receiver Requirements").
	PartnerID string
}
