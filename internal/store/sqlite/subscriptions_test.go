package sqlite_test

import (
	"context"
	"errors"
	"testing"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/store/sqlite"
	"nems/internal/store/storetest"
	"nems/internal/subscription"
)

// subscribed fills a store with n subscriptions that belong to two owners by
// turns; every third waits for approval.
func subscribed(tb testing.TB, db *sqlite.DB, n int) (ids []subscription.ID) {
	tb.Helper()
	if err := put(db, "A"); err != nil {
		tb.Fatal(err)
	}
	all := make([]store.Creation, n)
	for i := range all {
		s := storetest.AboutPatient(tb, storetest.Numbered(i), "A")
		s.ODS = []nhs.ODSCode{"RR8", "X26"}[i%2]
		s.Status = []subscription.Status{subscription.Requested, subscription.Active, subscription.Active}[i%3]
		all[i] = store.Creation{Subscription: s, Audit: audit.Entry{Action: "subscribe"}}
		ids = append(ids, s.ID)
	}
	errs, err := db.SubscribeAll(tb.Context(), all)
	if err = errors.Join(append(errs, err)...); err != nil {
		tb.Fatal(err)
	}
	return ids
}

// Far more than one step reads, page after page, of all owners or of one.
func TestSubscriptionsOfAllOwnersAreListed(t *testing.T) {
	db := start(t, t.TempDir(), sqlite.Options{})
	const n = 2500
	ids := subscribed(t, db, n)
	for name, c := range map[string]struct {
		q    store.SubscriptionQuery
		want func(i int) bool
	}{
		"all":                   {store.SubscriptionQuery{}, func(int) bool { return true }},
		"of a status":           {store.SubscriptionQuery{Statuses: []subscription.Status{subscription.Requested}}, func(i int) bool { return i%3 == 0 }},
		"of an owner":           {store.SubscriptionQuery{ODS: "X26"}, func(i int) bool { return i%2 == 1 }},
		"of both":               {store.SubscriptionQuery{ODS: "X26", Statuses: []subscription.Status{subscription.Requested}}, func(i int) bool { return i%6 == 3 }},
		"of nobody":             {store.SubscriptionQuery{ODS: "RX3EP"}, func(int) bool { return false }},
		"of an event not there": {store.SubscriptionQuery{Events: []string{"pds-birth-notification-1"}}, func(int) bool { return false }},
	} {
		got := map[subscription.ID]bool{}
		for c.q.Max = 300; ; {
			page, err := db.AllSubscriptions(t.Context(), c.q)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range page {
				got[s.ID] = true
				c.q.After = s.ID
			}
			if len(page) < c.q.Max {
				break
			}
		}
		want := 0
		for i, id := range ids {
			if c.want(i) != got[id] {
				t.Errorf("%s: number %d: expected %t", name, i, c.want(i))
			}
			if c.want(i) {
				want++
			}
		}
		if len(got) != want {
			t.Errorf("%s: expected %d; received %d", name, want, len(got))
		}
	}
}

func TestListingAllSubscriptionsEndsWithItsContext(t *testing.T) {
	db := start(t, t.TempDir(), sqlite.Options{})
	subscribed(t, db, 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.AllSubscriptions(ctx, store.SubscriptionQuery{Max: 100}); !errors.Is(err, context.Canceled) {
		t.Errorf("expected %v; received %v", context.Canceled, err)
	}
}

// BenchmarkAllSubscriptions looks for the few that wait among 50,000.
func BenchmarkAllSubscriptions(b *testing.B) {
	db := start(b, b.TempDir(), sqlite.Options{})
	subscribed(b, db, 50_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := db.AllSubscriptions(b.Context(), store.SubscriptionQuery{Events: []string{"none"}, Max: 1000}); err != nil {
			b.Fatal(err)
		}
	}
}
