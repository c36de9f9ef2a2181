package store

import (
	"encoding/binary"
	"fmt"
	"time"

	"nems/internal/nhs"
	"nems/internal/subscription"
)

// factsVersion is the first byte of packed facts.
const factsVersion = 1

// Bits of the second byte of packed facts.
const (
	bornKnown = 1 << iota
	registrationKnown
	isRegistered
)

// dayLength is a day in seconds: birth dates are stored as days since 1970. A message
// can name any year from 1 to 9999, none of which is mostDays from then.
const (
	dayLength = 24 * 60 * 60
	mostDays  = 3_000_000
)

// PackFacts writes what an event was matched by, without what its row has: event
// code, acceptance and the number of its patient.
func PackFacts(f *subscription.Facts, patient nhs.NHSNumber) []byte {
	b := append(make([]byte, 0, 64), factsVersion, 0)
	if !f.BirthDate.IsZero() {
		b[1] |= bornKnown
		b = binary.AppendVarint(b, f.BirthDate.Unix()/dayLength)
	}
	if f.Registered != nil {
		b[1] |= registrationKnown
		if *f.Registered {
			b[1] |= isRegistered
		}
	}
	for _, k := range f.Keys {
		value := k.Value
		if k.Kind == subscription.ByPatient && value == patient.Digits() {
			value = ""
		}
		b = append(b, byte(k.Kind))
		b = binary.AppendUvarint(b, uint64(len(value)))
		b = append(b, value...)
	}
	return b
}

// UnpackFacts reads what PackFacts wrote, or returns ErrDamaged.
func UnpackFacts(b []byte, patient nhs.NHSNumber) (*subscription.Facts, error) {
	damaged := fmt.Errorf("%w: the facts of its acceptance cannot be read", ErrDamaged)
	if len(b) < 2 || b[0] != factsVersion {
		return nil, damaged
	}
	f, flags, rest := &subscription.Facts{}, b[1], b[2:]
	if flags&bornKnown != 0 {
		days, n := binary.Varint(rest)
		if n <= 0 || days < -mostDays || days > mostDays {
			return nil, damaged
		}
		f.BirthDate, rest = time.Unix(days*dayLength, 0).UTC(), rest[n:]
	}
	if flags&registrationKnown != 0 {
		f.Registered = new(flags&isRegistered != 0)
	}
	for p := (packed{rest: rest}); len(p.rest) > 0; {
		k := subscription.RouteKey{Kind: subscription.Kind(p.take(1)[0])}
		k.Value = string(p.take(p.number()))
		if p.failed {
			return nil, damaged
		}
		if k.Kind == subscription.ByPatient && k.Value == "" {
			k.Value = patient.Digits()
		}
		f.Keys = append(f.Keys, k)
	}
	return f, nil
}

// PackedFacts is the column facts of an accepted event; nil where they are not known
// yet.
func (a *Acceptance) PackedFacts() []byte {
	if a.Deferred {
		return nil
	}
	return PackFacts(&a.Facts, a.Patient)
}

// PackedFacts is the column facts of an event that is routed later; nil where it
// cannot be.
func (r *Routing) PackedFacts() []byte {
	if r.Refusal != "" {
		return nil
	}
	return PackFacts(&r.Facts, nhs.NHSNumber{})
}

// AcceptedEvent is an event as it was accepted and routed, without its message.
type AcceptedEvent struct {
	Event     EventID
	At        time.Time // of acceptance
	Code      string
	Workflow  string
	Kind      string
	MessageID string // MessageHeader.id
	Publisher nhs.ASID
	Patient   nhs.NHSNumber // zero: nobody, or not noted
	Size      int64
	Withheld  bool
	// Waiting: it waits for the patient directory. Refusal is why it cannot be routed
	// at all; "" otherwise.
	Waiting bool
	Refusal string
	// Facts are what it was matched by; nil where they are not known yet, or where an
	// earlier version of this program accepted it.
	Facts *subscription.Facts
}
