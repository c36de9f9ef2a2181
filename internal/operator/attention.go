package operator

import (
	"context"
	"fmt"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

// Concern is something that a person should look at.
type Concern struct {
	Kind ConcernKind `json:"kind"`
	Text string      `json:"text" jsonschema:"what it is, in a sentence"`
	// Since is when it began, where that is known.
	Since time.Time `json:"since,omitzero"`
	// Count is of how many things it is.
	Count Figure `json:"count,omitzero"`
	// Page is the console's page that shows it, relative to the console's root; "" where
	// no page does.
	Page string `json:"page,omitempty"`
}

// ConcernKind says what a concern is about.
type ConcernKind string

// The kinds of concerns.
const (
	ConcernNotice        ConcernKind = "notice"        // of the clock or of certificate files
	ConcernCertificate   ConcernKind = "certificate"   // one expires, or a revocation list is too old
	ConcernDirectory     ConcernKind = "directory"     // a part of it is empty
	ConcernApproval      ConcernKind = "approval"      // subscriptions wait for it
	ConcernUnreadable    ConcernKind = "unreadable"    // subscriptions that cannot be read
	ConcernParked        ConcernKind = "parked"        // copies that wait for an operator
	ConcernUndeliverable ConcernKind = "undeliverable" // copies that nobody collected in time
	ConcernUnrouted      ConcernKind = "unrouted"      // events that wait for the patient directory
	ConcernBacklog       ConcernKind = "backlog"       // copies that wait for long
	ConcernCatalogue     ConcernKind = "catalogue"     // a row of the controller catalogue: its evidence expires, or its review is late
)

// Attention is all that a person should look at.
type Attention struct {
	At       time.Time `json:"at"`
	Concerns []Concern `json:"concerns"`
}

const (
	// mostConcerned is as far as things of one kind are counted.
	mostConcerned = 100
	// longWait is how long a copy may wait before somebody should know: a MESH drops
	// it after five days.
	longWait = 24 * time.Hour
	// mostNeglected is how many mailboxes are named that nobody collects from.
	mostNeglected = 20
	// recently is how far back undeliverable copies concern anybody.
	recently = 7 * 24 * time.Hour
)

// attention collects what a person should look at. Each part reads a bounded number of
// rows.
func (d Desk) attention(ctx context.Context, _ None) (out Attention, err error) {
	out = Attention{At: d.Now(), Concerns: []Concern{}}
	if d.Notices != nil {
		for _, text := range d.Notices() {
			out.Concerns = append(out.Concerns, Concern{Kind: ConcernNotice, Text: text})
		}
	}
	if d.Concerns != nil {
		some, err := d.Concerns(ctx)
		if err != nil {
			return out, err
		}
		out.Concerns = append(out.Concerns, some...)
	}
	for _, part := range []func(context.Context, *Attention) error{d.concernedSubscriptions, d.concernedCopies, d.concernedEvents, d.concernedMailboxes, d.concernedEndpoints, d.concernedControllers} {
		if err := part(ctx, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// add adds a concern of so many things, as far as they were counted; none for 0.
func (a *Attention) add(kind ConcernKind, n int, page, one, more string, since time.Time) {
	text := more
	switch n {
	case 0:
		return
	case 1:
		text = one
	}
	count := Figure{N: int64(n)}
	if n > mostConcerned {
		count = Figure{N: mostConcerned, AtLeast: true}
	}
	a.Concerns = append(a.Concerns, Concern{kind, text, since, count, page})
}

func (d Desk) concernedSubscriptions(ctx context.Context, a *Attention) error {
	waiting, err := d.Store.AllSubscriptions(ctx, store.SubscriptionQuery{Statuses: []subscription.Status{subscription.Requested}, Max: mostConcerned + 1})
	if err != nil {
		return err
	}
	var since time.Time
	if len(waiting) > 0 {
		since = waiting[0].Created
	}
	a.add(ConcernApproval, len(waiting), "subscriptions?status=requested", "A subscription waits for approval.", "Subscriptions wait for approval.", since)
	broken, err := d.Store.QuarantinedAfter(ctx, subscription.ID{}, mostConcerned+1)
	if err != nil {
		return err
	}
	if since = (time.Time{}); len(broken) > 0 {
		since = broken[0].At
	}
	a.add(ConcernUnreadable, len(broken), "subscriptions?quarantined=1", "A subscription cannot be read and matches nothing.", "Subscriptions cannot be read and match nothing.", since)
	return nil
}

func (d Desk) concernedCopies(ctx context.Context, a *Attention) error {
	count := func(state store.State, from time.Time) (int, error) {
		found, err := d.Store.DeliveryPage(ctx, store.DeliveryQuery{State: state, From: from, Max: mostConcerned + 1, Effort: mostLooked})
		return len(found.Found), err
	}
	parked, err := count(store.Parked, time.Time{})
	if err != nil {
		return err
	}
	a.add(ConcernParked, parked, "deliveries?state=parked&since=8760h", "A copy is parked: it waits for an operator.", "Copies are parked: they wait for an operator.", time.Time{})
	undone, err := count(store.Undeliverable, a.At.Add(-recently))
	if err != nil {
		return err
	}
	a.add(ConcernUndeliverable, undone, "deliveries?state=undeliverable", "A copy could not be delivered within the last seven days.", "Copies could not be delivered within the last seven days.", time.Time{})
	return nil
}

func (d Desk) concernedEvents(ctx context.Context, a *Attention) error {
	u, err := d.Store.Unrouted(ctx)
	if err != nil {
		return err
	}
	if u.Pending > 0 {
		a.Concerns = append(a.Concerns, Concern{ConcernUnrouted, "The patient directory was away: events wait to be matched.", u.Oldest, Figure{N: u.Pending}, "events?outcome=waiting&since=720h"})
	}
	if u.Refused > 0 {
		a.Concerns = append(a.Concerns, Concern{ConcernUnrouted, "Events cannot be matched: the patient directory does not know their patients.", time.Time{}, Figure{N: u.Refused}, "events?outcome=undeliverable&since=720h"})
	}
	return nil
}

// concernedMailboxes looks at the mailboxes served here that have waited longest.
func (d Desk) concernedMailboxes(ctx context.Context, a *Attention) error {
	boxes, err := d.Store.Uncollected(ctx, mostNeglected)
	if err != nil {
		return err
	}
	for _, m := range boxes {
		if a.At.Sub(m.Oldest) >= longWait {
			a.Concerns = append(a.Concerns, Concern{ConcernBacklog, fmt.Sprintf("The mailbox %s is not collected.", m.MailboxID), m.Oldest, Figure{}, "mailboxes/" + m.MailboxID})
		}
	}
	return nil
}

// concernedEndpoints looks at the first endpoints for those that are off.
func (d Desk) concernedEndpoints(ctx context.Context, a *Attention) error {
	rows, err := d.Store.EndpointsAfter(ctx, 0, mostConcerned)
	if err != nil {
		return err
	}
	for _, row := range rows {
		e, err := newEndpoint(row)
		if err != nil {
			return err
		}
		if e.Off && row.Channel != store.RestHookChannel { // which is for its subscriber to see to
			a.Concerns = append(a.Concerns, Concern{ConcernBacklog, fmt.Sprintf("The endpoint %s is off: %s.", e.ID, e.Why), e.Since, Figure{}, "endpoints/" + e.ID})
		}
	}
	return nil
}
