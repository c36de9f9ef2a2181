package directory

import (
	"cmp"
	"slices"
	"time"

	"nems/internal/nhs"
)

// Change is what an event of the Spine says about a patient's record. Parts
// that it does not carry are empty, and the record keeps them.
type Change struct {
	NHSNumber nhs.NHSNumber
	At        Version
	Family    string // belongs together with Given
	Given     []string
	BirthDate time.Time
	Postcode  string
	GP        nhs.ODSCode
	Left      bool // the patient is no longer registered with any practice
	// Whole means that the change is the whole record, as whoever keeps it has it. Then
	// empty parts are empty, and the following count too.
	Whole        bool
	SupersededBy nhs.NHSNumber
	Sensitive    bool
	Invalid      bool
}

// Version says how new a part of a record is. The zero Version, that of an
// imported record, is older than any event.
type Version struct {
	LastUpdated time.Time // meta.lastUpdated of the message
	SCN         int64     // of two with the same time, the larger is newer
}

// Compare is negative if v is older than w, and positive if it is newer.
func (v Version) Compare(w Version) int {
	return cmp.Or(v.LastUpdated.Compare(w.LastUpdated), cmp.Compare(v.SCN, w.SCN))
}

// Versions says how new each part of a record is. Events carry some of the parts
// and arrive in any order: an older change of address that arrives after a newer
// change of GP still counts.
type Versions struct{ Name, Birth, Home, GP Version }

// Apply changes the parts of the record for which the change is not older, and
// reports whether anything differs from before. The record ends up the same in
// whichever order changes are applied. If two changes have the same version (one
// update of PDS may cause both), the later one applied counts. A superseded number
// keeps leading to the record that supersedes it.
func (c Change) Apply(p *Patient, known *Versions) (changed bool) {
	if c.Whole {
		return c.applyWhole(p, known)
	}
	if !p.SupersededBy.IsZero() {
		return false
	}
	before, versions := *p, *known
	counts := func(carried bool, part *Version) bool {
		if !carried || c.At.Compare(*part) < 0 {
			return false
		}
		*part = c.At
		return true
	}
	if counts(c.Family != "" && len(c.Given) > 0, &known.Name) {
		p.Family, p.Given = c.Family, slices.Clone(c.Given)
	}
	if counts(!c.BirthDate.IsZero(), &known.Birth) {
		p.BirthDate = c.BirthDate
	}
	if counts(c.Postcode != "", &known.Home) {
		p.Postcode = c.Postcode
	}
	if counts(c.GP != "" || c.Left, &known.GP) {
		p.GP = c.GP
	}
	return versions != *known || !p.equal(&before)
}

// applyWhole replaces the record, unless any part of it is newer.
func (c Change) applyWhole(p *Patient, known *Versions) (changed bool) {
	for _, part := range []Version{known.Name, known.Birth, known.Home, known.GP} {
		if c.At.Compare(part) < 0 {
			return false
		}
	}
	before, versions := *p, *known
	*p = Patient{
		NHSNumber: p.NHSNumber, SupersededBy: c.SupersededBy, Family: c.Family, Given: slices.Clone(c.Given), BirthDate: c.BirthDate,
		Postcode: c.Postcode, GP: c.GP, Sensitive: c.Sensitive, Invalid: c.Invalid,
	}
	*known = Versions{c.At, c.At, c.At, c.At}
	return versions != *known || !p.equal(&before)
}

func (p *Patient) equal(q *Patient) bool {
	return p.Family == q.Family && slices.Equal(p.Given, q.Given) && p.BirthDate.Equal(q.BirthDate) && p.Postcode == q.Postcode && p.GP == q.GP
}
