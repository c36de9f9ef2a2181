package broker

import (
	"context"
	"errors"
	"time"

	"nems/internal/access"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Events are the events that were accepted and are kept still. Safe for concurrent
// use.
type Events interface {
	// AcceptedEvent returns an event without its message, or store.ErrNotFound.
	AcceptedEvent(ctx context.Context, event store.EventID) (store.AcceptedEvent, error)
	// EventByMessageID finds the newest event whose MessageHeader.id this is and that was
	// accepted since a moment, or returns store.ErrNotFound. Of events that housekeeping
	// has not filed yet it looks at the newest 200,000.
	EventByMessageID(ctx context.Context, id string, since time.Time) (store.EventID, error)
}

// Explained says to a subscriber whether an event matched a subscription.
type Explained struct {
	// Told is false where there is nothing that the subscriber may be told
	// (decision 33). The rest is then empty.
	Told bool
	// Patient is whom the event is about, for the audit; zero where that is not known.
	Patient  nhs.NHSNumber
	Matched  bool
	Criteria []HeldCriterion
}

// HeldCriterion is a criterion of the subscription, and whether it held.
type HeldCriterion struct {
	Criterion subscription.Criterion
	Holds     bool
}

// explainable is how long ago an event may have been accepted that a subscriber asks
// about: the look-up reads through the events of this time.
const explainable = 7 * 24 * time.Hour

// Explain says why an event, named by its MessageHeader.id, matched a subscription of
// the caller's organisation, or not.
func (b *Broker) Explain(ctx context.Context, caller access.Caller, id, messageID string) (Explained, error) {
	s, err := b.Read(ctx, caller, id)
	if err != nil {
		return Explained{}, err
	}
	since := s.Created
	if recent := b.Now().Add(-explainable); recent.After(since) {
		since = recent
	}
	event, err := b.Events.EventByMessageID(ctx, messageID, since)
	if errors.Is(err, store.ErrNotFound) {
		return Explained{}, nil
	}
	if err != nil {
		return Explained{}, err
	}
	e, err := b.Events.AcceptedEvent(ctx, event)
	if errors.Is(err, store.ErrNotFound) { // retention has removed it meanwhile
		return Explained{}, nil
	}
	if err != nil {
		return Explained{}, err
	}
	out := tell(&s, &e)
	if !out.Told {
		return out, nil
	}
	filtered, err := b.Filtered(ctx, &s, &e)
	if err != nil {
		return Explained{}, err
	}
	return tellFiltered(out, filtered), nil
}

// tellFiltered adds the filters of criteria of the MNS. Those that name a patient or a
// place are told of like route keys: only where they fit.
func tellFiltered(out Explained, filtered []subscription.Finding) Explained {
	for _, f := range filtered {
		if !f.Holds && !f.Criterion.OfPublisher() {
			return Explained{}
		}
		out.Matched = out.Matched && f.Holds
		out.Criteria = append(out.Criteria, HeldCriterion{f.Criterion, f.Holds})
	}
	return out
}

// tell keeps to what the subscriber may know: of an event of its type, about its
// patient or place, while it was active, whether age and registration fitted.
func tell(s *subscription.Subscription, e *store.AcceptedEvent) Explained {
	if e.Facts == nil || e.Withheld || len(s.Criteria.Events) == 0 || approvedLater(s) {
		return Explained{}
	}
	x := subscription.Explain(s, e.Facts)
	out := Explained{Told: true, Patient: e.Patient, Matched: x.Matched}
	for _, f := range x.Findings {
		if !f.Holds && f.Criterion != subscription.ByAge && f.Criterion != subscription.ByGPRegistration {
			return Explained{}
		}
		out.Criteria = append(out.Criteria, HeldCriterion{f.Criterion, f.Holds})
	}
	return out
}

// approvedLater tells whether a subscription was created to wait for approval. When
// it was approved is not stored with it, so that nobody knows of which events it may
// be told. Approval and end each raise its version.
func approvedLater(s *subscription.Subscription) bool {
	return s.Version > 2 || s.Version == 2 && s.Status == subscription.Active
}
