package operator

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"nems/internal/audit"
	"nems/internal/controllers"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// RecipientsQuestion asks who received what about a patient.
type RecipientsQuestion struct {
	// Patient is an NHS number. It travels in bodies only, never in a URL.
	Patient string    `json:"patient" jsonschema:"an NHS number"`
	From    time.Time `json:"from,omitzero" jsonschema:"events accepted not before"`
	To      time.Time `json:"to,omitzero" jsonschema:"events accepted before"`
	Reason  string    `json:"reason" jsonschema:"why you look: 1 to 200 characters; it is recorded"`
}

// Recipients are those who received something about a patient. They do not name the
// patient.
type Recipients struct {
	Recipients []Recipient `json:"recipients"`
	// Removed is how many events retention has removed: of those only what the audit tells
	// is counted.
	Removed int  `json:"removed,omitempty"`
	More    bool `json:"more,omitempty"` // not all was looked at: ask with from and to
}

// Recipient is an organisation that received events of one type in one mailbox.
type Recipient struct {
	ODS          nhs.ODSCode `json:"ods,omitempty"`
	Organisation string      `json:"organisation,omitempty"`
	Mailbox      string      `json:"mailbox"`
	EventType    string      `json:"eventType"`
	Copies       int         `json:"copies"`
	Collected    int         `json:"collected"` // or sent to a MESH outside
	First        time.Time   `json:"first"`     // when the first event was accepted
	Last         time.Time   `json:"last"`
	// Subscriptions are those for which the copies were made; none for copies that the
	// audit alone knows.
	Subscriptions []string `json:"subscriptions,omitempty"`
	Rules         []string `json:"rules,omitempty"` // EXPLICIT, or the rule and its area
	Purposes      []string `json:"purposes,omitempty"`
	Bases         []string `json:"bases,omitempty"`
	Evidence      string   `json:"evidence" jsonschema:"store, audit or both"`
}

// recipients tells who received what about a patient, how often, by which subscription
// and why. That somebody looks is recorded, with the reason.
func (d Desk) recipients(ctx context.Context, q RecipientsQuestion) (none Recipients, err error) {
	if err := reasoned(q.Reason); err != nil {
		return none, err
	}
	patient, err := nhs.ParseNHSNumber(q.Patient)
	if err != nil {
		return none, invalid("patient", "patient: %s", err)
	}
	entry := d.entry(audit.ActionReadRecipients, "")
	entry.Patient, entry.Reason = patient, q.Reason
	d.Store.Record(entry)
	r := rectifying{desk: d, patient: patient}
	if r.evidence, err = d.evidence(ctx, patient, q.From, q.To); err != nil {
		return none, err
	}
	catalogue, err := ReadControllers(ctx, d.Store)
	if err != nil {
		return none, err
	}
	out := Recipients{Recipients: []Recipient{}}
	for n, e := range r.evidence.published {
		if n == mostVersions {
			out.More = true
			break
		}
		v := version{AcceptedEvent: store.AcceptedEvent{Event: eventOf(e), At: e.At, Code: e.EventType}}
		if _, err := d.Store.AcceptedEvent(ctx, v.Event); errors.Is(err, store.ErrNotFound) {
			v.removed = true
			out.Removed++
		} else if err != nil {
			return none, err
		}
		copies, err := r.copies(ctx, &v)
		if err != nil {
			return none, err
		}
		for i := range copies {
			out.add(&v, &copies[i])
		}
	}
	out.More = out.More || r.out.More
	for i := range out.Recipients {
		d.justifyRecipient(ctx, &out.Recipients[i], catalogue)
	}
	slices.SortFunc(out.Recipients, func(a, b Recipient) int {
		return cmp.Or(cmp.Compare(a.ODS, b.ODS), cmp.Compare(a.Mailbox, b.Mailbox), cmp.Compare(a.EventType, b.EventType))
	})
	return out, nil
}

// add counts one copy that somebody could read.
func (r *Recipients) add(v *version, c *heldCopy) {
	if !c.had() {
		return
	}
	i := slices.IndexFunc(r.Recipients, func(x Recipient) bool { return x.Mailbox == c.MailboxID && x.EventType == v.Code })
	if i < 0 {
		i = len(r.Recipients)
		r.Recipients = append(r.Recipients, Recipient{Mailbox: c.MailboxID, EventType: v.Code, First: v.At, Last: v.At})
	}
	x := &r.Recipients[i]
	x.Copies++
	if c.degree() >= 2 {
		x.Collected++
	}
	if v.At.Before(x.First) {
		x.First = v.At
	}
	if v.At.After(x.Last) {
		x.Last = v.At
	}
	evidence := "store"
	if c.State == "" {
		evidence = "audit"
	}
	if x.Evidence != "" && x.Evidence != evidence {
		evidence = "both"
	}
	x.Evidence = evidence
	for _, id := range c.Subscriptions {
		x.Subscriptions = added(x.Subscriptions, id.String())
	}
}

// justifyRecipient says whose mailbox it is, by which rules it received and why.
func (d Desk) justifyRecipient(ctx context.Context, x *Recipient, catalogue *controllers.Catalogue) {
	if box, err := d.Store.Mailbox(ctx, x.Mailbox); err == nil {
		x.ODS = box.ODS
	}
	for _, text := range x.Subscriptions {
		id, err := subscription.ParseID(text)
		if err != nil {
			continue
		}
		s, err := d.Store.Subscription(ctx, id)
		if err != nil {
			continue
		}
		if x.ODS == "" {
			x.ODS = s.ODS
		}
		rule := s.Criteria.Rule + " " + s.Criteria.Organisation
		if s.Criteria.Explicit() {
			rule = ruleExplicit
		}
		x.Rules = added(x.Rules, rule)
	}
	x.Organisation = d.organisationName(ctx, x.ODS)
	e := RegisterEntry{Role: controllers.Consumer}
	e.justify(catalogue.Of(x.ODS, x.EventType))
	x.Purposes, x.Bases = e.Purposes, e.Bases
}
