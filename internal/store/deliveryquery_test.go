package store_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

// TestPagesFollowEachOther checks that consecutive pages, of any size, hold
// each delivery once and in order: those of the mailboxes 1 to 3 at the
// positions that a query selects.
func TestPagesFollowEachOther(t *testing.T) {
	nine := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	var boxes []store.Mailbox
	var all []store.Delivery
	for row := int64(1); row <= 3; row++ {
		boxes = append(boxes, store.Mailbox{Row: row})
		for hour := range 4 {
			all = append(all, store.Delivery{Mailbox: row, Event: store.PositionAt(nine.Add(time.Duration(hour) * time.Hour))})
		}
	}
	at := func(hour int) store.EventID { return store.PositionAt(nine.Add(time.Duration(hour) * time.Hour)) }
	for name, c := range map[string]struct {
		query       store.DeliveryQuery
		first, last store.EventID
	}{
		"all":                     {store.DeliveryQuery{}, 0, math.MaxInt64},
		"from ten to before noon": {store.DeliveryQuery{From: nine.Add(time.Hour), To: nine.Add(3 * time.Hour)}, at(1), at(2)},
		"one event":               {store.DeliveryQuery{Event: at(2)}, at(2), at(2)},
		"one event too early":     {store.DeliveryQuery{Event: at(0), From: nine.Add(time.Hour)}, 1, 0},
	} {
		want := slices.DeleteFunc(slices.Clone(all), func(d store.Delivery) bool { return d.Event < c.first || d.Event > c.last })
		for c.query.Max = 1; c.query.Max <= len(all)+1; c.query.Max++ {
			for c.query.Effort = 0; c.query.Effort <= 3; c.query.Effort++ {
				t.Run(fmt.Sprintf("%s, %d at a time, effort %d", name, c.query.Max, c.query.Effort), func(t *testing.T) {
					got := pagesOf(t, c.query, boxes, all)
					same := func(a, b store.Delivery) bool { return a.Mailbox == b.Mailbox && a.Event == b.Event }
					if !slices.EqualFunc(got, want, same) {
						t.Errorf("expected %v, got %v", want, got)
					}
				})
			}
		}
	}
}

// pagesOf returns the deliveries of all pages of a query.
func pagesOf(t *testing.T, q store.DeliveryQuery, boxes []store.Mailbox, all []store.Delivery) (got []store.Delivery) {
	t.Helper()
	for range 3*len(all) + 10 {
		reads := 0
		page, err := q.Page(new(store.Moments), boxes[max(q.After.Mailbox-1, 0):], func(s store.Span) (out []store.Delivery, _ error) {
			reads++
			for _, d := range all {
				if d.Mailbox == s.Box.Row && d.Event >= s.First && d.Event <= s.Last && len(out) < s.Max {
					out = append(out, d)
				}
			}
			return out, nil
		})
		if err != nil || len(page.Found) > q.Max || q.Effort > 0 && reads > q.Effort {
			t.Fatalf("%d of at most %d in %d reads, %v", len(page.Found), q.Max, reads, err)
		}
		got = append(got, page.Found...)
		if page.Next == nil {
			return got
		}
		q.After = *page.Next
	}
	t.Fatal("the pages have no end")
	return nil
}

func TestSelectsDeliveries(t *testing.T) {
	asked := subscription.ID{1}
	d := store.Delivery{State: store.Parked, Code: "vaccinations-1", Subscriptions: []subscription.ID{{2}, asked}}
	for name, c := range map[string]struct {
		query store.DeliveryQuery
		want  bool
	}{
		"everything":           {store.DeliveryQuery{}, true},
		"its state":            {store.DeliveryQuery{State: store.Parked}, true},
		"another state":        {store.DeliveryQuery{State: store.Sent}, false},
		"its code":             {store.DeliveryQuery{Code: "vaccinations-1"}, true},
		"another code":         {store.DeliveryQuery{Code: "vaccinations-2"}, false},
		"its subscription":     {store.DeliveryQuery{Subscription: asked}, true},
		"another subscription": {store.DeliveryQuery{Subscription: subscription.ID{3}}, false},
		"its state, not code":  {store.DeliveryQuery{State: store.Parked, Code: "x"}, false},
	} {
		if got := c.query.Selects(&d); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
