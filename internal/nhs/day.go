package nhs

import (
	"sync"
	"time"
	// Days begin at midnight in the United Kingdom, also on machines without a
	// time zone database.
	_ "time/tzdata"
)

// UnitedKingdom is the time zone in which birthdays begin.
var UnitedKingdom = sync.OnceValue(func() *time.Location {
	if l, err := time.LoadLocation("Europe/London"); err == nil {
		return l
	}
	return time.UTC
})

// IsDay reports whether a FHIR date or dateTime falls on a day, which is given as
// its midnight UTC. It does if its first ten characters are that date, or if it
// is an instant in UTC within that day in the United Kingdom. The second case is
// for systems that store a birth date as midnight there, which in summer is 23:00
// UTC of the day before (decision 11).
func IsDay(written string, day time.Time) bool {
	date := day.Format(time.DateOnly)
	return written[:min(len(written), len(date))] == date || DayOfInstant(written) == date
}

// DayOfInstant returns the date in the United Kingdom of an instant in UTC; ""
// if written is not such an instant.
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
