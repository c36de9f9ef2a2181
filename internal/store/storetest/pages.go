package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// walk takes all pages of two items of a list, and checks that no page is longer.
func walk[T any](th *harness, what string, page func(after *T, max int) ([]T, error)) (out []T) {
	th.Helper()
	var after *T
	for {
		items, err := page(after, 2)
		th.must(err)
		if len(items) > 2 {
			th.Fatalf("%s: expected a page of 2; received %d", what, len(items))
		}
		if len(items) == 0 {
			return out
		}
		out = append(out, items...)
		after = &items[len(items)-1]
	}
}

// Lists for operators are read in pages, each behind the last item of the one
// before.
func operatorsPages(t *testing.T, th *harness) {
	for i := range 5 {
		th.must(th.PutSystem(th.ctx(), store.System{ASID: nhs.ASID(fmt.Sprintf("20000000011%d", 9-i)), Value: []byte("a")}, audit.Entry{Action: "put system"}))
		th.mailbox(fmt.Sprintf("BOX%d", 9-i))
	}
	systems := walk(th, "systems", func(after *store.System, max int) ([]store.System, error) {
		if after == nil {
			after = &store.System{}
		}
		return th.SystemsAfter(th.ctx(), after.ASID, max)
	})
	whole, err := th.Systems(th.ctx())
	if diff := cmp.Diff(whole, systems); err != nil || diff != "" || len(systems) != 5 {
		t.Errorf("systems: %v (-whole +pages):\n%s", err, diff)
	}
	boxes := walk(th, "mailboxes", func(after *store.Mailbox, max int) ([]store.Mailbox, error) {
		if after == nil {
			after = &store.Mailbox{}
		}
		return th.MailboxesAfter(th.ctx(), after.Row, max)
	})
	all, err := th.Mailboxes(th.ctx())
	for i := range all {
		all[i].Password = ""
	}
	if diff := cmp.Diff(all, boxes); err != nil || diff != "" || len(boxes) != 5 {
		t.Errorf("mailboxes: %v (-whole +pages):\n%s", err, diff)
	}
	for i := range 3 {
		th.subscribe("BOX9", ofPatient(jack, fmt.Sprintf("%s%d", vaccination, i)))
		for _, box := range []string{"BOX5", "BOX6", "BOX7", "BOX8"}[:i+1] {
			th.subscribe(box, ofPatient(other, fmt.Sprintf("%s%d", vaccination, i)))
		}
	}
	pagesOfQuotas(t, th)
	pagesOfDeliveries(t, th)
	th.fixture.Spoil(t, SpoiledCriteria)
	pagesOfQuarantined(t, th)
}

// A page that may look at little ends early, and says where to go on: what few
// select is found all the same.
func pagesOfDeliveries(t *testing.T, th *harness) {
	for range 3 {
		th.publish()
	}
	rare, err := th.AcceptEvent(th.ctx(), th.acceptance(other, message(1)))
	th.must(err)
	th.publish()
	for name, q := range map[string]store.DeliveryQuery{"all": {}, "one event's": {Event: rare.Event}, "none": {Code: "no-such-1"}, "parked": {State: store.Parked}} {
		q.Max = 100
		whole, err := th.DeliveryPage(th.ctx(), q)
		if err != nil || whole.Next != nil {
			t.Fatalf("%s: %v, next %+v", name, err, whole.Next)
		}
		var found []store.Delivery
		pages := 0
		for q.Effort = 1; ; pages++ {
			page, err := th.DeliveryPage(th.ctx(), q)
			th.must(err)
			if found = append(found, page.Found...); page.Next == nil {
				break
			}
			q.After = *page.Next
		}
		if diff := cmp.Diff(whole.Found, found); diff != "" || pages < 4 {
			t.Errorf("%s, in %d pages (-whole +pages):\n%s", name, pages, diff)
		}
	}
}

func pagesOfQuotas(t *testing.T, th *harness) {
	for i, s := range []nhs.ODSCode{"A1", "A2", "A3", "A4"} { // as many as others have
		one := th.subscription("BOX9", ofPatient(jack, fmt.Sprintf("other-%d", i)))
		one.ODS = s
		th.must(th.Subscribe(th.ctx(), one, entry("subscribe")))
	}
	q := store.QuotaQuery{Quota: store.OrganisationQuota, Max: 100}
	whole, err := th.QuotaUse(th.ctx(), q)
	th.must(err)
	uses := walk(th, "uses of quotas", func(after *store.QuotaUse, max int) ([]store.QuotaUse, error) {
		q.Max = max
		if after != nil {
			q.AfterUsed, q.AfterOwner = after.Used, after.Owner
		}
		return th.QuotaUse(th.ctx(), q)
	})
	if diff := cmp.Diff(whole, uses); diff != "" || len(uses) != 5 || uses[0].Owner != "RR8" {
		t.Errorf("uses of quotas (-whole +pages):\n%s", diff)
	}
}

func pagesOfQuarantined(t *testing.T, th *harness) {
	all, err := th.AllSubscriptions(th.ctx(), store.SubscriptionQuery{Max: 100}) // which finds them unreadable
	th.must(err)
	th.eventually("all are quarantined", func() bool {
		found := walk(th, "quarantined", func(after *store.Quarantined, max int) ([]store.Quarantined, error) {
			if after == nil {
				after = &store.Quarantined{}
			}
			return th.QuarantinedAfter(th.ctx(), after.ID, max)
		})
		return slices.EqualFunc(all, found, func(s subscription.Subscription, q store.Quarantined) bool { return s.ID == q.ID })
	})
	for id, want := range map[subscription.ID]bool{all[0].ID: true, subscription.NewID(epoch): false} {
		if got, err := th.IsQuarantined(th.ctx(), id); err != nil || got != want {
			t.Errorf("quarantined: expected %v; received %v, %v", want, got, err)
		}
	}
}

// A span of the audit is read in pages, forwards and backwards, and does not grow
// while it is read.
func auditSpans(t *testing.T, th *harness) {
	var moments []time.Time
	for range 7 {
		th.publish()
		moments = append(moments, th.clock.Now())
		th.clock.advance(time.Hour)
	}
	sequence := func(from, to time.Time, newest bool) (out []int64) {
		span, err := th.AuditSpan(th.ctx(), from, to)
		th.must(err)
		th.publish() // which is not in it
		for {
			page, err := th.AuditLinks(th.ctx(), span, newest, 2)
			th.must(err)
			for _, l := range page {
				span = span.Behind(l, newest)
				if l.At.Before(from) || !to.IsZero() && !l.At.Before(to) {
					continue // perhaps some beside them
				}
				out = append(out, l.Seq)
			}
			if len(page) < 2 {
				return out
			}
		}
	}
	none := time.Time{}
	whole := sequence(none, none, false)
	if len(whole) < 7 || !slices.IsSorted(whole) {
		t.Fatalf("oldest first: %v", whole)
	}
	again := sequence(none, none, true)
	if slices.Reverse(again); len(again) != len(whole)+1 || !slices.Equal(again[:len(whole)], whole) {
		t.Errorf("newest first: expected %v and one more; received %v", whole, again)
	}
	for _, newest := range []bool{false, true} {
		if part := sequence(moments[2], moments[5], newest); len(part) != 3 {
			t.Errorf("from the third to before the sixth, newest %v: received %v", newest, part)
		}
		if part := sequence(moments[6].Add(24*time.Hour), none, newest); len(part) != 0 {
			t.Errorf("of the future: received %v", part)
		}
	}
	th.fixture.Stop(t)
	th.reopen()
	if after := sequence(none, none, false); len(after) < len(again)+1 {
		t.Errorf("after a new start: received %v", after)
	}
}
