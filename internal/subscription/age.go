package subscription

import (
	"math"
	"strconv"
	"time"

	"nems/internal/nhs"
)

// passes reports whether an age in whole years satisfies the filter.
func (a Age) passes(years int) bool {
	switch a.Op {
	case Equal:
		return years == a.Years
	case Less:
		return years < a.Years
	case LessOrEqual:
		return years <= a.Years
	case Greater:
		return years > a.Years
	case GreaterOrEqual:
		return years >= a.Years
	}
	return false
}

// String writes the filter as a subscriber does: "lt14".
func (a Age) String() string { return a.Op.prefix() + strconv.Itoa(a.Years) }

func (op AgeOp) prefix() string {
	for _, p := range agePrefixes {
		if p.op == op {
			return p.text
		}
	}
	return ""
}

var agePrefixes = []struct {
	text string
	op   AgeOp
}{{"eq", Equal}, {"lt", Less}, {"le", LessOrEqual}, {"gt", Greater}, {"ge", GreaterOrEqual}}

// ageFilter computes the patient's age once for all candidates, and only if one
// asks for it.
type ageFilter struct {
	facts *Facts
	years int
	done  bool
}

// passes reports whether the patient satisfies all filters. Without a birth
// date no filter is satisfied.
func (f *ageFilter) passes(ages []Age) bool {
	if len(ages) == 0 {
		return true
	}
	if f.facts.BirthDate.IsZero() {
		return false
	}
	if !f.done {
		f.years, f.done = YearsOld(f.facts.BirthDate, f.facts.At), true
	}
	for _, a := range ages {
		if !a.passes(f.years) {
			return false
		}
	}
	return true
}

// YearsOld returns an age in whole years at a moment. The date is that of the
// United Kingdom: a birthday begins at midnight there, which in summer is 23:00
// UTC of the day before. A person born on 29 February has the birthday of other
// years on 1 March. A birth in the future counts as today.
func YearsOld(birth, at time.Time) int {
	year, month, day := at.In(nhs.UnitedKingdom()).Date()
	years := year - birth.Year()
	if month < birth.Month() || month == birth.Month() && day < birth.Day() {
		years--
	}
	return max(years, 0)
}

// ageRange is the range of whole years, both ends included, that a list of
// filters accepts.
type ageRange struct{ min, max int }

const noLimit = math.MaxInt

func rangeOf(ages []Age) ageRange {
	r := ageRange{0, noLimit}
	for _, a := range ages {
		switch a.Op {
		case Equal:
			r.min, r.max = max(r.min, a.Years), min(r.max, a.Years)
		case Less:
			r.max = min(r.max, a.Years-1)
		case LessOrEqual:
			r.max = min(r.max, a.Years)
		case Greater:
			r.min = max(r.min, a.Years+1)
		case GreaterOrEqual:
			r.min = max(r.min, a.Years)
		}
	}
	return r
}

// filters returns the shortest list of filters that accept the same ages. The
// range of all ages is still a filter, because it excludes patients without a
// birth date.
func (r ageRange) filters() []Age {
	if r.min == r.max {
		return []Age{{Equal, r.min}}
	}
	var out []Age
	if r.min > 0 || r.max == noLimit {
		out = append(out, Age{GreaterOrEqual, r.min})
	}
	if r.max < noLimit {
		out = append(out, Age{LessOrEqual, r.max})
	}
	return out
}
