package scenario

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Span is a length of time as people say it: months and years follow the calendar,
// days follow the clock on the wall.
type Span struct {
	Months, Days int
	Rest         time.Duration
}

var errSpan = errors.New("a length of time, such as 3d, 8 weeks, 1y 6mo or 2h 30min")

// ParseSpan reads "3d", "8 weeks", "1 year 6 months" or "2h 30min".
func ParseSpan(text string) (s Span, err error) {
	rest := strings.TrimSpace(text)
	for rest != "" {
		digits := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if digits <= 0 {
			return s, errSpan
		}
		n, err := strconv.Atoi(rest[:digits])
		const most = 100_000 // of any unit
		if err != nil || n > most {
			return s, errSpan
		}
		rest = strings.TrimLeft(rest[digits:], " ")
		letters := strings.IndexFunc(rest, func(r rune) bool { return !unicode.IsLetter(r) })
		if letters < 0 {
			letters = len(rest)
		}
		if !s.add(n, rest[:letters]) {
			return s, errSpan
		}
		rest = strings.TrimLeft(rest[letters:], " ")
	}
	if text == "" {
		return s, errSpan
	}
	return s, nil
}

// add adds n of a unit; it returns false if there is no such unit.
func (s *Span) add(n int, unit string) bool {
	is := func(names ...string) bool { return slices.Contains(names, unit) }
	switch {
	case is("min", "minute", "minutes"):
		s.Rest += time.Duration(n) * time.Minute
	case is("h", "hour", "hours"):
		s.Rest += time.Duration(n) * time.Hour
	case is("d", "day", "days"):
		s.Days += n
	case is("w", "week", "weeks"):
		s.Days += 7 * n
	case is("mo", "month", "months"):
		s.Months += n
	case is("y", "year", "years"):
		s.Months += 12 * n
	default:
		return false
	}
	return true
}

// After returns the moment a span later. A day that does not exist (31 January and
// one month) becomes the last one of its month.
func (s Span) After(t time.Time) time.Time {
	if s.Months != 0 {
		first := time.Date(t.Year(), t.Month()+time.Month(s.Months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
		last := first.AddDate(0, 1, -1).Day()
		t = first.AddDate(0, 0, min(t.Day(), last)-1)
	}
	return t.AddDate(0, 0, s.Days).Add(s.Rest)
}
