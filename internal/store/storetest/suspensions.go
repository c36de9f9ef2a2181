package storetest

import (
	"slices"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// suspensions are for the time being: what is suspended matches nothing that is accepted
// meanwhile, keeps what it had, its quota and equal ones out; put back, it matches again.
func suspensions(t *testing.T, th *harness) {
	th.limit(store.Quotas{System: 2})
	box := th.mailbox("A")
	s := th.subscribe("A", ofPatient(jack, vaccination))
	waiting := th.subscription("A", ofPatient(other, vaccination))
	waiting.Status = subscription.Requested
	th.must(th.Subscribe(th.ctx(), waiting, entry("subscribe")))
	before := th.publish()
	set := func(want int, why string, ids ...subscription.ID) {
		t.Helper()
		var all []store.Suspension
		for _, id := range ids {
			all = append(all, store.Suspension{ID: id, Why: why, Audit: entry("suspend")})
		}
		if changed, err := th.SuspendAll(th.ctx(), all); err != nil || changed != want {
			t.Errorf("suspended %q: %d changed, expected %d, %v", why, changed, want, err)
		}
	}
	reads := func(status subscription.Status, why string, version int) {
		t.Helper()
		got, err := th.Subscription(th.ctx(), s.ID)
		if err != nil || got.Status != status || got.Suspended != (why != "") || got.Error != why || got.Version != version || !got.Live() || !got.End.IsZero() {
			t.Errorf("expected %s %q version %d: %+v, %v", status, why, version, got, err)
		}
	}
	set(0, "", s.ID)
	set(1, "its row has <lapsed>", s.ID, waiting.ID, subscription.NewID(th.clock.Now()))
	set(0, "its row has <lapsed>", s.ID)
	reads(subscription.Off, "its row has <lapsed>", 2)
	set(1, "another reason", s.ID)
	reads(subscription.Off, "another reason", 3)
	if r := th.publish(); r.Copies != 0 {
		t.Error("it matched while it was suspended")
	}
	for status, want := range map[subscription.Status]int{subscription.Off: 1, subscription.Active: 0} {
		found, err := th.Subscriptions(th.ctx(), store.SubscriptionQuery{ODS: "RR8", Statuses: []subscription.Status{status}, Max: 10})
		if err != nil || len(found) != want {
			t.Errorf("those that are %s: %d, %v", status, len(found), err)
		}
	}
	third := th.subscription("A", ofPatient(number("9990000204"), vaccination))
	th.wantQuota("a third", th.Subscribe(th.ctx(), third, entry("subscribe")), store.SystemQuota, 2)
	th.fixture.Crash(t)
	th.reopen()
	reads(subscription.Off, "another reason", 3)
	set(1, "", s.ID)
	reads(subscription.Active, "", 4)
	after := th.publish()
	th.wantInbox("before and after", box, before.Event, after.Event)
	if drift, err := th.RecountQuotas(th.ctx()); err != nil || len(drift) > 0 {
		t.Errorf("quotas: %+v, %v", drift, err)
	}
	set(1, "again", s.ID)
	th.must(th.EndSubscription(th.ctx(), store.Ending{ID: s.ID, From: subscription.Active, At: th.clock.Now(), Reason: "over"}, entry("end")))
	set(0, "", s.ID)
	if got, err := th.Subscription(th.ctx(), s.ID); err != nil || got.Status != subscription.Off || got.Suspended || got.Error != "over" {
		t.Errorf("ended while it was suspended: %+v, %v", got, err)
	}
	th.verify()
}

// suspendedOwners: all who own subscriptions are listed; one that is suspended ends,
// is replaced and is deleted as one that is active.
func suspendedOwners(t *testing.T, th *harness) {
	th.mailbox("A")
	ids := map[nhs.ODSCode]subscription.ID{}
	for _, owner := range []nhs.ODSCode{"X26", "A83627", "RR8"} {
		s := th.subscription("A", ofPatient(jack, vaccination))
		s.ODS, s.End = owner, epoch.Add(time.Hour)
		th.must(th.Subscribe(th.ctx(), s, entry("subscribe")))
		ids[owner] = s.ID
		if changed, err := th.SuspendAll(th.ctx(), []store.Suspension{{ID: s.ID, Why: "why", Audit: entry("suspend")}}); err != nil || changed != 1 {
			t.Errorf("%s: %d, %v", owner, changed, err)
		}
	}
	first, err := th.SubscriptionOwners(th.ctx(), "", 2)
	th.must(err)
	rest, err := th.SubscriptionOwners(th.ctx(), "RR8", 2)
	if th.must(err); !slices.Equal(first, []nhs.ODSCode{"A83627", "RR8"}) || !slices.Equal(rest, []nhs.ODSCode{"X26"}) {
		t.Errorf("owners: %v, then %v", first, rest)
	}
	next := th.subscription("A", ofPatient(jack, vaccination, "pds-change-of-gp-1"))
	next.ID, next.ODS = ids["RR8"], "RR8"
	next.Mailbox = "SIGNALS"
	e := store.Endpoint{Mailbox: store.Mailbox{ID: next.Mailbox, ODS: next.ODS}, Channel: store.SignalChannel, Value: []byte("{}")}
	th.must(th.ReplaceWith(th.ctx(), next, store.Brought{Endpoint: e, Audit: entry("endpoint-put")}, entry("subscribe")))
	moved, err := th.Mailbox(th.ctx(), next.Mailbox)
	th.must(err)
	if got, err := th.Subscription(th.ctx(), next.ID); err != nil || got.Status != subscription.Active || got.Error != "" || got.Suspended {
		t.Errorf("replaced: %+v, %v", got, err)
	}
	th.wantInbox("replaced", moved.Row, th.publish().Event)
	th.must(th.Delete(th.ctx(), ids["X26"], entry("delete")))
	th.clock.advance(2 * time.Hour)
	if got, err := th.Subscription(th.ctx(), ids["A83627"]); err != nil || got.Live() {
		t.Errorf("at its end: %+v, %v", got, err)
	}
	th.must(th.Housekeep(th.ctx()))
	if changed, err := th.SuspendAll(th.ctx(), []store.Suspension{{ID: ids["A83627"], Audit: entry("suspend")}}); err != nil || changed != 0 {
		t.Errorf("put back after its end: %d, %v", changed, err)
	}
	if drift, err := th.RecountQuotas(th.ctx()); err != nil || len(drift) > 0 {
		t.Errorf("quotas: %+v, %v", drift, err)
	}
}

// shortfalls are counted by kind; the audit tells of a kind once.
func shortfalls(t *testing.T, th *harness) {
	one := store.Shortfall{Organisation: "RR8", Role: "consumer", Event: vaccination, Lacks: "there is no row", First: epoch, Last: epoch, Count: 2,
		Audit: audit.Entry{Action: "shortfall", At: epoch, ODS: "RR8"}}
	two := one
	two.Event = "pds-change-of-gp-1"
	th.must(th.NoteShortfalls(th.ctx(), []store.Shortfall{one, two}))
	one.First, one.Last, one.Count = epoch.Add(-time.Hour), epoch.Add(time.Hour), 3
	th.must(th.NoteShortfalls(th.ctx(), []store.Shortfall{one}))
	th.fixture.Crash(t)
	th.reopen()
	got, err := th.Shortfalls(th.ctx())
	th.must(err)
	if len(got) != 2 || !got[0].Same(one) || got[0].Count != 5 || !got[0].First.Equal(one.First) || !got[0].Last.Equal(one.Last) || got[1].Count != 2 {
		t.Errorf("shortfalls: %+v", got)
	}
	told := 0
	for link, err := range th.Links(th.ctx(), time.Time{}, time.Time{}) {
		th.must(err)
		entries, err := link.Unpack()
		th.must(err)
		for _, e := range entries {
			if e.Action == "shortfall" {
				told++
			}
		}
	}
	if told != 2 {
		t.Errorf("the audit tells of %d kinds", told)
	}
}
