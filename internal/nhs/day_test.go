package nhs_test

import (
	"testing"
	"time"

	"nems/internal/nhs"
)

func TestIsDay(t *testing.T) {
	summer, winter := time.Date(2017, 7, 2, 0, 0, 0, 0, time.UTC), time.Date(2017, 12, 2, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		written string
		day     time.Time
		want    bool
	}{
		{"2017-07-02", summer, true},
		{"2017-07-02T00:00:00+01:00", summer, true},
		{"2017-07-02T23:30:00Z", summer, true}, // by its first ten characters
		{"2017-07-01T23:00:00Z", summer, true},
		{"2017-07-01T23:00:00+00:00", summer, true},
		{"2017-07-01T22:59:59Z", summer, false},
		{"2017-07-01", summer, false},
		{"2017-07", summer, false},
		{"", summer, false},
		{"2017-12-01T23:00:00Z", winter, false},
		{"2017-12-02T00:00:00Z", winter, true},
		{"2017-07-01T23:00:00.5-00:00", summer, true},
		{"2017-12-03T01:00:00+05:30", winter, false},                                // the same day in another country's time zone
		{"1970-01-01T23:00:00Z", time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC), true}, // from 1968 to 1971 summer time applied all year
		{"no date at all", winter, false},
	} {
		if got := nhs.IsDay(test.written, test.day); got != test.want {
			t.Errorf("IsDay(%q, %s) = %v", test.written, test.day.Format(time.DateOnly), got)
		}
	}
}
