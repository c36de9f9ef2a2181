package broker

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strconv"
	"strings"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/directory"
	"nems/internal/event"
	"nems/internal/nhs"
	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Signal is an event that is published at the API of the Multicast Notification
// Service. It has no clinical message, so that no mailbox of the NEMS gets a copy:
// only subscriptions with criteria of the MNS ask for its event code.
type Signal struct {
	ID, Source, Type string
	Subject          nhs.NHSNumber // zero: nobody, or nobody who has a number
	// Practices are those that the publisher names for filtering.
	Practices []nhs.ODSCode
	Body      []byte // as received; must not change afterwards
}

// PublishSignal stores a signal with its matches and deliveries. When it returns
// without an error, all of that is on disk. A signal of the same source and id as one
// of the last day is not delivered again.
func (b *Broker) PublishSignal(ctx context.Context, caller access.Caller, s Signal) (Published, error) {
	out := Published{EventType: s.Type, MessageID: s.ID, Patient: s.Subject}
	if refusal := caller.MayPublish(s.Type, ofPDS(s.Type)); refusal != nil {
		return out, refusal
	}
	if !ofPDS(s.Type) {
		if err := b.mayPublish(caller, b.ofMNS(s.Type)); err != nil {
			return out, err
		}
	}
	withheld, err := b.flagged(ctx, s.Subject)
	if err != nil && !errors.Is(err, directory.ErrAway) { // the lanes ask again before anything is sent
		return out, err
	}
	id := b.Journal.NextPosition()
	at := b.Journal.Moment(id)
	entry := Entry(caller, audit.ActionPublish)
	entry.At, entry.Object, entry.EventType, entry.Patient, entry.Status = at, strconv.FormatInt(int64(id), 10), subscription.MNSCode(s.Type), s.Subject, 200
	receipt, err := b.Journal.AcceptEvent(ctx, store.Acceptance{
		Event: id, Code: subscription.MNSCode(s.Type), Kind: string(event.New), MessageID: s.ID, Publisher: caller.ASID, Patient: s.Subject,
		Body: store.Compress(s.Body, sha256.Sum256(s.Body)), Withheld: withheld,
		Facts:       subscription.Facts{EventCode: subscription.MNSCode(s.Type), Keys: s.keys(), At: at},
		Audit:       entry,
		Idempotency: &store.Idempotency{ASID: caller.ASID, Key: "mns|" + s.Source + "|" + s.ID},
	})
	if errors.Is(err, store.ErrKeyReused) {
		return out, refuse.IdempotencyKeyReused()
	}
	out.Event, out.Copies, out.Repeated = receipt.Event, receipt.Copies, receipt.Repeated
	return out, err
}

// ofPDS reports whether only the Spine publishes a type, as it does the NEMS's own
// events about records.
func ofPDS(eventType string) bool {
	return fromSpine(eventType) || strings.HasPrefix(eventType, "nhs-number-change-")
}

// flagged reports whether nothing about a patient may be delivered.
func (b *Broker) flagged(ctx context.Context, n nhs.NHSNumber) (bool, error) {
	if n.IsZero() {
		return false, nil
	}
	record, err := b.Patients.Patient(ctx, n)
	if errors.Is(err, directory.ErrNotFound) {
		return false, nil
	}
	return record.Withheld(), err
}

// keys are what subscriptions find a signal by.
func (s *Signal) keys() []subscription.RouteKey {
	keys := []subscription.RouteKey{subscription.Everybody}
	if !s.Subject.IsZero() {
		keys = append(keys, subscription.RouteKey{Kind: subscription.ByPatient, Value: s.Subject.Digits()})
	}
	for _, practice := range s.Practices[:min(len(s.Practices), maxPlaces)] {
		if key := (subscription.RouteKey{Kind: subscription.ByPractice, Value: string(practice)}); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// SubscribeMNS creates a subscription with criteria of the MNS and the endpoint that it
// brings along: both, or none. A *store.DuplicateError names the one that is there
// already, a *store.HeldError says that an operator has switched the address off; other
// refusals are as Subscribe's.
func (b *Broker) SubscribeMNS(ctx context.Context, caller access.Caller, s subscription.Subscription, with store.Brought) error {
	if err := b.mayWant(caller, &s); err != nil {
		return err
	}
	_, err := b.Journal.SubscribeWith(ctx, s, with, subscribeEntry(caller, s))
	return duplicateOr(err)
}

// ReplaceMNS puts a subscription in the place of the one of its id, which the caller
// has read. Errors are as SubscribeMNS's.
func (b *Broker) ReplaceMNS(ctx context.Context, caller access.Caller, s subscription.Subscription, with store.Brought) error {
	if err := b.mayWant(caller, &s); err != nil {
		return err
	}
	entry := subscribeEntry(caller, s)
	entry.At, entry.Status = b.Now(), 204
	return duplicateOr(deleteRefusal(b.Journal.ReplaceWith(ctx, s, with, entry)))
}

// duplicateOr leaves a *store.DuplicateError as it is.
func duplicateOr(err error) error {
	var duplicate *store.DuplicateError
	if errors.As(err, &duplicate) {
		return err
	}
	return subscribeRefusal(err)
}

// MayWantSignals checks what a caller may ask for, and where the signals may go: to an
// endpoint that needs grants of the controller catalogue. It lets the subscription wait
// where an operator approves them.
func (b *Broker) MayWantSignals(caller access.Caller, s *subscription.Subscription, grants []string) error {
	if err := b.mayWant(caller, s); err != nil {
		return err
	}
	return b.permit(consuming(s, grants...)...)
}

func (b *Broker) mayWant(caller access.Caller, s *subscription.Subscription) error {
	s.Status = subscription.Active
	if b.ManualActivation {
		s.Status = subscription.Requested
	}
	if refusal := caller.Owns(s.ODS); refusal != nil {
		return refusal
	}
	kind := access.Generic
	if s.Criteria.Explicit() {
		kind = access.Explicit
	}
	if refusal := caller.MaySubscribe(kind, s.Criteria.MNS.Type); refusal != nil {
		return refusal
	}
	return nil
}

// Selected reports whether a copy is what its subscription asks for, where that has
// criteria of the MNS: all others match by their route keys alone. Nothing is selected
// for one that was deleted since.
func (b *Broker) Selected(ctx context.Context, d store.Delivery, published func() map[string][]string) (bool, error) {
	for _, id := range d.Subscriptions {
		if !id.OfMNS() {
			return true, nil
		}
		s, err := b.Journal.Subscription(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return false, err
		}
		if fits, err := b.fits(ctx, &s.Criteria, d, published); fits || err != nil {
			return fits, err
		}
	}
	return len(d.Subscriptions) == 0, nil
}
