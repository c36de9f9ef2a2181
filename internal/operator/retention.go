package operator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
)

// TypeRetention is how long the delivered events of a type are kept, and what was last
// removed.
type TypeRetention struct {
	EventType string `json:"eventType"`
	// Kept is the rule: a time such as 30d or 36h0m0s. Own says that it is the type's own.
	Kept string `json:"kept"`
	Own  bool   `json:"own,omitempty"`
	// Last is what the audit's last entry about the type tells; zero before the first.
	Last Removal `json:"last,omitzero"`
	// Since is what was removed since that entry and will be in the next one.
	Since Removal `json:"since,omitzero"`
}

// Removal is what retention has removed.
type Removal struct {
	At     time.Time `json:"at,omitzero"` // of the entry; of the first removal for what has none yet
	UpTo   int64     `json:"upTo"`        // the newest event that was removed
	Moment time.Time `json:"moment"`      // when that was accepted
	Events int64     `json:"events" jsonschema:"how many events, each with its message"`
	Copies int64     `json:"copies"`
	Bytes  int64     `json:"bytes" jsonschema:"of the messages"`
	// Chain and Link are the place of the entry in the audit, where it was looked for.
	Chain int64 `json:"chain,omitempty"`
	Link  int64 `json:"link,omitempty"`
}

var errNoRules = conflict("how long events are kept is known to a service that runs: start it")

// retention shows the rules by event type.
func (d Desk) retention(ctx context.Context, _ None) (Page[TypeRetention], error) {
	if d.Kept == nil {
		return Page[TypeRetention]{}, errNoRules
	}
	found, err := d.typeRetentions(ctx)
	return Page[TypeRetention]{Items: found}, err
}

func (d Desk) typeRetentions(ctx context.Context) ([]TypeRetention, error) {
	purges, err := d.Store.Purges(ctx)
	if err != nil {
		return nil, err
	}
	rules, out := *d.Kept, []TypeRetention{}
	add := func(code string) *TypeRetention {
		i := slices.IndexFunc(out, func(t TypeRetention) bool { return t.EventType == code })
		if i < 0 {
			kept := rules.Of(code)
			i, out = len(out), append(out, TypeRetention{EventType: code, Kept: inDays(kept), Own: kept != rules.General})
		}
		return &out[i]
	}
	for _, t := range d.Types().Types() {
		add(t.Code)
	}
	for _, p := range purges {
		t := add(p.Code)
		if p.Events > 0 {
			t.Since = Removal{At: p.Since, UpTo: int64(p.UpTo), Moment: d.Store.Moment(p.UpTo).UTC(), Events: p.Events, Copies: p.Copies, Bytes: p.Bytes}
		}
		if p.Told != "" {
			_ = json.Unmarshal([]byte(p.Told), &t.Last) // the store's own
			t.Last.At = p.Noted
		}
	}
	slices.SortFunc(out, func(a, b TypeRetention) int { return cmp.Compare(a.EventType, b.EventType) })
	return out, nil
}

// RetentionQuestion asks whether anything is kept for too long.
type RetentionQuestion struct {
	EventType string `json:"eventType,omitempty" jsonschema:"of this type only"`
	// After goes on where an answer has ended: its next.
	After int64 `json:"after,omitempty" jsonschema:"the next of the answer before; without it, all is looked through from the oldest event on"`
}

// RetentionProof is the answer. Where it has a Next, not all was looked through.
type RetentionProof struct {
	Types []ProvenRetention `json:"types"`
	// TooLong is how many events should have been removed and are there without a reason.
	TooLong int   `json:"tooLong"`
	Next    int64 `json:"next,omitempty" jsonschema:"not all was looked through: ask again with this"`
}

// ProvenRetention is what was found of one type.
type ProvenRetention struct {
	Retention  TypeRetention `json:"retention"`
	Oldest     int64         `json:"oldest,omitempty"` // the oldest event that is kept; 0: none was found
	OldestAt   time.Time     `json:"oldestAt,omitzero"`
	Waiting    int           `json:"waiting"` // older than the rule, and still to be delivered or collected
	TooLong    int           `json:"tooLong"` // older than the rule, without a reason
	TooLongIDs []int64       `json:"tooLongEvents,omitempty"`
}

// Add joins the answer that goes on where this one has ended.
func (p *RetentionProof) Add(more RetentionProof) {
	for i := range p.Types {
		t := &p.Types[i]
		for _, m := range more.Types {
			if m.Retention.EventType == t.Retention.EventType {
				if t.Oldest == 0 {
					t.Oldest, t.OldestAt = m.Oldest, m.OldestAt
				}
				t.Waiting, t.TooLong, t.TooLongIDs = t.Waiting+m.Waiting, t.TooLong+m.TooLong, append(t.TooLongIDs, m.TooLongIDs...)
			}
		}
	}
	p.TooLong, p.Next = p.TooLong+more.TooLong, more.Next
}

// What one answer costs at most: how many events are looked at, and how many of those
// that are overdue.
const (
	keptStep    = 20_000
	mostKept    = 200_000
	mostOverdue = 500
	shownIDs    = 20
)

// How long housekeeping may take with what has become due: PostgreSQL drops whole days
// by the general rule.
const (
	typeGrace    = 10 * time.Minute
	generalGrace = 25 * time.Hour
)

// due is the position before which events of a type should not be there any more.
func due(rules store.RetentionRules, code string, now time.Time) store.EventID {
	kept, grace := rules.Of(code), typeGrace
	if kept == rules.General {
		grace = generalGrace
	}
	return store.PositionAt(now.Add(-kept - grace))
}

// proveRetention looks through the oldest events. Types whose time has not come are
// behind those that are due: the walk ends where nothing can be due any more.
func (d Desk) proveRetention(ctx context.Context, q RetentionQuestion) (out RetentionProof, err error) {
	if d.Kept == nil {
		return out, errNoRules
	}
	rules := *d.Kept
	if q.After == 0 {
		e := d.entry(audit.ActionProveRetention, "")
		e.EventType = q.EventType
		d.Store.Record(e)
	}
	known, err := d.typeRetentions(ctx)
	if err != nil {
		return out, err
	}
	out.Types = []ProvenRetention{}
	for _, t := range known {
		if q.EventType == "" || t.EventType == q.EventType {
			if q.After == 0 {
				if err := d.findEntry(ctx, &t); err != nil {
					return out, err
				}
			}
			out.Types = append(out.Types, ProvenRetention{Retention: t})
		}
	}
	if len(out.Types) == 0 {
		return out, named(store.ErrNotFound, "event type", q.EventType)
	}
	shortest, now := rules.General, d.Now()
	for _, t := range rules.Types {
		shortest = min(shortest, t.Kept)
	}
	before := func(code string) store.EventID { return due(rules, code, now) }
	after, overdue := store.EventID(q.After), 0
	for looked := 0; ; {
		found, err := d.Store.KeptEvents(ctx, after, before, keptStep, mostOverdue)
		if err != nil {
			return out, err
		}
		for _, k := range found.Types {
			if err := d.judgeKept(ctx, &out, k); err != nil {
				return out, err
			}
			overdue += len(k.Overdue)
		}
		after, looked = found.Next, looked+keptStep
		if after == 0 || after >= store.PositionAt(now.Add(-shortest)) && !missesOldest(out.Types) {
			return out, nil
		}
		if looked >= mostKept || overdue >= mostOverdue {
			out.Next = int64(after)
			return out, nil
		}
	}
}

// missesOldest tells whether of a type that is kept nothing was found yet.
func missesOldest(types []ProvenRetention) bool {
	return len(types) == 1 && types[0].Oldest == 0
}

// inDays writes a time as settings have it: 30d where it is whole days.
func inDays(d time.Duration) string {
	const day = 24 * time.Hour
	if d > 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return d.String()
}

// judgeKept counts what was found of a type.
func (d Desk) judgeKept(ctx context.Context, out *RetentionProof, k store.KeptType) error {
	i := slices.IndexFunc(out.Types, func(t ProvenRetention) bool { return t.Retention.EventType == k.Code })
	if i < 0 {
		return nil
	}
	t := &out.Types[i]
	if t.Oldest == 0 {
		t.Oldest, t.OldestAt = int64(k.Oldest), d.Store.Moment(k.Oldest).UTC()
	}
	for _, id := range k.Overdue {
		open, err := d.unresolved(ctx, id)
		switch {
		case err != nil:
			return err
		case open:
			t.Waiting++
			continue
		}
		t.TooLong++
		out.TooLong++
		if len(t.TooLongIDs) < shownIDs {
			t.TooLongIDs = append(t.TooLongIDs, int64(id))
		}
	}
	return nil
}

// unresolved tells whether an event is still to be routed, delivered or collected.
func (d Desk) unresolved(ctx context.Context, id store.EventID) (bool, error) {
	e, err := d.Store.AcceptedEvent(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil // removed in the meantime
	}
	if err != nil || e.Waiting {
		return e.Waiting, err
	}
	for after := int64(0); ; {
		copies, err := d.Store.EventDeliveries(ctx, id, after, MaxLimit)
		if err != nil {
			return false, err
		}
		for _, c := range copies {
			if c.State == store.Waiting || c.State == store.Parked {
				return true, nil
			}
		}
		if len(copies) < MaxLimit {
			return false, nil
		}
		after = copies[len(copies)-1].Mailbox
	}
}

// findEntry finds the place of the entry that tells of the last removal.
func (d Desk) findEntry(ctx context.Context, t *TypeRetention) error {
	if t.Last.At.IsZero() {
		return nil
	}
	span, err := d.Store.AuditSpan(ctx, t.Last.At.Add(-time.Second), t.Last.At.Add(slack))
	if err != nil {
		return err
	}
	for looked := 0; span.First <= span.Last && looked < mostPatientLinks; {
		links, err := d.Store.AuditLinks(ctx, span, false, mostLinks)
		if err != nil || len(links) == 0 {
			return err
		}
		for _, link := range links {
			entries, err := link.Unpack()
			if err != nil {
				return unreadable(link.Link, err)
			}
			for _, e := range entries {
				if e.Action == audit.ActionPurge && e.EventType == t.EventType {
					t.Last.Chain, t.Last.Link = link.Chain, link.Seq
					return nil
				}
			}
		}
		looked += len(links)
		span = span.Behind(links[len(links)-1], false)
	}
	return nil
}
