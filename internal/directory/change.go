package directory

import (
	"cmp"
	"slices"
	"time"

	"nems/internal/nhs"
)

// Change is what an event of the Spine says of a patient's record. What it does
// not carry is empty, and stays as it is.
type Change struct {
	NHSNumber nhs.NHSNumber
	At        Version
	Family    string // with Given: one part
	Given     []string
	BirthDate time.Time
	Postcode  string
	GP        nhs.ODSCode
	Left      bool // registered with no practice any more
}

// Version says how new a part of a record is. The zero Version is older than
// any event: that of a record that was imported.
type Version struct {
	LastUpdated time.Time // meta.lastUpdated of the message
	SCN         int64     // of two with the same moment, the larger is newer
}

// Compare is negative where v is older than w, positive where it is newer.
func (v Version) Compare(w Version) int {
	return cmp.Or(v.LastUpdated.Compare(w.LastUpdated), cmp.Compare(v.SCN, w.SCN))
}

// Versions says how new the parts of a record are. Events carry some of them and
// arrive in any order: an older change of address after a newer change of GP
// still counts.
type Versions struct{ Name, Birth, Home, GP Version }

// Apply makes the record what a change says, as far as the change is not older,
// and reports whether anything is other than before. In whichever order changes
// are applied, the record comes to the same; of two with the same version, which
// one update of PDS may raise, the later counts. A number that was superseded keeps
// leading to the record that supersedes it.
func (c Change) Apply(p *Patient, known *Versions) (changed bool) {
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

func (p *Patient) equal(q *Patient) bool {
	return p.Family == q.Family && slices.Equal(p.Given, q.Given) && p.BirthDate.Equal(q.BirthDate) && p.Postcode == q.Postcode && p.GP == q.GP
}
