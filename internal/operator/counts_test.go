package operator_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"nems/internal/operator"
	"nems/internal/store"
)

// counted is a store with these counts.
type counted struct {
	operator.Store
	unit     store.CountUnit
	from, to time.Time
	bars     []store.Counted
}

func (c *counted) Counts(_ context.Context, per store.CountUnit, from, to time.Time) (store.Counts, error) {
	c.unit, c.from, c.to = per, from, to
	return store.Counts{Bars: c.bars, Short: true}, nil
}

func TestCountOverTime(t *testing.T) {
	hour := now.Truncate(time.Hour)
	c := &counted{bars: []store.Counted{{At: hour.Add(-time.Hour), Published: 3, Refused: 1, Matched: 2, Copies: 4, Collected: 5}}}
	d := operator.Desk{Store: c, Now: func() time.Time { return now.Add(time.Second) }, Caller: operator.Caller{Roles: operator.AllRoles}}
	got, err := operator.CountOverTime.Do(t.Context(), d, operator.Counting{Per: operator.PerHour, From: hour.Add(-2*time.Hour + time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Bars) != 3 || !got.Bars[0].At.Equal(hour.Add(-2*time.Hour)) || got.Bars[0].Published != 0 || !got.Behind ||
		got.Bars[1] != (operator.Count{At: hour.Add(-time.Hour), Published: 3, Refused: 1, Matched: 2, Copies: 4, Collected: 5}) {
		t.Errorf("received %+v", got)
	}
	for per, bars := range map[operator.CountUnit]int{"": 60, operator.PerHour: 48, operator.PerDay: 31} {
		got, err := operator.CountOverTime.Do(t.Context(), d, operator.Counting{Per: per})
		if err != nil || len(got.Bars) != bars {
			t.Errorf("per %q: %d bars, %v", per, len(got.Bars), err)
		}
	}
	for name, q := range map[string]operator.Counting{
		"unit":     {Per: "week"},
		"order":    {From: now, To: now},
		"too many": {From: now.Add(-operator.MaxBars * time.Minute), To: now.Add(time.Minute)},
	} {
		if _, err := operator.CountOverTime.Do(t.Context(), d, q); !errors.Is(err, operator.Invalid) {
			t.Errorf("%s: expected invalid, received %v", name, err)
		}
	}
}
