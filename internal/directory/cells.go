package directory

import (
	"strings"
	"time"
	"unicode/utf8"

	"nems/internal/nhs"
)

// cells parses the fields of a row, and keeps the first error. Absent and empty
// fields become zero values, except required ones.
type cells struct {
	row
	err error
}

// fail records an error: the column and what it accepts, never what is in it.
func (c *cells) fail(at int, takes string) {
	if c.err == nil {
		c.err = rowError{c.columns[at].names[0], takes}
	}
}

// number reads an NHS number. If it is required, it must be there.
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

// code reads an ODS code. If it is required, it must be there.
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

// postcode reads a postcode. If it is required, it must be there.
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

// text reads a name. Names are compared with messages, so bytes in another
// encoding are refused now rather than causing mismatches later.
func (c *cells) text(at int) string {
	text := c.get(at)
	if !utf8.ValidString(text) {
		c.fail(at, "UTF-8")
	}
	return text
}

// date reads a day; the result is midnight UTC.
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

// flag reads yes or no in the ways that files write it, including the flag's
// own letter; empty means no.
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

// ons reads an ONS code. A pseudo code (L99999999: no such area) counts as
// empty.
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
