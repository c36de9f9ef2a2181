package broker

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"nems/internal/directory"
	"nems/internal/event"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// What criteria of the MNS ask for beyond an event's route keys. Matching leaves it to
// the lanes, and to those who explain.

// fits judges the filters of one subscription.
func (b *Broker) fits(ctx context.Context, c *subscription.Criteria, d store.Delivery, published func() map[string][]string) (bool, error) {
	if !slices.Contains(c.Events, d.Code) {
		return false, nil // it was replaced since
	}
	return holdAll(b.filtered(ctx, c, d.Code, d.Patient, func() (map[string][]string, error) {
		if _, atMNS := subscription.PublishedAtMNS(d.Code); atMNS {
			return published(), nil
		}
		e, err := b.Events.AcceptedEvent(ctx, d.Event)
		if err != nil || e.Facts == nil {
			return nil, err
		}
		return attributes(&e), nil
	}))
}

func holdAll(found []subscription.Finding, err error) (bool, error) {
	return err == nil && !slices.ContainsFunc(found, func(f subscription.Finding) bool { return !f.Holds }), err
}

// Filtered holds an accepted event against what criteria of the MNS ask for beyond its
// route keys, as a lane does before it sends; nothing for other criteria. The event's
// facts must be known.
func (b *Broker) Filtered(ctx context.Context, s *subscription.Subscription, e *store.AcceptedEvent) ([]subscription.Finding, error) {
	return b.filtered(ctx, &s.Criteria, e.Code, e.Patient, func() (map[string][]string, error) {
		if _, atMNS := subscription.PublishedAtMNS(e.Code); !atMNS {
			return attributes(e), nil
		}
		message, err := b.Journal.EventMessage(ctx, e.Event)
		if err != nil {
			return nil, err
		}
		return b.Published(message), nil
	})
}

// filtered judges each condition of its own. attributes is asked at most once, and only
// where there are filters.
func (b *Broker) filtered(ctx context.Context, c *subscription.Criteria, code string, patient nhs.NHSNumber, attributes func() (map[string][]string, error)) (out []subscription.Finding, err error) {
	if _, atMNS := subscription.PublishedAtMNS(code); c.MNS.Type == subscription.NHSNumberChange && !atMNS {
		is, err := b.superseded(ctx, patient)
		if err != nil {
			return nil, err
		}
		f := subscription.Finding{Criterion: subscription.BySuperseded, Wanted: "an NHS number that was superseded", Found: "it is in use", Holds: is}
		if is {
			f.Found = "it was superseded"
		}
		out = append(out, f)
	}
	if len(c.MNS.Filters) == 0 {
		return out, nil
	}
	there, err := attributes()
	for _, f := range c.MNS.Filters {
		out = append(out, f.Explain(there))
	}
	return out, err
}

// superseded reports whether another number stands for a patient's.
func (b *Broker) superseded(ctx context.Context, n nhs.NHSNumber) (bool, error) {
	if n.IsZero() {
		return false, nil
	}
	record, err := b.Patients.Patient(ctx, n)
	if errors.Is(err, directory.ErrNotFound) {
		return false, nil
	}
	return !record.SupersededBy.IsZero(), err
}

// actions are the kinds of event in the MNS's words.
var actions = map[string]string{string(event.New): "CREATE", string(event.Update): "UPDATE", string(event.Delete): "DELETE"}

// attributes are what the acceptance of a message tells of those by which the MNS
// filters. What only the message itself says is not among them.
func attributes(e *store.AcceptedEvent) map[string][]string {
	out := map[string][]string{}
	for _, k := range e.Facts.Keys {
		switch k.Kind {
		case subscription.ByPractice:
			out[subscription.FilterPractice] = append(out[subscription.FilterPractice], k.Value)
			out[subscription.FilterRegisteredGP] = append(out[subscription.FilterRegisteredGP], k.Value)
		case subscription.ByPatient:
			out[subscription.FilterNHSNumber] = []string{k.Value}
		}
	}
	if !e.Facts.BirthDate.IsZero() {
		out["subjectage"] = []string{strconv.Itoa(subscription.YearsOld(e.Facts.BirthDate, e.At))}
	}
	if action := actions[e.Kind]; action != "" {
		out["action"] = []string{action}
	}
	return out
}
