package controllers

import (
	"fmt"
	"time"
)

// Date is a day of the calendar, in UTC. It is written as 2026-11-28.
type Date struct{ t time.Time }

// DateOf returns the day of a moment.
func DateOf(t time.Time) Date { return Date{t.UTC().Truncate(24 * time.Hour)} }

// ParseDate reads a day as YYYY-MM-DD.
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return Date{}, fmt.Errorf("%q is no day of the calendar, such as 2026-11-28", text)
	}
	return Date{t}, nil
}

// IsZero reports whether no day was given.
func (d Date) IsZero() bool { return d.t.IsZero() }

// Before and After compare days.
func (d Date) Before(other Date) bool { return d.t.Before(other.t) }

// After reports whether d is later than other.
func (d Date) After(other Date) bool { return d.t.After(other.t) }

// Until returns how many days it is to other, negative if it is earlier.
func (d Date) Until(other Date) int { return int(other.t.Sub(d.t) / (24 * time.Hour)) }

// Midnight is the moment at which the day begins.
func (d Date) Midnight() time.Time { return d.t }

// String writes the day as YYYY-MM-DD, or "" if none was given.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.t.Format(time.DateOnly)
}

// MarshalText writes the day for JSON and YAML.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Date) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	*d, err = ParseDate(string(text))
	return err
}
