package operator

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// SubscriptionRef names a subscription.
type SubscriptionRef struct {
	ID string `path:"id"`
}

// showSubscription shows one subscription without its patient.
func (d Desk) showSubscription(ctx context.Context, ref SubscriptionRef) (none Subscription, err error) {
	id, err := subscription.ParseID(ref.ID)
	if err != nil {
		return none, invalid("id", "id: %s", err)
	}
	s, err := d.Store.Subscription(ctx, id)
	if err != nil {
		return none, named(err, "subscription", ref.ID)
	}
	return d.newSubscription(ctx, s), nil
}

// Wish is what a subscription would ask for, in the words of the specification's
// criteria.
type Wish struct {
	// Patient or Rule is given. A patient travels in the body only, never in a URL.
	Patient      string   `json:"patient,omitempty" jsonschema:"an NHS number"`
	Rule         string   `json:"rule,omitempty" jsonschema:"GP_GP_GP, CHO_GP_CCG, CHO_POSTCODE_CCG, UHV_POSTCODE_LACODE or COUNTRYCODE"`
	Organisation string   `json:"organisation,omitempty" jsonschema:"the code that the rule looks for"`
	Events       []string `json:"events" jsonschema:"event codes"`
	Ages         []string `json:"ages,omitempty" jsonschema:"such as lt5 or ge60; up to two"`
	Registration string   `json:"registration,omitempty" jsonschema:"RegisteredOnly or UnregisteredOnly"`
	Tag          string   `json:"tag,omitempty"`
}

// criteria is the wish as a criteria string, checked by the rules of subscribing.
func (w Wish) criteria() (c subscription.Criteria, err error) {
	c, err = subscription.ParseCriteria(subscription.Parts{
		Patient: strings.ReplaceAll(w.Patient, " ", ""), Rule: w.Rule, Organisation: w.Organisation, Events: w.Events, Ages: w.Ages,
		Registration: w.Registration, Tag: w.Tag,
	}.Search())
	var wrong *subscription.CriteriaError
	if errors.As(err, &wrong) {
		return c, invalid("", "%s", wrong)
	}
	return c, err
}

// Preview is what a subscription would have brought.
type Preview struct {
	Sentence string `json:"sentence" jsonschema:"what it asks for, in plain English"`
	Criteria string `json:"criteria,omitempty" jsonschema:"the criteria string; missing where it names a patient"`
	// Events is how many of the events of the last seven days it would have matched,
	// of the Looked events of its types that were looked at; More says that there were
	// more than that.
	Events int  `json:"events"`
	Looked int  `json:"looked"`
	More   bool `json:"more,omitempty"`
}

// What a preview looks at.
const (
	previewed   = 7 * 24 * time.Hour
	mostPreview = 2000 // events of each type
)

// previewSubscription says what a subscription asks for, and what it would have
// brought within the last week.
func (d Desk) previewSubscription(ctx context.Context, w Wish) (none Preview, err error) {
	c, err := w.criteria()
	if err != nil {
		return none, err
	}
	if c.Explicit() { // how many events there are about somebody is known to governance alone
		if err := d.looked(c.Patient, "to preview a subscription"); err != nil {
			return none, err
		}
	}
	out := Preview{Sentence: subscription.Sentence(c, d.names(ctx))}
	if !c.Explicit() {
		out.Criteria = c.Text
	}
	wish := subscription.Subscription{Criteria: c, Status: subscription.Active, Created: d.Now().Add(-previewed)}
	for _, code := range c.EventCodes() {
		if err := d.previewEvents(ctx, &wish, code, &out); err != nil {
			return none, err
		}
	}
	return out, nil
}

// previewEvents holds the events of a type against a subscription, the newest first.
func (d Desk) previewEvents(ctx context.Context, wish *subscription.Subscription, code string, out *Preview) error {
	q := store.EventQuery{From: wish.Created, Code: code, Max: DefaultLimit, Effort: mostEvents}
	if wish.Criteria.Explicit() { // the audit has an index by patient
		var err error
		if q.Events, err = d.eventsAbout(ctx, wish.Criteria.Patient, wish.Created, d.Now()); err != nil {
			return err
		}
	}
	for looked := 0; ; {
		found, err := d.Store.FindEvents(ctx, q)
		if err != nil {
			return err
		}
		for _, f := range found.Found {
			if looked == mostPreview {
				out.More = true
				return nil
			}
			looked++
			event, err := d.Store.AcceptedEvent(ctx, f.Event)
			if errors.Is(err, store.ErrNotFound) {
				continue // purged meanwhile
			}
			if err != nil {
				return err
			}
			out.Looked++
			if event.Facts != nil && !event.Withheld && subscription.Explain(wish, event.Facts).Matched {
				out.Events++
			}
		}
		if q.Before = found.Next; found.Next == 0 {
			return nil
		}
		if len(found.Found) == 0 { // the effort of a page went into other events
			out.More = true
			return nil
		}
	}
}

// Creation is a subscription to create as one of the systems.
type Creation struct {
	Wish    Wish        `json:"wish"`
	ASID    nhs.ASID    `json:"asid" jsonschema:"the system that subscribes"`
	ODS     nhs.ODSCode `json:"ods" jsonschema:"its organisation"`
	Mailbox string      `json:"mailbox" jsonschema:"the MESH mailbox that gets the copies"`
	Reason  string      `json:"reason" jsonschema:"why, for people"`
	End     time.Time   `json:"end,omitzero" jsonschema:"when it ends; never, by default"`
}

// CreatedSubscription is what the service answered to the subscriber.
type CreatedSubscription struct {
	Status int    `json:"status"`
	ID     string `json:"id,omitempty" jsonschema:"of the subscription; missing where it was refused"`
	Answer string `json:"answer,omitempty" jsonschema:"the OperationOutcome, if there is one: XML"`
}

// createSubscription subscribes as a system does: through the front door, with that
// system's rights.
func (d Desk) createSubscription(ctx context.Context, q Creation) (none CreatedSubscription, err error) {
	if d.Subscribe == nil {
		return none, conflict("subscriptions are created from here in the development world only: nems subscribe does it for a system of yours")
	}
	c, err := q.Wish.criteria()
	if err != nil {
		return none, err
	}
	status, location, answer, err := d.Subscribe(ctx, q.ASID, q.ODS, d.User, subscription.Resource{
		Contact: q.ODS, Criteria: c.Text, Mailbox: q.Mailbox, Reason: q.Reason, End: q.End,
	})
	if err != nil {
		return none, err
	}
	out := CreatedSubscription{Status: status, Answer: string(answer)}
	if status == http.StatusCreated {
		out.ID = location[strings.LastIndexByte(location, '/')+1:]
	}
	return out, nil
}
