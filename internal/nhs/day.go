package nhs

import (
	"sync"
	"time"
	// Days begin at midnight in the United Kingdom, also on machines without a
	// time zone database.
	_ "time/tzdata"
)

// UnitedKingdom is the time of the United Kingdom, in which birthdays begin.
var UnitedKingdom = sync.OnceValue(func() *time.Location {
	if l, err := time.LoadLocation("Europe/London"); err == nil {
		return l
	}
	return time.UTC
})

// IsDay reports whether a FHIR date or dateTime is a day, given as its midnight
// UTC: its first ten characters are that date, or it is an instant in UTC that
// lies in the day by the clocks of the United Kingdom. A birth date that a system
// keeps as midnight there is in summer written as 23:00 UTC of the day before
// (decision 11).
func IsDay(written string, day time.Time) bool {
	date := day.Format(time.DateOnly)
	return written[:min(len(written), len(date))] == date || DayOfInstant(written) == date
}

// DayOfInstant gives the date, by the clocks of the United Kingdom, of an
// instant in UTC; "" for what is none.
func DayOfInstant(written string) string {
	moment, err := time.Parse(time.RFC3339, written)
	if err != nil {
		return ""
	}
	if _, offset := moment.Zone(); offset != 0 {
		return ""
	}
	return moment.In(UnitedKingdom()).Format(time.DateOnly)
}
