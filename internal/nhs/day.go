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
// UTC: its first ten characters are that date, or the moment lies in it by the
// clocks of the United Kingdom. A birth date that a system keeps as midnight
// there is in summer written as 23:00 UTC of the day before.
func IsDay(written string, day time.Time) bool {
	date := day.Format(time.DateOnly)
	if written[:min(len(written), len(date))] == date {
		return true
	}
	moment, err := time.Parse(time.RFC3339, written)
	return err == nil && moment.In(UnitedKingdom()).Format(time.DateOnly) == date
}
