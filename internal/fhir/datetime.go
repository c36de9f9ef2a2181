package fhir

import "time"

// checkDate judges a date, or if clock is set a dateTime. A date is a year, a
// month or a day that exists; a dateTime may also be a day with time and zone
// (STU3, datatypes.html#dateTime). Years run from -9999 to 9999; there is no
// year 0.
func checkDate(v []byte, clock bool) verdict {
	rest, complete, good := cutDate(v)
	switch {
	case !good:
		return verdictForm
	case len(rest) == 0:
		return verdictGood
	case !clock || !complete || rest[0] != 'T':
		return verdictForm
	}
	return checkClock(rest[1:])
}

// checkInstant judges a full date and time with its zone. HL7's schema leaves
// the form to XML schema's dateTime, which allows more: years of five and more
// digits, hour 24, no zone.
func checkInstant(v []byte) verdict {
	rest, complete, good := cutDate(v)
	if good && complete && len(rest) > 0 && rest[0] == 'T' {
		if result := checkClock(rest[1:]); result != verdictForm {
			return result
		}
	}
	if isSchemaDateTime(v) {
		return verdictInstant
	}
	return verdictForm
}

// cutDate removes YYYY, YYYY-MM or YYYY-MM-DD from the front of v.
func cutDate(v []byte) (rest []byte, complete, good bool) {
	negative := len(v) > 0 && v[0] == '-'
	if negative {
		v = v[1:]
	}
	year, good := number(v, 4)
	if !good || year == 0 {
		return nil, false, false
	}
	if negative {
		year = -year
	}
	v = v[4:]
	month, day := 1, 1
	for _, part := range []*int{&month, &day} {
		if len(v) == 0 || v[0] != '-' {
			return v, false, true
		}
		if *part, good = number(v[1:], 2); !good {
			return nil, false, false
		}
		if part == &month && (month < 1 || month > 12) {
			return nil, false, false
		}
		v = v[3:]
	}
	return v, true, day >= 1 && day <= daysIn(year, month)
}

// daysIn returns the number of days of a month. Negative years are leap years
// by their number, as in XML schema 1.0.
func daysIn(year, month int) int {
	switch time.Month(month) {
	case time.April, time.June, time.September, time.November:
		return 30
	case time.February:
		if year%4 == 0 && year%100 != 0 || year%400 == 0 {
			return 29
		}
		return 28
	}
	return 31
}

// checkClock judges HH:MM:SS[.s...] with Z or an offset up to 14:00.
func checkClock(v []byte) verdict {
	zone := cutTimeOfDay(v)
	switch {
	case zone == nil:
		return verdictForm
	case len(zone) == 0:
		return verdictZone
	case !isZone(zone):
		return verdictForm
	}
	return verdictGood
}

func isTimeOfDay(v []byte) bool {
	rest := cutTimeOfDay(v)
	return rest != nil && len(rest) == 0
}

// cutTimeOfDay removes HH:MM:SS[.s...] from the front; it returns nil if there is none.
func cutTimeOfDay(v []byte) []byte {
	if len(v) < 8 || v[2] != ':' || v[5] != ':' {
		return nil
	}
	hour, good1 := number(v, 2)
	minute, good2 := number(v[3:], 2)
	second, good3 := number(v[6:], 2)
	if !good1 || !good2 || !good3 || hour > 23 || minute > 59 || second > 59 {
		return nil
	}
	v = v[8:]
	if len(v) > 0 && v[0] == '.' {
		digits := 1
		for digits < len(v) && isDigit(v[digits]) {
			digits++
		}
		if digits == 1 {
			return nil
		}
		v = v[digits:]
	}
	return v
}

func isZone(v []byte) bool {
	if len(v) == 1 {
		return v[0] == 'Z'
	}
	if len(v) != 6 || v[0] != '+' && v[0] != '-' || v[3] != ':' {
		return false
	}
	hour, good1 := number(v[1:], 2)
	minute, good2 := number(v[4:], 2)
	return good1 && good2 && (hour < 14 && minute < 60 || hour == 14 && minute == 0)
}

// isSchemaDateTime reports whether v is a dateTime of XML schema that FHIR does
// not allow: a year of more than four digits, or hour 24.
func isSchemaDateTime(v []byte) bool {
	short := append([]byte(nil), v...)
	digits := 0
	if len(short) > 0 && short[0] == '-' {
		short = short[1:]
	}
	for digits < len(short) && isDigit(short[digits]) {
		digits++
	}
	if digits > 4 && digits <= 18 && short[0] != '0' {
		// The calendar repeats every 400 years, so the year modulo 10000 is
		// enough; year 0 becomes 2000.
		short = short[digits-4:]
		if string(short[:4]) == "0000" {
			copy(short, "2000")
		}
	}
	if len(short) >= 19 && string(short[10:19]) == "T24:00:00" {
		copy(short[11:], "00")
	}
	rest, complete, good := cutDate(short)
	if !good || !complete || len(rest) == 0 || rest[0] != 'T' {
		return false
	}
	return checkClock(rest[1:]) != verdictForm
}

// number reads exactly width digits at the front of v.
func number(v []byte, width int) (value int, good bool) {
	if len(v) < width {
		return 0, false
	}
	for _, c := range v[:width] {
		if !isDigit(c) {
			return 0, false
		}
		value = value*10 + int(c-'0')
	}
	return value, true
}

// isAfter reports whether a date, dateTime or instant is certainly later than
// another. If both have a time of day they are compared as moments, otherwise
// by those of year, month and day that both have. (A period that ends on a day
// includes that day; STU3, datatypes.html#Period.)
func isAfter(a, b []byte) bool {
	if len(a) > len("2006-01-02") && len(b) > len("2006-01-02") {
		first, err1 := time.Parse(time.RFC3339Nano, string(a))
		second, err2 := time.Parse(time.RFC3339Nano, string(b))
		if err1 == nil && err2 == nil {
			return first.After(second)
		}
	}
	common := min(len(a), len(b), len("2006-01-02"))
	return string(a[:common]) > string(b[:common])
}
