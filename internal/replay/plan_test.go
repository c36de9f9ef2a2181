package replay

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

// shelf is a store with one subscription that has counted. Each event has its number as
// its id.
type shelf struct {
	Store
	counting store.Counting
}

func (s shelf) Counting(context.Context, subscription.ID) (store.Counting, error) {
	return s.counting, nil
}

func (s shelf) NumberedSpan(_ context.Context, _ subscription.ID, from, _ uint64) (out store.NumberedSpan, err error) {
	if c := s.counting; c.First > 0 && from <= c.Last {
		out.Least = max(from, c.First)
		out.First, out.Last = store.EventID(out.Least), store.EventID(c.Last) //nolint:gosec // small numbers
	}
	return out, nil
}

func (shelf) KeptSince() time.Time { return time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC) }

// Whoever names a number that is not there is told which are.
func TestNumbersThatAreNotKept(t *testing.T) {
	for name, test := range map[string]struct {
		counting store.Counting
		from     uint64
		at       store.EventID
		says     string
	}{
		"the first":          {store.Counting{First: 3, Last: 8}, 3, 3, ""},
		"the last":           {store.Counting{First: 3, Last: 8}, 8, 8, ""},
		"too old":            {store.Counting{First: 3, Last: 8}, 2, 0, "since 2026-03-01T09:00:00Z, with the numbers 3 to 8"},
		"beyond the end":     {store.Counting{First: 3, Last: 8}, 9, 0, "a number from 3 to 8, which are kept, or oldest"},
		"none is kept":       {store.Counting{Last: 8}, 8, 0, "has counted to 8, and none of these events is kept"},
		"nothing is counted": {store.Counting{}, 1, 0, "oldest, or a moment: the subscription has counted no event"},
	} {
		t.Run(name, func(t *testing.T) {
			at, err := firstNumber(t.Context(), shelf{counting: test.counting}, subscription.Subscription{}, test.from)
			if test.says == "" && (err != nil || at != test.at) {
				t.Errorf("%d, %v", at, err)
			}
			if test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("%v", err)
			}
			var gone *GoneError
			if errors.As(err, &gone) != (name == "too old") {
				t.Errorf("%T", err)
			}
		})
	}
}
