package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// searches holds every combination of what can be searched for to what it says,
// page after page.
func searches(t *testing.T, th *harness) {
	all := th.variety()
	th.clock.advance(time.Hour) // some have ended, and housekeeping has not come by
	for _, when := range []string{"before housekeeping", "after"} {
		now := th.clock.Now()
		for i := range all {
			store.AsOf(&all[i], now)
		}
		for q := range combinations {
			var want []subscription.ID
			for i := range all {
				if (q.ODS == "" || q.ODS == all[i].ODS) && q.Selects(&all[i]) {
					want = append(want, all[i].ID)
				}
			}
			if got := th.pages(th.AllSubscriptions, q); !slices.Equal(got, want) {
				t.Errorf("%s, all: %+v: expected %d; received %d", when, q, len(want), len(got))
			}
			if q.ODS == "" {
				continue
			}
			if got := th.pages(th.Subscriptions, q); !slices.Equal(got, want) {
				t.Errorf("%s: %+v: expected %d; received %d", when, q, len(want), len(got))
			}
		}
		th.clock.advance(2 * time.Minute)
		th.must(th.Housekeep(th.ctx()))
	}
}

// variety makes 120 subscriptions of two owners that differ in everything that
// can be searched for, in the order of their ids.
func (th *harness) variety() (all []subscription.Subscription) {
	for _, id := range []string{"A", "B", "C"} {
		th.mailbox(id)
	}
	events := [][]string{{vaccination}, {"pds-change-of-gp-1"}, {vaccination, "pds-change-of-gp-1"}, {"pds-change-of-address-1", vaccination}}
	for i := range 120 {
		s := th.subscription([]string{"A", "b", "C"}[i%3], ofPatient(Numbered(i/12), events[i%4]...))
		s.ODS = []nhs.ODSCode{"RR8", "X26"}[i/7%2]
		s.Status = []subscription.Status{subscription.Active, subscription.Requested}[i/5%2]
		if i%6 == 0 {
			s.End = epoch.Add(time.Minute + time.Duration(i))
		}
		all = append(all, s)
		th.clock.advance(time.Millisecond)
	}
	var creations []store.Creation
	for _, s := range all {
		creations = append(creations, store.Creation{Subscription: s, Audit: entry("subscribe")})
	}
	errs, err := th.SubscribeAll(th.ctx(), creations)
	th.must(err)
	for i := range errs {
		th.must(errs[i])
	}
	return all
}

// combinations yields queries with every combination of parameters.
func combinations(yield func(store.SubscriptionQuery) bool) {
	for _, ods := range []nhs.ODSCode{"", "RR8", "X26", "RX3EP"} {
		for _, patients := range [][]nhs.NHSNumber{nil, {Numbered(3)}} {
			for _, events := range [][]string{nil, {"pds-change-of-gp-1"}, {"none-1"}} {
				for _, boxes := range [][]string{nil, {"B"}, {"a", "C"}} {
					for _, statuses := range [][]subscription.Status{nil, {subscription.Active}, {subscription.Off}, {subscription.Requested, subscription.Off}} {
						if !yield(store.SubscriptionQuery{ODS: ods, Patients: patients, Events: events, Mailboxes: boxes, Statuses: statuses, Max: 7}) {
							return
						}
					}
				}
			}
		}
	}
}

// pages reads all pages of a search.
func (th *harness) pages(search func(context.Context, store.SubscriptionQuery) ([]subscription.Subscription, error), q store.SubscriptionQuery) (ids []subscription.ID) {
	th.Helper()
	for {
		page, err := search(th.ctx(), q)
		th.must(err)
		for i := range page {
			ids = append(ids, page[i].ID)
		}
		if len(page) < q.Max {
			return ids
		}
		q.After = ids[len(ids)-1]
	}
}
