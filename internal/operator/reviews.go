package operator

import (
	"context"
	"fmt"
	"time"

	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// ReviewFilter selects what is to be reviewed.
type ReviewFilter struct {
	ODS nhs.ODSCode `json:"ods,omitempty" jsonschema:"of this organisation only"`
	// Older is from which age on subscriptions are to be reviewed, in days.
	Older int `json:"older,omitempty" jsonschema:"subscriptions that are older than this many days; by default 365"`
}

// Review is one thing that a person should look at: whether it is needed still. It names
// no patient.
type Review struct {
	What  string      `json:"what" jsonschema:"subscription or catalogue row"`
	ID    string      `json:"id"`
	ODS   nhs.ODSCode `json:"ods"`
	ASID  nhs.ASID    `json:"asid,omitempty"`
	Event []string    `json:"events"`
	Rule  string      `json:"rule,omitempty"`
	Since time.Time   `json:"since,omitzero"` // when it was created, or decided
	Why   string      `json:"why"`
}

// reviewYear is after how many days a subscription is to be reviewed.
const reviewYear = 365

// reviews lists subscriptions that are older than a year and rows of the controller
// catalogue that need somebody, those first. A page may be short before the end.
func (d Desk) reviews(ctx context.Context, s Search[ReviewFilter]) (none Page[Review], err error) {
	f := s.Filter
	if f.Older < 0 || f.Older > 36500 {
		return none, expected("older", "a number of days", "another number")
	}
	if f.Older == 0 {
		f.Older = reviewYear
	}
	l, err := list[subscription.ID](d, "reviews", s.Filter, s.Paging)
	if err != nil {
		return none, err
	}
	out := Page[Review]{Items: []Review{}}
	if s.After == "" {
		c, err := ReadControllers(ctx, d.Store)
		if err != nil {
			return none, err
		}
		for _, row := range c.Rows() {
			notice, _ := row.Notice(d.Now())
			if notice == "" || f.ODS != "" && row.Organisation != f.ODS {
				continue
			}
			since, _ := time.Parse(time.DateOnly, row.Decided.On.String())
			out.Items = append(out.Items, Review{What: "catalogue row", ID: row.ID(), ODS: row.Organisation, Event: []string{row.Event}, Since: since, Why: notice})
		}
	}
	before, after := d.Now().AddDate(0, 0, -f.Older), l.after
	for range registerPages {
		rows, err := d.Store.AllSubscriptions(ctx, store.SubscriptionQuery{ODS: f.ODS, Statuses: []subscription.Status{subscription.Active}, After: after, Max: registerPage})
		if err != nil {
			return none, err
		}
		for i := range rows {
			if after = rows[i].ID; rows[i].Created.Before(before) {
				out.Items = append(out.Items, newReview(&rows[i], d.Now()))
			}
			if len(out.Items) >= l.limit {
				out.Next, err = d.seal(l.name, l.filter, after)
				return out, err
			}
		}
		if len(rows) < registerPage {
			return out, nil
		}
	}
	out.Next, err = d.seal(l.name, l.filter, after)
	return out, err
}

func newReview(s *subscription.Subscription, now time.Time) Review {
	rule := s.Criteria.Rule + " " + s.Criteria.Organisation
	if s.Criteria.Explicit() {
		rule = ruleExplicit
	}
	age := int(now.Sub(s.Created) / (24 * time.Hour))
	return Review{What: "subscription", ID: s.ID.String(), ODS: s.ODS, ASID: s.ASID, Event: s.Criteria.EventCodes(), Rule: rule, Since: s.Created,
		Why: fmt.Sprintf("it is %d days old", age)}
}
