package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"nems/internal/audit"
	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// explaining is the work on one page of an explanation.
type explaining struct {
	desk   Desk
	about  about
	event  store.AcceptedEvent
	dry    bool // the event is not published
	names  subscription.Names
	copies map[string]*store.Delivery // by mailbox; nil where it has none
	looked int                        // how often the audit was searched
}

// explainPlace is where a page has ended: behind a subscription under the nth route
// key, or behind the copies of a mailbox, which come after the last key.
type explainPlace struct {
	Key     int
	ID      subscription.ID
	Mailbox int64
}

const (
	// mostCopies is how many copies one page looks through for subscriptions that are
	// not there any more.
	mostCopies = 50
	// mostLookups limits how often one page searches the audit for who collected a copy.
	mostLookups = 25
)

func (x *explaining) page(ctx context.Context, l listing[explainPlace]) (none Explained, err error) {
	x.copies = map[string]*store.Delivery{}
	out := Explained{Event: x.shownEvent(ctx), Subscriptions: []ExplainedSubscription{}}
	found, next, err := x.subscriptions(ctx, l.after, l.limit)
	if err != nil {
		return none, err
	}
	for i := range found {
		one, err := x.explain(ctx, &found[i])
		if err != nil {
			return none, err
		}
		out.Subscriptions = append(out.Subscriptions, one)
	}
	if next != nil {
		out.Next, err = l.desk.seal(l.name, l.filter, *next)
	}
	return out, err
}

// subscriptions reads the next max subscriptions behind a place, and says where to go
// on: nil at the end.
func (x *explaining) subscriptions(ctx context.Context, at explainPlace, max int) ([]subscription.Subscription, *explainPlace, error) {
	db := x.desk.Store
	query := store.SubscriptionQuery{After: at.ID, Max: max + 1}
	switch {
	case !x.about.subscription.IsZero():
		one, err := db.Subscription(ctx, x.about.subscription)
		if errors.Is(err, store.ErrNotFound) {
			return []subscription.Subscription{{ID: x.about.subscription}}, nil, nil
		}
		return []subscription.Subscription{one}, nil, err
	case x.about.mailbox != "":
		query.Mailboxes = []string{x.about.mailbox}
	case !x.about.patient.IsZero():
		query.Patients = []nhs.NHSNumber{x.about.patient}
	default:
		return x.near(ctx, at, max)
	}
	found, err := db.AllSubscriptions(ctx, query)
	if len(found) <= max {
		return found, nil, err
	}
	return found[:max], &explainPlace{ID: found[max-1].ID}, err
}

// near reads the subscriptions that share a route key with the event, and then those
// that its copies name and that cannot be found by a key.
func (x *explaining) near(ctx context.Context, at explainPlace, max int) ([]subscription.Subscription, *explainPlace, error) {
	var keys []subscription.RouteKey
	if x.event.Facts != nil {
		keys = x.event.Facts.Keys
	}
	if at.Key >= len(keys) {
		if x.dry {
			return nil, nil, nil
		}
		return x.named(ctx, at)
	}
	found, err := x.desk.Store.SubscriptionsUnder(ctx, keys[at.Key], at.ID, max+1)
	if len(found) <= max {
		return found, &explainPlace{Key: at.Key + 1}, err
	}
	return found[:max], &explainPlace{Key: at.Key, ID: found[max-1].ID}, err
}

// named reads the subscriptions that copies name and that are not there any more; all
// that they name where it is not known what the event was matched by.
func (x *explaining) named(ctx context.Context, at explainPlace) (out []subscription.Subscription, next *explainPlace, err error) {
	copies, err := x.desk.Store.EventDeliveries(ctx, x.event.Event, at.Mailbox, mostCopies)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range copies {
		for _, id := range c.Subscriptions {
			one, err := x.desk.Store.Subscription(ctx, id)
			gone := errors.Is(err, store.ErrNotFound)
			switch {
			case gone:
				out = append(out, subscription.Subscription{ID: id, Mailbox: c.MailboxID})
			case err != nil:
				return nil, nil, err
			case x.event.Facts == nil:
				out = append(out, one)
			}
		}
	}
	if len(copies) == mostCopies {
		next = &explainPlace{Key: at.Key, Mailbox: copies[mostCopies-1].Mailbox}
	}
	return out, next, nil
}

// explain holds one subscription against the event.
func (x *explaining) explain(ctx context.Context, s *subscription.Subscription) (none ExplainedSubscription, err error) {
	out := ExplainedSubscription{ID: s.ID.String(), ODS: s.ODS, Mailbox: s.Mailbox, Criteria: []ExplainedCriteria{}}
	delivery, err := x.copyFor(ctx, s)
	if err != nil {
		return none, err
	}
	if delivery != nil {
		out.Mailbox = delivery.MailboxID
		out.Copy = x.shownCopy(ctx, delivery, s.ID)
	}
	switch {
	case s.Created.IsZero():
		out.Note = "There is no such subscription: it was deleted, or it ended and was removed."
		out.Matched = out.Copy.Names
		return out, nil
	case len(s.Criteria.Events) == 0:
		out.Note = "The stored criteria cannot be read: it matches nothing. Its owner has to delete it and create it again."
		return out, nil
	}
	out.AsksFor = subscription.Sentence(s.Criteria, x.names)
	return out, x.hold(ctx, s, &out)
}

// hold fills in the criteria and what follows from them.
func (x *explaining) hold(ctx context.Context, s *subscription.Subscription, out *ExplainedSubscription) error {
	e := subscription.ExplainWithoutFacts(s, x.event.Code, x.event.At)
	if x.event.Facts != nil {
		e = subscription.Explain(s, x.event.Facts)
	}
	filtered, err := x.filtered(ctx, s, &e)
	if err != nil {
		return err
	}
	for _, f := range e.Findings {
		out.Criteria = append(out.Criteria, ExplainedCriteria{f.Criterion, f.Wanted, f.Found, f.Holds})
	}
	if hindered, ok := x.hindrance(); ok {
		out.Criteria = append(out.Criteria, hindered)
		e.Matched = false
	}
	named := out.Copy.Names
	out.Matched = !filtered && named || e.Matched && x.event.Facts != nil
	switch {
	case x.dry, filtered && !e.Matched:
	case named && !e.Matched:
		out.Note = "The copy names the subscription, although it does not match as it is now: it was changed or approved at the same time as the event was accepted."
	case e.Matched && !named && out.Copy.With >= subscription.MaxNamed:
		out.Note = fmt.Sprintf("The mailbox has one copy, which names only the first %d of the subscriptions that match.", subscription.MaxNamed)
	case e.Matched && !named && x.event.Facts != nil:
		out.Note = "No copy names the subscription: the copy is still to be filed or was removed, or the subscription was created or approved at the same time as the event was accepted."
	}
	if e.Matched && x.event.Facts != nil && x.desk.Filtered == nil && s.Criteria.MNS.Type != "" {
		out.Note = noteFilters
	}
	return nil
}

// noteFilters says what nobody but a service that runs knows.
const noteFilters = "The filters of the MNS are left out: a service that runs judges them."

// filtered adds what criteria of the MNS ask for beyond the route keys, where the event
// fits in all else, and reports whether that alone keeps the event away: a copy that
// names the subscription is withheld then.
func (x *explaining) filtered(ctx context.Context, s *subscription.Subscription, e *subscription.Explanation) (away bool, err error) {
	if !e.Matched || x.event.Facts == nil || x.desk.Filtered == nil {
		return false, nil
	}
	found, err := x.desk.Filtered(ctx, s, &x.event)
	for _, f := range found {
		e.Findings = append(e.Findings, f)
		away = away || !f.Holds
	}
	e.Matched = !away
	return away, err
}

// hindrance is the criterion of the event itself that fails.
func (x *explaining) hindrance() (c ExplainedCriteria, hindered bool) {
	switch e := &x.event; {
	case e.Withheld:
		return ExplainedCriteria{"not withheld", "a patient whose record is not flagged", "the record is flagged", false}, true
	case e.Refusal != "":
		return ExplainedCriteria{"routed", "a patient whom the directory knows", e.Refusal, false}, true
	case e.Waiting:
		return ExplainedCriteria{"routed", "a patient whom the directory knows", "the patient directory is away", false}, true
	}
	return c, false
}

// copyFor finds the copy of the mailbox of a subscription; nil where there is none.
func (x *explaining) copyFor(ctx context.Context, s *subscription.Subscription) (*store.Delivery, error) {
	if x.dry {
		return nil, nil
	}
	if s.Mailbox == "" { // a subscription that is gone: some copy may name it
		copies, err := x.desk.Store.EventDeliveries(ctx, x.event.Event, 0, MaxLimit)
		at := slices.IndexFunc(copies, func(d store.Delivery) bool { return slices.Contains(d.Subscriptions, s.ID) })
		if err != nil || at < 0 {
			return nil, err
		}
		return &copies[at], nil
	}
	if known, ok := x.copies[s.Mailbox]; ok {
		return known, nil
	}
	page, err := x.desk.Store.DeliveryPage(ctx, store.DeliveryQuery{Mailbox: s.Mailbox, Event: x.event.Event, Max: 1})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	x.copies[s.Mailbox] = nil
	if len(page.Found) > 0 {
		x.copies[s.Mailbox] = &page.Found[0]
	}
	return x.copies[s.Mailbox], nil
}

func (x *explaining) shownCopy(ctx context.Context, d *store.Delivery, id subscription.ID) ExplainedCopy {
	c := ExplainedCopy{ID: d.ID, State: d.State, At: d.At, MESHID: d.MESHID, Names: slices.Contains(d.Subscriptions, id), With: len(d.Subscriptions)}
	if c.Names {
		c.With--
	}
	c.Error = d.ErrorText
	if d.ErrorCode != "" {
		c.Error = d.ErrorCode + " " + d.ErrorText
	}
	if box, err := x.desk.Store.Mailbox(ctx, d.MailboxID); err == nil {
		c.Remote = box.Remote
	}
	if !c.Remote {
		c.MESHID = mesh.FormatMessageID(int64(d.Event), d.Mailbox)
	}
	if d.State == store.Acknowledged && x.looked < mostLookups {
		x.looked++
		c.Collected = x.desk.collectedBy(ctx, d)
	}
	c.Told = c.told(d.MailboxID)
	return c
}

// collectedBy looks in the audit for the certificate with which a copy was
// acknowledged; "" where it is not found.
func (d Desk) collectedBy(ctx context.Context, c *store.Delivery) string {
	span, err := d.Store.AuditSpan(ctx, c.At.Add(-time.Second), c.At.Add(slack))
	if err != nil {
		return ""
	}
	links, err := d.Store.AuditLinks(ctx, span, false, mostLinks)
	if err != nil {
		return ""
	}
	object := mesh.FormatMessageID(int64(c.Event), c.Mailbox)
	for _, link := range links {
		entries, _ := link.Unpack()
		for _, e := range entries {
			if e.Action == audit.ActionAcknowledge && e.Object == object && e.Outcome == "" {
				return e.Certificate
			}
		}
	}
	return ""
}
