package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// foundEvents are selected by what is known of them, the newest first, in pages that
// look at a bounded number of events.
func foundEvents(t *testing.T, th *harness) {
	boxes := make([]string, store.MaxFiled+1)
	for i := range boxes {
		boxes[i] = fmt.Sprint("BOX", i)
		th.mailbox(boxes[i])
	}
	th.subscribe(boxes[0], ofPatient(jack, vaccination))
	all := make([]store.Creation, len(boxes))
	for i, box := range boxes {
		all[i] = store.Creation{Subscription: th.subscription(box, ofRule("COUNTRYCODE", "E92000001", vaccination)), Audit: entry("subscribe")}
	}
	_, err := th.SubscribeAll(th.ctx(), all)
	th.must(err)
	nowhere := func(a *store.Acceptance) { a.Facts.Keys = nil }
	var ids []store.EventID
	var at []time.Time
	for _, change := range []func(*store.Acceptance){
		func(*store.Acceptance) {},
		nowhere,
		func(a *store.Acceptance) { a.Withheld = true },
		postponed,
		postponed, // and refused
		postponed, // and routed
		func(a *store.Acceptance) {
			a.Kind, a.Code, a.Workflow, a.Publisher, a.MessageID = "delete", "pds-change-of-gp-1", "PDSCHANGEOFGP_1", "477121000323", "0a0aa0f4-8f5c-4a1c-9b5a-2f3f7a1d0001"
			a.Facts.EventCode = a.Code
		},
		func(a *store.Acceptance) { // to more mailboxes than are written at once
			a.Facts.Keys = append(a.Facts.Keys, subscription.RouteKey{Kind: subscription.ByCountry, Value: "E92000001"})
		},
	} {
		th.clock.advance(time.Second)
		at = append(at, th.clock.Now())
		ids = append(ids, th.publish(change).Event)
	}
	_, err = th.RouteEvent(th.ctx(), th.routed(ids[4], func(r *store.Routing) { r.Refusal = "no such patient" }))
	th.must(err)
	_, err = th.RouteEvent(th.ctx(), th.routed(ids[5]))
	th.must(err)
	first, err := th.Mailbox(th.ctx(), boxes[0])
	th.must(err)
	th.must(th.Acknowledge(th.ctx(), first.Row, ids[0], th.clock.Now(), nil))
	th.eventually("the many copies are filed", func() bool {
		last, err := th.Mailbox(th.ctx(), boxes[len(boxes)-1])
		th.must(err)
		return len(th.inbox(last.Row)) == 1
	})

	for name, c := range map[string]struct {
		q    store.EventQuery
		want []int
	}{
		"all":                {store.EventQuery{}, []int{7, 6, 5, 4, 3, 2, 1, 0}},
		"behind one":         {store.EventQuery{Before: ids[2]}, []int{1, 0}},
		"from":               {store.EventQuery{From: at[6]}, []int{7, 6}},
		"to":                 {store.EventQuery{To: at[1]}, []int{0}},
		"one":                {store.EventQuery{Event: ids[3]}, []int{3}},
		"one of another day": {store.EventQuery{Event: ids[3], To: at[3]}, nil},
		"some":               {store.EventQuery{Events: []store.EventID{ids[1], ids[6], ids[6] + 1}}, []int{6, 1}},
		"none":               {store.EventQuery{Events: []store.EventID{}}, nil},
		"type":               {store.EventQuery{Code: "pds-change-of-gp-1"}, []int{6}},
		"another type":       {store.EventQuery{Code: "none-1"}, nil},
		"kind":               {store.EventQuery{Kind: "delete"}, []int{6}},
		"publishers":         {store.EventQuery{Publishers: []nhs.ASID{"000000000000", "477121000323"}}, []int{6}},
		"no publisher":       {store.EventQuery{Publishers: []nhs.ASID{}}, nil},
		"message id":         {store.EventQuery{MessageID: "0A0AA0F4-8F5C-4A1C-9B5A-2F3F7A1D0001"}, []int{6}},
		"matched":            {store.EventQuery{Outcome: store.EventMatched}, []int{7, 5, 0}},
		"unmatched":          {store.EventQuery{Outcome: store.EventUnmatched}, []int{6, 1}},
		"withheld":           {store.EventQuery{Outcome: store.EventWithheld}, []int{2}},
		"waiting":            {store.EventQuery{Outcome: store.EventWaiting}, []int{3}},
		"undeliverable":      {store.EventQuery{Outcome: store.EventUndeliverable}, []int{4}},
		"mailbox":            {store.EventQuery{Mailbox: boxes[0]}, []int{7, 5, 0}},
		"another mailbox":    {store.EventQuery{Mailbox: boxes[1]}, []int{7}},
		"mailbox and kind":   {store.EventQuery{Mailbox: boxes[0], Kind: "delete"}, nil},
	} {
		for _, size := range []struct{ max, effort int }{{100, 100}, {2, 100}, {100, 3}, {1, 1}} {
			var got []int
			for q, pages := c.q, 0; ; pages++ {
				q.Max, q.Effort = size.max, size.effort
				page, err := th.FindEvents(th.ctx(), q)
				th.must(err)
				if len(page.Found) > size.max || pages > len(ids)+1 {
					t.Fatalf("%s: %d events on page %d of at most %d", name, len(page.Found), pages, size.max)
				}
				for _, e := range page.Found {
					got = append(got, slices.Index(ids, e.Event))
				}
				if q.Before = page.Next; page.Next == 0 {
					break
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s, in pages of %d: expected %v, received %v", name, size.max, c.want, got)
			}
		}
	}
	page, err := th.FindEvents(th.ctx(), store.EventQuery{Max: 100, Effort: 100})
	th.must(err)
	for i, want := range map[int]int64{0: int64(len(boxes)), 1: 0, 2: 1, 7: 1} {
		if got := page.Found[i].Copies; got != want {
			t.Errorf("event %d: expected %d copies, received %d", 7-i, want, got)
		}
	}
	want := store.FoundEvent{Event: ids[6], At: th.Moment(ids[6]), Code: "pds-change-of-gp-1", Kind: "delete", Publisher: "477121000323",
		MessageID: "0a0aa0f4-8f5c-4a1c-9b5a-2f3f7a1d0001", Outcome: store.EventUnmatched}
	if page.Found[1] != want {
		t.Errorf("expected %+v, received %+v", want, page.Found[1])
	}
	_, err = th.FindEvents(th.ctx(), store.EventQuery{Mailbox: "NONE", Max: 1, Effort: 1})
	th.wantError("no such mailbox", err, store.ErrNotFound)
}
