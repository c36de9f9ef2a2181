package message

import "time"

// Date is a date as FHIR writes it: 2026-03-04, or 2026-03 or 2026 where no more is
// known. Where a field says so, it may also be a time: 2026-03-04T05:06:07Z.
type Date string

// On returns the date of a time, in the time's own zone.
func On(t time.Time) Date { return Date(t.Format(time.DateOnly)) }

// At returns the moment of a time, to the second.
func At(t time.Time) Date { return Date(instant(t.Truncate(time.Second))) }

// instantForm is how moments are written: in UTC, with a numeric zone.
const (
	instantForm = "2006-01-02T15:04:05+00:00"
	millisForm  = "2006-01-02T15:04:05.000+00:00"
)

// instant writes a moment, with milliseconds if it has any.
func instant(t time.Time) string {
	t = t.UTC().Truncate(time.Millisecond)
	if t.Nanosecond() != 0 {
		return t.Format(millisForm)
	}
	return t.Format(instantForm)
}

// isDate reports whether a date is one, whole or partial. Years begin at 1.
func (d Date) isDate() bool {
	for _, form := range []string{time.DateOnly, "2006-01", "2006"} {
		if t, err := time.Parse(form, string(d)); err == nil {
			return t.Year() > 0
		}
	}
	return false
}

// isMoment reports whether it is a time with its zone.
func (d Date) isMoment() bool {
	t, err := time.Parse(time.RFC3339, string(d))
	if err != nil || t.Year() < 1 || len(d) < len("2006-01-02T15:04:05Z") || d[10] != 'T' {
		return false
	}
	_, offset := t.Zone()
	return offset >= -14*3600 && offset <= 14*3600
}

// moment returns the time, the zero time if it is none.
func (d Date) moment() time.Time {
	t, _ := time.Parse(time.RFC3339, string(d))
	return t
}

// wholeDay checks a date to the day.
func (c *checker) wholeDay(field string, d Date) {
	if c.there(field, string(d)) && (len(d) != len(time.DateOnly) || !d.isDate()) {
		c.wrong(field, "is a date, like 2026-03-04")
	}
}

// date checks a date, whole or partial.
func (c *checker) date(field string, d Date) {
	if c.there(field, string(d)) && !d.isDate() {
		c.wrong(field, "is a date, like 2026-03-04")
	}
}

// dateTime checks a date or a time.
func (c *checker) dateTime(field string, d Date) {
	if c.there(field, string(d)) && !d.isDate() && !d.isMoment() {
		c.wrong(field, "is a date like 2026-03-04 or a time like 2026-03-04T05:06:07Z")
	}
}
