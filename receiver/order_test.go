package receiver_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nems/receiver"
)

func TestOrderWithinASequence(t *testing.T) {
	const early, middle, late = "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00.001+00:00", "2026-01-01T02:00:00+01:00"
	type n = notice
	for _, c := range []struct {
		name     string
		messages []notice
		want     []receiver.Order
	}{
		{"times", []n{{updated: early}, {updated: late}, {updated: middle}, {updated: late}}, []receiver.Order{receiver.First, receiver.Next, receiver.Stale, receiver.Same}},
		{"numbers", []n{{version: "3"}, {version: "4"}, {version: "7"}, {version: "6"}, {version: "7"}, {version: "8"}}, []receiver.Order{receiver.First, receiver.Next, receiver.Gap, receiver.Stale, receiver.Same, receiver.Next}},
		{"times before numbers", []n{{version: "1", updated: late}, {version: "2", updated: early}}, []receiver.Order{receiver.First, receiver.Stale}},
		{"a number left out", []n{{version: "1", updated: early}, {version: "3", updated: late}}, []receiver.Order{receiver.First, receiver.Gap}},
		{"numbers where times are equal", []n{{version: "2", updated: early}, {version: "1", updated: early}, {version: "3", updated: early}}, []receiver.Order{receiver.First, receiver.Stale, receiver.Next}},
		{"things of one patient", []n{{updated: late, thing: "a"}, {updated: early, thing: "b"}, {updated: late, thing: "b", version: "9"}}, []receiver.Order{receiver.First, receiver.First, receiver.Next}},
		{"a thing of two systems", []n{{updated: early, thing: "a"}, {updated: late, thing: "a", asid: "300000000162"}}, []receiver.Order{receiver.First, receiver.Next}},
		{"times where numbers are equal", []n{{version: "1", updated: early}, {version: "1", updated: late}}, []receiver.Order{receiver.First, receiver.Next}},
		{"now one, now the other", []n{{version: "1"}, {updated: early}, {version: "1", updated: middle}}, []receiver.Order{receiver.First, receiver.Unordered, receiver.Next}},
		{"nothing to go by", []n{{}, {version: "x", updated: "yesterday"}, {version: "-1"}}, []receiver.Order{receiver.Unordered, receiver.Unordered, receiver.Unordered}},
		{"other patient", []n{{updated: late}, {updated: early, patient: "9434765919"}}, []receiver.Order{receiver.First, receiver.First}},
		{"other event type", []n{{updated: late}, {updated: early, code: "newborn-hearing-1"}}, []receiver.Order{receiver.First, receiver.First}},
		{"other source system", []n{{updated: late}, {updated: early, asid: "300000000162"}}, []receiver.Order{receiver.First, receiver.First}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeMESH()
			for i, m := range c.messages {
				m.id = fmt.Sprint("e", i)
				f.put(m.in(fmt.Sprint("M", i)))
			}
			var got collected
			if _, err := newReceiver(t, f, newClock(), nil).Collect(t.Context(), got.handle); err != nil {
				t.Fatal(err)
			}
			var orders []receiver.Order
			for _, m := range got.messages {
				orders = append(orders, m.Order)
			}
			if d := cmp.Diff(c.want, orders); d != "" {
				t.Error(d)
			}
		})
	}
}
