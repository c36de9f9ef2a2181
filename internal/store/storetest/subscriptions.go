package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

func duplicateSubscriptions(t *testing.T, th *harness) {
	th.mailbox("A")
	th.mailbox("B")
	first := th.subscribe("A", ofPatient(jack, vaccination, "pds-change-of-gp-1"))
	for name, c := range map[string]struct {
		mailbox, criteria string
		change            func(*subscription.Subscription)
		duplicate         bool
	}{
		"the same":                 {"A", ofPatient(jack, vaccination, "pds-change-of-gp-1"), nil, true},
		"events in another order":  {"A", ofPatient(jack, "pds-change-of-gp-1", vaccination), nil, true},
		"mailbox in small letters": {"a", ofPatient(jack, vaccination, "pds-change-of-gp-1"), nil, true},
		"another end":              {"A", ofPatient(jack, vaccination, "pds-change-of-gp-1"), func(s *subscription.Subscription) { s.End = epoch.Add(time.Hour) }, true},
		"another mailbox":          {"B", ofPatient(jack, vaccination, "pds-change-of-gp-1"), nil, false},
		"another tag":              {"A", ofPatient(jack, vaccination, "pds-change-of-gp-1") + "&tag=x", nil, false},
		"another owner":            {"A", ofPatient(jack, vaccination, "pds-change-of-gp-1"), func(s *subscription.Subscription) { s.ODS = "X26" }, false},
		"another patient":          {"A", ofPatient(other, vaccination, "pds-change-of-gp-1"), nil, false},
	} {
		s := th.subscription(c.mailbox, c.criteria)
		if c.change != nil {
			c.change(&s)
		}
		err := th.Subscribe(th.ctx(), s, entry("subscribe"))
		var twin *store.DuplicateError
		switch {
		case c.duplicate && (!errors.As(err, &twin) || twin.ID != first.ID):
			t.Errorf("%s: expected a duplicate of the first, got %v", name, err)
		case !c.duplicate && err != nil:
			t.Errorf("%s: %v", name, err)
		}
		_, err = th.Subscription(th.ctx(), s.ID)
		if c.duplicate {
			th.wantError(name+": reading it", err, store.ErrNotFound)
		} else {
			th.must(err)
		}
	}
	th.must(th.Delete(th.ctx(), first.ID, entry("delete")))
	th.subscribe("A", ofPatient(jack, vaccination, "pds-change-of-gp-1"))
	th.wantError("no such mailbox", th.Subscribe(th.ctx(), th.subscription("NONE", ofPatient(jack, vaccination)), entry("subscribe")), store.ErrNotFound)
}

func manyAtOnce(t *testing.T, th *harness) {
	box := th.mailbox("A")
	all := []store.Creation{
		{Subscription: th.subscription("A", ofPatient(jack, vaccination)), Audit: entry("subscribe")},
		{Subscription: th.subscription("A", ofPatient(jack, vaccination)), Audit: entry("subscribe")},
		{Subscription: th.subscription("NONE", ofPatient(other, vaccination)), Audit: entry("subscribe")},
		{Subscription: th.subscription("A", ofPatient(other, vaccination)), Audit: entry("subscribe")},
	}
	errs, err := th.SubscribeAll(th.ctx(), all)
	th.must(err)
	var twin *store.DuplicateError
	if len(errs) != 4 || errs[0] != nil || !errors.As(errs[1], &twin) || twin.ID != all[0].Subscription.ID ||
		!errors.Is(errs[2], store.ErrNotFound) || errs[3] != nil {
		t.Fatalf("each on its own: %v", errs)
	}
	errs, err = th.DeleteAll(th.ctx(), []store.Deletion{
		{ID: all[0].Subscription.ID, Audit: entry("delete")}, {ID: all[1].Subscription.ID, Audit: entry("delete")}, {ID: all[3].Subscription.ID, Audit: entry("delete")}})
	th.must(err)
	if errs[0] != nil || !errors.Is(errs[1], store.ErrNotFound) || errs[2] != nil {
		t.Errorf("deleted: %v", errs)
	}
	th.publish()
	th.wantInbox("nobody is left", box)
}

func endedSubscriptions(t *testing.T, th *harness) {
	box := th.mailbox("A")
	s := th.subscription("A", ofPatient(jack, vaccination))
	s.End = epoch.Add(time.Hour)
	th.must(th.Subscribe(th.ctx(), s, entry("subscribe")))
	before := th.publish()
	th.clock.advance(time.Hour)
	got, err := th.Subscription(th.ctx(), s.ID)
	if err != nil || got.Status != subscription.Off {
		t.Errorf("at the very end: %q, %v", got.Status, err)
	}
	if r := th.publish(); r.Copies != 0 {
		t.Error("it matched at its very end")
	}
	// It is no obstacle to the next one, swept or not.
	next := th.subscription("A", ofPatient(jack, vaccination))
	th.must(th.Subscribe(th.ctx(), next, entry("subscribe")))
	th.clock.advance(2 * time.Minute)
	th.must(th.Housekeep(th.ctx()))
	after := th.publish()
	th.wantInbox("before the end, and by the next", box, before.Event, after.Event)
	if got, err = th.Subscription(th.ctx(), s.ID); err != nil || got.Status != subscription.Off {
		t.Errorf("when swept: %q, %v", got.Status, err)
	}
	th.clock.advance(40 * 24 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	_, err = th.Subscription(th.ctx(), s.ID)
	th.wantError("long after its end", err, store.ErrNotFound)
}

func approval(t *testing.T, th *harness) {
	box := th.mailbox("A")
	s := th.subscription("A", ofPatient(jack, vaccination))
	s.Status = subscription.Requested
	th.must(th.Subscribe(th.ctx(), s, entry("subscribe")))
	th.publish()
	th.must(th.Approve(th.ctx(), s.ID, entry("approve")))
	r := th.publish()
	th.wantInbox("after the approval", box, r.Event)
	got, err := th.Subscription(th.ctx(), s.ID)
	if err != nil || got.Status != subscription.Active || got.Version != 2 {
		t.Errorf("approved: %+v, %v", got, err)
	}
	th.wantError("approved again", th.Approve(th.ctx(), s.ID, entry("approve")), store.ErrNotFound)
}

func listingSubscriptions(t *testing.T, th *harness) {
	th.mailbox("A")
	th.mailbox("B")
	var mine []subscription.Subscription
	for i, c := range []struct{ box, criteria string }{
		{"A", ofPatient(jack, vaccination)}, {"B", ofPatient(jack, "pds-change-of-gp-1")}, {"A", ofPatient(other, vaccination)},
		{"B", ofRule("COUNTRYCODE", "E92000001", vaccination)},
	} {
		s := th.subscription(c.box, c.criteria)
		s.Status = []subscription.Status{subscription.Active, subscription.Requested}[i%2]
		s.End = epoch.Add(time.Duration(i) * 24 * time.Hour) // the first has ended
		s.Contacts = `<contact><system value="email"/><value value="events@example.org"/></contact>` + string(subscription.OrganisationContact(s.ODS))
		th.must(th.Subscribe(th.ctx(), s, entry("subscribe")))
		mine = append(mine, s)
		th.clock.advance(time.Millisecond)
	}
	foreign := th.subscription("A", ofPatient(jack, vaccination))
	foreign.ODS = "X26"
	th.must(th.Subscribe(th.ctx(), foreign, entry("subscribe")))
	stored, err := th.Subscription(th.ctx(), mine[3].ID)
	th.must(err)
	if diff := cmp.Diff(mine[3], stored, cmp.AllowUnexported(nhs.NHSNumber{})); diff != "" {
		t.Errorf("it came back changed: %s", diff)
	}
	for name, c := range map[string]struct {
		q    store.SubscriptionQuery
		want []int
	}{
		"all":                       {store.SubscriptionQuery{Max: 10}, []int{0, 1, 2, 3}},
		"a page":                    {store.SubscriptionQuery{Max: 2}, []int{0, 1}},
		"the next":                  {store.SubscriptionQuery{Max: 2, After: mine[1].ID}, []int{2, 3}},
		"of a patient":              {store.SubscriptionQuery{Max: 10, Patients: []nhs.NHSNumber{jack}}, []int{0, 1}},
		"of an event":               {store.SubscriptionQuery{Max: 10, Events: []string{vaccination}}, []int{0, 2, 3}},
		"of a mailbox":              {store.SubscriptionQuery{Max: 10, Mailboxes: []string{"b"}}, []int{1, 3}},
		"of a status":               {store.SubscriptionQuery{Max: 10, Statuses: []subscription.Status{subscription.Active}}, []int{2}},
		"both":                      {store.SubscriptionQuery{Max: 10, Patients: []nhs.NHSNumber{jack}, Statuses: []subscription.Status{subscription.Requested}}, []int{1}},
		"of either patient":         {store.SubscriptionQuery{Max: 10, Patients: []nhs.NHSNumber{other, jack, other}}, []int{0, 1, 2}},
		"a page of either patient":  {store.SubscriptionQuery{Max: 2, Patients: []nhs.NHSNumber{other, jack}}, []int{0, 1}},
		"of either event":           {store.SubscriptionQuery{Max: 10, Events: []string{"pds-change-of-gp-1", vaccination}}, []int{0, 1, 2, 3}},
		"of either mailbox":         {store.SubscriptionQuery{Max: 10, Mailboxes: []string{"C", "b"}}, []int{1, 3}},
		"of either status":          {store.SubscriptionQuery{Max: 10, Statuses: []subscription.Status{subscription.Off, subscription.Active}}, []int{0, 2}},
		"neither patient nor event": {store.SubscriptionQuery{Max: 10, Patients: []nhs.NHSNumber{other}, Events: []string{"pds-change-of-gp-1"}}, nil},
	} {
		c.q.ODS = "RR8"
		if c.q.Max == 10 {
			counted, err := th.CountSubscriptions(th.ctx(), c.q)
			th.must(err)
			if want := (store.Count{N: len(c.want)}); counted != want {
				t.Errorf("%s: expected to count %+v, got %+v", name, want, counted)
			}
		}
		list, err := th.Subscriptions(th.ctx(), c.q)
		th.must(err)
		var got []int
		for _, s := range list {
			got = append(got, slices.IndexFunc(mine, func(m subscription.Subscription) bool { return m.ID == s.ID }))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: expected %v, got %v", name, c.want, got)
		}
	}
	for most, want := range map[int]store.Count{2: {N: 1, AtLeast: true}, 3: {N: 1, AtLeast: true}, 4: {N: 2}, 5: {N: 2}} {
		counted, err := th.CountSubscriptions(th.ctx(), store.SubscriptionQuery{ODS: "RR8", Max: most, Mailboxes: []string{"B"}})
		if th.must(err); counted != want {
			t.Errorf("of the first %d: expected %+v, got %+v", most, want, counted)
		}
	}
	if fmt.Sprint(stored.Criteria.Patient) != "[no NHS number]" {
		t.Error("a generic subscription came back with a patient")
	}
}
