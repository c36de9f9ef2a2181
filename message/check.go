package message

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"nems/internal/nhs"
)

// FieldsError says why a message cannot be made. It holds no values, so that it may
// be logged.
type FieldsError struct {
	Event  string // the type of the message, like ChangeOfGP
	Fields []FieldError
}

// FieldError is one field that is missing or wrong.
type FieldError struct {
	Field string // like Patient.Names[0].Family
	Text  string // what is expected of it
}

func (e *FieldsError) Error() string {
	var lines []string
	for _, f := range e.Fields {
		lines = append(lines, f.Field+" "+f.Text)
	}
	return "no message " + e.Event + " can be made: " + strings.Join(lines, "; ")
}

// checker collects what is missing or wrong.
type checker struct{ fields []FieldError }

func (c *checker) wrong(field, text string) { c.fields = append(c.fields, FieldError{field, text}) }

// done returns an error if anything was found.
func (c *checker) done(event string) error {
	if len(c.fields) == 0 {
		return nil
	}
	return &FieldsError{event, c.fields}
}

// optional checks a value only if it is there.
func (c *checker) optional(value string, check func()) {
	if value != "" {
		check()
	}
}

// there reports whether a value is there, and notes if it is missing.
func (c *checker) there(field, value string) bool {
	if value == "" {
		c.wrong(field, "is missing")
	}
	return value != ""
}

// text checks that a text is there and can be written: FHIR's texts are not blank, and
// have no control characters.
func (c *checker) text(field, value string) {
	if c.there(field, value) && !isText(value) {
		c.wrong(field, "is text without control characters, not blank, without blanks at its ends")
	}
}

func isText(value string) bool {
	return value != "" && utf8.ValidString(value) && strings.TrimFunc(value, unicode.IsSpace) == value &&
		!strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) || r == '\ufffe' || r == '\uffff' })
}

func (c *checker) time(field string, t time.Time) {
	switch {
	case t.IsZero():
		c.wrong(field, "is missing")
	case t.Year() < 1 || t.Year() > 9999:
		c.wrong(field, "is in the years 1 to 9999")
	}
}

// number checks a whole number, such as a serial change number (SCN).
func (c *checker) number(field, value string) {
	if n, err := strconv.ParseUint(value, 10, 31); c.there(field, value) && (err != nil || strconv.FormatUint(n, 10) != value) {
		c.wrong(field, "is a whole number, like 7")
	}
}

func (c *checker) nhsNumber(field, value string) {
	n, err := nhs.ParseNHSNumber(value)
	if !c.there(field, value) {
		return
	}
	if err == nil && n.Digits() != value {
		err = nhs.ErrNHSNumberForm
	}
	if err != nil {
		c.wrong(field, "is an NHS number: "+err.Error())
	}
}

func (c *checker) ods(field, value string) {
	if code, err := nhs.ParseODSCode(value); c.there(field, value) && (err != nil || string(code) != value) {
		c.wrong(field, "is an ODS code: "+nhs.ErrODSCode.Error())
	}
}

func (c *checker) asid(field, value string) {
	if _, err := nhs.ParseASID(value); c.there(field, value) && err != nil {
		c.wrong(field, "is an ASID: "+err.Error())
	}
}

// forms are what is accepted of a contact, by its system.
var forms = map[string]*regexp.Regexp{
	Phone: regexp.MustCompile(`^[^@]*\d[^@]*\d[^@]*\d[^@]*$`),
	Email: regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s.]+$`),
}

func (c *checker) contact(field string, contact Contact) {
	form := forms[contact.System]
	if form == nil {
		c.wrong(field+".System", "is phone or email")
		return
	}
	c.text(field+".Value", contact.Value)
	if contact.Value != "" && !form.MatchString(contact.Value) {
		c.wrong(field+".Value", "is what its system says: "+contact.System)
	}
}

// oneOf checks a code against the list that it is of.
func (c *checker) oneOf(field, value string, list ...string) {
	if c.there(field, value) && !slices.Contains(list, value) {
		c.wrong(field, "is one of "+strings.Join(list, ", "))
	}
}

func at(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

var (
	uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	codeForm = regexp.MustCompile(`^[^\s]+( [^\s]+)*$`)
)

func isUUID(s string) bool { return uuidForm.MatchString(s) }

// code checks a code of a list that this package does not hold.
func (c *checker) code(field, value string) {
	if c.there(field, value) && (!codeForm.MatchString(value) || !isText(value)) {
		c.wrong(field, "is a code, without blanks at its ends")
	}
}

func (c *checker) positive(field string, n int) {
	if n <= 0 {
		c.wrong(field, "is missing: a number from 1")
	}
}

// within names a field of what is checked, or of the message itself.
func within(field, name string) string {
	if field == "" {
		return name
	}
	return field + "." + name
}
