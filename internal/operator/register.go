package operator

import (
	"cmp"
	"context"
	"slices"
	"time"

	"nems/internal/controllers"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// RegisterQuestion asks for the register of processing.
type RegisterQuestion struct {
	ODS nhs.ODSCode `json:"ods,omitempty" jsonschema:"of this organisation only; then its copies are counted, too"`
	// After goes on where an answer has ended: its next.
	After string `json:"after,omitempty" jsonschema:"the next of the answer before"`
}

// Register is what is processed for whom and why, an entry for each organisation, event
// type and kind of subscription. It names no patient. Where it has a Next, not all
// subscriptions were looked through.
type Register struct {
	Entries []RegisterEntry `json:"entries"`
	Next    string          `json:"next,omitempty" jsonschema:"not all was looked through: ask again with this"`
}

// RegisterEntry is what one organisation receives, or publishes, of one event type.
type RegisterEntry struct {
	ODS          nhs.ODSCode      `json:"ods"`
	Organisation string           `json:"organisation,omitempty"` // its name, where it is known
	Role         controllers.Role `json:"role" jsonschema:"publisher or consumer"`
	EventType    string           `json:"eventType"`
	// Rule is what its subscriptions are by: EXPLICIT for one patient each, or a rule; ""
	// where it has none.
	Rule          string     `json:"rule,omitempty"`
	Subscriptions int        `json:"subscriptions"` // that are active
	Systems       []nhs.ASID `json:"systems,omitempty"`
	Mailboxes     []string   `json:"mailboxes,omitempty"`
	Channels      []string   `json:"channels,omitempty"`
	Oldest        time.Time  `json:"oldest,omitzero"` // subscription
	// Purposes, bases, decisions and reviews are those of the controller catalogue.
	Purposes []string `json:"purposes,omitempty"`
	Bases    []string `json:"bases,omitempty"`
	Decided  []string `json:"decided,omitempty"`
	Review   string   `json:"review,omitempty"` // the first day
	// Kept is how long this service keeps events of the type, Retention how long the
	// organisation says that it does.
	Kept      string `json:"kept,omitempty"`
	Retention string `json:"retention,omitempty"`
	// Copies are those within the time for which they are kept, where they were counted;
	// MoreCopies says that there are more.
	Copies     int       `json:"copies,omitempty"`
	MoreCopies bool      `json:"moreCopies,omitempty"`
	Last       time.Time `json:"last,omitzero"` // when the last of them was accepted
}

// ruleExplicit stands for subscriptions to one patient, as in the controller catalogue.
const ruleExplicit = "EXPLICIT"

// What one answer looks at: subscriptions, and copies of each mailbox.
const (
	registerPage  = 1000
	registerPages = 20
	mostCounted   = 20_000
)

// register writes the register of processing.
func (d Desk) register(ctx context.Context, q RegisterQuestion) (out Register, err error) {
	if q.ODS != "" {
		if ods, err := nhs.ParseODSCode(string(q.ODS)); err != nil || ods != q.ODS {
			return out, invalid("ods", "ods: %s", nhs.ErrODSCode)
		}
	}
	r := registering{desk: d, channels: map[string]string{}}
	var after subscription.ID
	if q.After != "" {
		if after, err = subscription.ParseID(q.After); err != nil {
			return out, invalid("after", "after: %s", err)
		}
	}
	if r.catalogue, err = ReadControllers(ctx, d.Store); err != nil {
		return out, err
	}
	for range registerPages {
		rows, err := d.Store.AllSubscriptions(ctx, store.SubscriptionQuery{ODS: q.ODS, Statuses: []subscription.Status{subscription.Active}, After: after, Max: registerPage})
		if err != nil {
			return out, err
		}
		for i := range rows {
			r.add(ctx, &rows[i])
		}
		if len(rows) < registerPage {
			return r.finish(ctx, q)
		}
		after = rows[len(rows)-1].ID
	}
	out, err = r.finish(ctx, q)
	out.Next = after.String()
	return out, err
}

// registering is the work on a register.
type registering struct {
	desk      Desk
	catalogue *controllers.Catalogue
	channels  map[string]string // by mailbox
	entries   []*RegisterEntry
}

func (r *registering) entry(ods nhs.ODSCode, role controllers.Role, code, rule string) *RegisterEntry {
	for _, e := range r.entries {
		if e.ODS == ods && e.Role == role && e.EventType == code && e.Rule == rule {
			return e
		}
	}
	e := &RegisterEntry{ODS: ods, Role: role, EventType: code, Rule: rule}
	r.entries = append(r.entries, e)
	return e
}

// add counts a subscription.
func (r *registering) add(ctx context.Context, s *subscription.Subscription) {
	if !s.End.IsZero() && !s.End.After(r.desk.Now()) {
		return
	}
	rule := s.Criteria.Rule
	if s.Criteria.Explicit() {
		rule = ruleExplicit
	}
	for _, code := range s.Criteria.EventCodes() {
		e := r.entry(s.ODS, controllers.Consumer, code, rule)
		e.Subscriptions++
		if e.Oldest.IsZero() || s.Created.Before(e.Oldest) {
			e.Oldest = s.Created
		}
		e.Systems, e.Mailboxes = added(e.Systems, s.ASID), added(e.Mailboxes, s.Mailbox)
		e.Channels = added(e.Channels, r.channel(ctx, s.Mailbox))
	}
}

// added adds a value to a short list that lacks it.
func added[T comparable](list []T, value T) []T {
	if slices.Contains(list, value) {
		return list
	}
	return append(list, value)
}

// channel is how copies reach a mailbox.
func (r *registering) channel(ctx context.Context, mailbox string) string {
	if known, ok := r.channels[mailbox]; ok {
		return known
	}
	channel := "mesh"
	if e, err := r.desk.findEndpoint(ctx, mailbox); err == nil {
		channel = string(e.Channel)
	}
	r.channels[mailbox] = channel
	return channel
}

// finish joins what the controller catalogue says, and on the first page what it lists
// and nobody subscribes to.
func (r *registering) finish(ctx context.Context, q RegisterQuestion) (out Register, err error) {
	if q.After == "" {
		for _, row := range r.catalogue.Rows() {
			if row.Status == controllers.Ended || q.ODS != "" && row.Organisation != q.ODS {
				continue
			}
			if row.Role != controllers.Consumer {
				r.entry(row.Organisation, controllers.Publisher, row.Event, "")
			}
			if row.Role != controllers.Publisher && !slices.ContainsFunc(r.entries, func(e *RegisterEntry) bool {
				return e.ODS == row.Organisation && e.EventType == row.Event && e.Role == controllers.Consumer
			}) {
				r.entry(row.Organisation, controllers.Consumer, row.Event, "")
			}
		}
	}
	out.Entries = []RegisterEntry{}
	for _, e := range r.entries {
		if r.desk.Kept != nil {
			e.Kept = inDays(r.desk.Kept.Of(e.EventType))
		}
		e.Organisation = r.desk.organisationName(ctx, e.ODS)
		e.justify(r.catalogue.Of(e.ODS, e.EventType))
		if q.ODS != "" {
			if err := r.count(ctx, e); err != nil {
				return out, err
			}
		}
		out.Entries = append(out.Entries, *e)
	}
	sortRegister(out.Entries)
	return out, nil
}

// sortRegister puts entries in the order in which people read them.
func sortRegister(entries []RegisterEntry) {
	slices.SortFunc(entries, func(a, b RegisterEntry) int {
		return cmp.Or(cmp.Compare(a.ODS, b.ODS), cmp.Compare(a.Role, b.Role), cmp.Compare(a.EventType, b.EventType), cmp.Compare(a.Rule, b.Rule))
	})
}

// organisationName is the name of an organisation; "" where it is not known.
func (d Desk) organisationName(ctx context.Context, ods nhs.ODSCode) string {
	if d.Organisations == nil || ods == "" {
		return ""
	}
	o, err := d.Organisations.Organisation(ctx, ods)
	if err != nil {
		return ""
	}
	return o.Name
}

// justify says why the organisation has the events, as far as the catalogue does.
func (e *RegisterEntry) justify(rows []controllers.Row) {
	for _, row := range rows {
		if row.Status == controllers.Ended || row.Role != controllers.Both && row.Role != e.Role {
			continue
		}
		if row.Purpose != "" {
			e.Purposes = added(e.Purposes, row.Purpose)
		}
		if row.Basis.Code != "" {
			basis := row.Basis.Code
			if row.Basis.Reference != "" {
				basis += " (" + row.Basis.Reference + ")"
			}
			e.Bases = added(e.Bases, basis)
		}
		if row.Decided.By != "" {
			e.Decided = added(e.Decided, row.Decided.By+" "+row.Decided.On.String())
		}
		if review := row.Decided.Review; !review.IsZero() && (e.Review == "" || review.String() < e.Review) {
			e.Review = review.String()
		}
		e.Retention = cmp.Or(e.Retention, row.Retention)
	}
}

// count counts the copies that the organisation's mailboxes have had.
func (r *registering) count(ctx context.Context, e *RegisterEntry) error {
	for _, mailbox := range e.Mailboxes {
		q := store.DeliveryQuery{Mailbox: mailbox, Code: e.EventType, Max: MaxLimit, Effort: mostCounted}
		for looked := 0; ; looked += MaxLimit {
			if looked >= mostCounted {
				e.MoreCopies = true
				break
			}
			page, err := r.desk.Store.DeliveryPage(ctx, q)
			if err != nil {
				return err
			}
			for i := range page.Found {
				if c := &page.Found[i]; r.asked(ctx, c, e) {
					e.Copies++
					if c.Accepted.After(e.Last) {
						e.Last = c.Accepted
					}
				}
			}
			if page.Next == nil {
				break
			}
			q.After = *page.Next
		}
	}
	return nil
}

// asked tells whether a copy was made for subscriptions by the rule of an entry. One for
// a subscription that is gone counts for all of them.
func (r *registering) asked(ctx context.Context, c *store.Delivery, e *RegisterEntry) bool {
	for _, id := range c.Subscriptions {
		s, err := r.desk.Store.Subscription(ctx, id)
		if err != nil || s.Criteria.Rule == e.Rule || s.Criteria.Explicit() && e.Rule == ruleExplicit {
			return true
		}
	}
	return false
}

// Add joins the register that goes on where this one has ended.
func (r *Register) Add(more Register) {
	for _, m := range more.Entries {
		i := slices.IndexFunc(r.Entries, func(e RegisterEntry) bool {
			return e.ODS == m.ODS && e.Role == m.Role && e.EventType == m.EventType && (e.Rule == m.Rule || e.Rule == "" && e.Role == controllers.Consumer)
		})
		if i < 0 {
			r.Entries = append(r.Entries, m)
			continue
		}
		e := &r.Entries[i]
		e.Rule, e.Subscriptions = m.Rule, e.Subscriptions+m.Subscriptions
		for _, asid := range m.Systems {
			e.Systems = added(e.Systems, asid)
		}
		for _, box := range m.Mailboxes {
			e.Mailboxes = added(e.Mailboxes, box)
		}
		for _, c := range m.Channels {
			e.Channels = added(e.Channels, c)
		}
		if e.Oldest.IsZero() || !m.Oldest.IsZero() && m.Oldest.Before(e.Oldest) {
			e.Oldest = m.Oldest
		}
	}
	r.Next = more.Next
	sortRegister(r.Entries)
}
