package directory

import (
	"strings"
	"time"
	"unicode/utf8"

	"nems/internal/nhs"
)

// cells reads the fields of a row as what they mean and keeps the first thing
// that is wrong with them. Absent and empty fields read as zero values, but
// for those that a row cannot do without.
type cells struct {
	row
	err error
}

// fail names the column and what it takes, never what stands in it.
func (c *cells) fail(at int, takes string) {
	if c.err == nil {
		c.err = rowError{c.columns[at].names[0], takes}
	}
}

// number reads an NHS number, which must be there when it is required.
func (c *cells) number(at int, required bool) nhs.NHSNumber {
	text := c.get(at)
	if text == "" && !required {
		return nhs.NHSNumber{}
	}
	n, err := nhs.ParseNHSNumber(text)
	if err != nil {
		c.fail(at, "an NHS number: ten digits, the last one the check digit")
	}
	return n
}

// code reads an ODS code, which must be there when it is required.
func (c *cells) code(at int, required bool) nhs.ODSCode {
	text := c.get(at)
	if text == "" && !required {
		return ""
	}
	code, err := nhs.ParseODSCode(text)
	if err != nil {
		c.fail(at, "an ODS code")
	}
	return code
}

// postcode reads a postcode, which must be there when it is required.
func (c *cells) postcode(at int, required bool) string {
	text := c.get(at)
	if text == "" && !required {
		return ""
	}
	postcode, ok := NormalPostcode(text)
	if !ok {
		c.fail(at, "a postcode")
	}
	return postcode
}

// text reads a name. Names are compared with messages, so that bytes of
// another encoding would do harm later.
func (c *cells) text(at int) string {
	text := c.get(at)
	if !utf8.ValidString(text) {
		c.fail(at, "UTF-8")
	}
	return text
}

// date reads a day, midnight UTC.
func (c *cells) date(at int) time.Time {
	text := c.get(at)
	if text == "" {
		return time.Time{}
	}
	form := time.DateOnly
	if len(text) == len("20060102") {
		form = "20060102"
	}
	day, err := time.Parse(form, text)
	if err != nil {
		c.fail(at, "a date, YYYY-MM-DD or YYYYMMDD")
	}
	return day
}

// flag reads yes or no in the ways that files have it, the flag's own letter
// included; nothing is no.
func (c *cells) flag(at int, letter string) bool {
	text := c.get(at)
	switch strings.ToLower(text) {
	case "", "0", "n", "no", "false":
		return false
	case "1", "y", "yes", "true":
		return true
	}
	if letter == "" || !strings.EqualFold(text, letter) {
		c.fail(at, "true or false")
	}
	return true
}

// ons reads an ONS code; a pseudo code (L99999999: no such area) counts as
// nothing.
func (c *cells) ons(at int) string {
	code := strings.ToUpper(c.get(at))
	switch {
	case code == "" || isPseudo(code):
		return ""
	case !isONS(code):
		c.fail(at, "an ONS code: a letter and eight digits")
	}
	return code
}
