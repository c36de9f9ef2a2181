package demographics

import (
	"reflect"
	"strings"
	"unicode"

	"nems/internal/directory"
)

// The events that a change of a record can make, by the codes of the catalogue.
const (
	BirthNotification = "pds-birth-notification-1"
	ChangeOfGP        = "pds-change-of-gp-1"
	ChangeOfAddress   = "pds-change-of-address-1"
	DeathNotification = "pds-death-notification-1"
	RecordChange      = "pds-record-change-1"
)

// Diff returns the events that a change makes, in the order in which they are
// published: what happened first, then that the record changed. There are none
// where the records do not differ. before is nil for a patient who is new here.
//
// The conditions are those of the pages pds_* of the specification: a change of GP
// is one of the registered practice alone, one of address that of the home alone,
// and a death notification follows the status and not the date. An address that was
// written back in another layout is no change of address.
func Diff(before *Record, after *Record) []string {
	if before != nil && same(before, after) {
		return nil
	}
	if before == nil {
		before = &Record{}
	}
	var events []string
	for _, e := range []struct {
		code string
		made bool
	}{
		{ChangeOfGP, before.PracticeCode() != after.PracticeCode()},
		{ChangeOfAddress, before.Home() != nil && after.Home() != nil && !before.Home().SamePlace(after.Home())},
		{DeathNotification, before.deathStatus() != after.deathStatus()},
		{RecordChange, true},
	} {
		if e.made {
			events = append(events, e.code)
		}
	}
	return events
}

// same compares all but the version.
func same(a, b *Record) bool {
	x, y := a.Clone(), b.Clone()
	x.SCN, x.Updated = y.SCN, y.Updated
	return reflect.DeepEqual(x, y)
}

func (r *Record) deathStatus() string {
	if r.Death == nil {
		return ""
	}
	return r.Death.Status
}

// SamePlace reports whether two addresses are the same place, although systems
// write the same address in layouts of their own: case, punctuation, blank lines
// and the postcode's spacing do not count, and neither does how the text is divided
// into lines. An equal property reference or key of the postal address decides.
func (a *Address) SamePlace(b *Address) bool {
	switch {
	case a.UPRN != "" && b.UPRN != "":
		return a.UPRN == b.UPRN
	case a.PAF != "" && a.PAF == b.PAF:
		return true
	}
	return a.plain() == b.plain()
}

// plain is an address without its layout.
func (a *Address) plain() string {
	var b strings.Builder
	for _, r := range strings.Join(a.Lines, " ") {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(unicode.ToUpper(r))
		}
	}
	postcode, ok := directory.NormalPostcode(a.Postcode)
	if !ok {
		postcode = strings.ToUpper(strings.Join(strings.Fields(a.Postcode), ""))
	}
	return b.String() + "|" + postcode
}
