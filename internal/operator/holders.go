package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// trail tells what became of one thing, of which versions are given in the order of
// their acceptance.
func (r *rectifying) trail(ctx context.Context, versions []version) (out Rectification, err error) {
	out = Rectification{EventType: versions[0].Code, Relation: sameThing(versions[0].Code), Versions: []Version{}, Holders: []Holder{}}
	correction := -1
	for i := range versions {
		v := &versions[i]
		out.Versions = append(out.Versions, v.shown())
		if v.corrects() && (correction < 0 || versions[correction].Event != r.event) {
			correction = i
		}
		if v.removed && v.thing == "" {
			out.Note = "Retention has removed messages: whether those events were about the same thing is not known any more."
		}
	}
	earlier, later := versions, []version(nil)
	if correction >= 0 {
		c := &versions[correction]
		out.Correction, out.Kind, out.At = int64(c.Event), c.Kind, c.At
		earlier, later = versions[:correction], versions[correction:]
	} else if r.event != 0 {
		out.Note = strings.TrimSpace(out.Note + " No correction and no withdrawal of it is known.")
	}
	found, err := r.holders(ctx, earlier)
	if err != nil {
		return out, err
	}
	for _, h := range found {
		if correction >= 0 {
			if err := r.told(ctx, h, later); err != nil {
				return out, err
			}
			if h.Act {
				out.ToAct++
			}
		}
		out.Holders = append(out.Holders, *h)
	}
	return out, nil
}

// holders finds who had copies of versions. Of each it has the last one.
func (r *rectifying) holders(ctx context.Context, versions []version) (out []*Holder, err error) {
	by := map[string]*Holder{}
	of := func(mailbox string) *Holder {
		if by[mailbox] == nil {
			by[mailbox] = &Holder{Mailbox: mailbox}
			out = append(out, by[mailbox])
		}
		return by[mailbox]
	}
	for i := range versions {
		v := &versions[i]
		copies, err := r.copies(ctx, v)
		if err != nil {
			return nil, err
		}
		for _, c := range copies {
			if !c.had() {
				continue
			}
			h := of(c.MailboxID)
			h.Event, h.Delivered, h.State, h.Collected, h.Evidence = int64(v.Event), c.Accepted, c.State, c.collected, "store"
			if c.State == "" {
				h.Evidence = "audit"
			}
			for _, id := range c.Subscriptions {
				if !slices.Contains(h.Subscriptions, id.String()) {
					h.Subscriptions = append(h.Subscriptions, id.String())
				}
			}
		}
	}
	for _, h := range out {
		r.describe(ctx, h)
	}
	return out, nil
}

// heldCopy is a copy as the store has it, or else as the audit tells of it, without a
// state.
type heldCopy struct {
	store.Delivery
	collected time.Time
}

// had tells whether somebody could read the copy.
func (c *heldCopy) had() bool {
	switch c.State {
	case store.Parked, store.Withheld, store.Undeliverable:
		return !c.collected.IsZero()
	}
	return true
}

// copies are the copies of an event, with those that only the audit knows.
func (r *rectifying) copies(ctx context.Context, v *version) (out []heldCopy, err error) {
	taken := r.evidence.taken[v.Event]
	if !v.removed {
		found, err := r.desk.Store.EventDeliveries(ctx, v.Event, 0, mostHolders+1)
		if err != nil {
			return nil, err
		}
		if len(found) > mostHolders {
			found, r.out.More = found[:mostHolders], true
		}
		for _, d := range found {
			c := heldCopy{Delivery: d, collected: taken[d.MailboxID].At}
			if d.State == store.Acknowledged {
				c.collected = d.At
			}
			out = append(out, c)
		}
	}
	for mailbox, e := range taken {
		if !slices.ContainsFunc(out, func(c heldCopy) bool { return c.MailboxID == mailbox }) {
			out = append(out, heldCopy{store.Delivery{Event: v.Event, MailboxID: mailbox, Accepted: v.At}, e.At})
		}
	}
	slices.SortStableFunc(out, func(a, b heldCopy) int { return strings.Compare(a.MailboxID, b.MailboxID) })
	return out, nil
}

// describe says whose mailbox it is.
func (r *rectifying) describe(ctx context.Context, h *Holder) {
	d := r.desk
	if box, err := d.Store.Mailbox(ctx, h.Mailbox); err == nil {
		h.ODS = box.ODS
	}
	if d.Organisations != nil && h.ODS != "" {
		if o, err := d.Organisations.Organisation(ctx, h.ODS); err == nil {
			h.Organisation = o.Name
		}
	}
	for _, text := range h.Subscriptions {
		id, err := subscription.ParseID(text)
		if err != nil {
			continue
		}
		s, err := d.Store.Subscription(ctx, id)
		asid := s.ASID
		if err != nil {
			asid = r.evidence.ended[text].ASID
		}
		if asid != "" && !slices.Contains(h.Systems, asid) {
			h.Systems = append(h.Systems, asid)
		}
	}
}

// told finds out what a holder has learnt of the correction, the first of later, or of
// those that came behind it.
func (r *rectifying) told(ctx context.Context, h *Holder, later []version) error {
	var best *heldCopy
	removed := false
	for i := range later {
		copies, err := r.copies(ctx, &later[i])
		if err != nil {
			return err
		}
		removed = removed || later[i].removed
		for _, c := range copies {
			if nhs.SameID(c.MailboxID, h.Mailbox) && (best == nil || c.degree() >= best.degree()) {
				best = &c
			}
		}
	}
	switch {
	case best != nil:
		h.learnt(best)
	case removed:
		h.Told, h.Act, h.Why = ToldUnknown, true, "retention has removed the copies of the correction, and the audit has no entry that this mailbox collected one"
	default:
		why, err := r.why(ctx, h, &later[0])
		if err != nil {
			return err
		}
		h.Told, h.Act, h.Why = ToldNot, true, why
	}
	return nil
}

// degree is how far a copy has come.
func (c *heldCopy) degree() int {
	switch {
	case !c.collected.IsZero():
		return 3
	case c.State == store.Sent:
		return 2
	case c.State == store.Waiting:
		return 1
	}
	return 0
}

// learnt says what a copy of the correction means for its holder.
func (h *Holder) learnt(c *heldCopy) {
	h.ToldEvent, h.ToldAt = int64(c.Event), c.At
	reason := strings.TrimSpace(c.ErrorCode + " " + c.ErrorText)
	switch c.degree() {
	case 3:
		h.Told, h.ToldAt = ToldCollected, c.collected
	case 2:
		h.Told = ToldSent
	case 1:
		h.Told, h.Why = ToldWaiting, reason
	default:
		h.Told, h.Act = ToldNot, true
		words := map[store.State]string{
			store.Parked: "the copy is parked", store.Withheld: "the copy was withheld: the record was flagged, or a filter of the subscription left it out",
			store.Undeliverable: "the copy was not collected in time, or was refused",
		}
		h.Why = words[c.State]
		if reason != "" {
			h.Why += ": " + reason
		}
	}
}

// why says why a holder got no copy of a correction.
func (r *rectifying) why(ctx context.Context, h *Holder, correction *version) (string, error) {
	x := explaining{desk: r.desk, dry: true, event: correction.AcceptedEvent, names: r.names, copies: map[string]*store.Delivery{}}
	if hindered, ok := x.hindrance(); ok {
		return "the correction was not delivered to anybody: " + hindered.Fact, nil
	}
	var reasons []string
	for _, text := range h.Subscriptions {
		id, err := subscription.ParseID(text)
		if err != nil {
			continue
		}
		s, err := r.desk.Store.Subscription(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			reasons = append(reasons, "subscription "+text+" "+r.gone(text))
			continue
		}
		if err != nil {
			return "", err
		}
		held, err := x.explain(ctx, &s)
		if err != nil {
			return "", err
		}
		reasons = append(reasons, "subscription "+text+" "+unfit(&held, &s))
	}
	if len(reasons) == 0 {
		return "nothing tells by which subscription it had the earlier version", nil
	}
	return strings.Join(reasons, "; "), nil
}

// gone says what became of a subscription that is not there.
func (r *rectifying) gone(id string) string {
	e, known := r.evidence.ended[id]
	switch {
	case !known:
		return "was deleted, or ended and was removed"
	case e.Action == audit.ActionDelete:
		return "was deleted by its owner at " + moment(e.At)
	}
	return "was deleted by an operator at " + moment(e.At)
}

// unfit says why a subscription does not match a correction.
func unfit(held *ExplainedSubscription, s *subscription.Subscription) string {
	for _, c := range held.Criteria {
		if !c.Holds && c.Criterion == subscription.ByEnd {
			return "ended at " + moment(s.End)
		}
	}
	for _, c := range held.Criteria {
		if !c.Holds {
			return fmt.Sprintf("does not fit any more: %s: %s, not %s", c.Criterion, c.Fact, c.Wanted)
		}
	}
	if held.Note != "" {
		return "gave no copy: " + held.Note
	}
	return "matches, but no copy names it: it was changed at the same time, or the copy is still to be filed"
}
