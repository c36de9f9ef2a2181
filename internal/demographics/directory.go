package demographics

import (
	"slices"
	"time"

	"nems/internal/directory"
)

// Directory returns what routing needs of the record.
func (r *Record) Directory() directory.Patient {
	p := directory.Patient{NHSNumber: r.NHSNumber, SupersededBy: r.SupersededBy, GP: r.PracticeCode(), Sensitive: r.Sensitive, Invalid: r.Invalid}
	if name := r.Usual(); name != nil {
		p.Family, p.Given = name.Family, name.Given
	}
	p.BirthDate, _ = time.Parse(time.DateOnly, r.BirthDate)
	if home := r.Home(); home != nil {
		p.Postcode, _ = directory.NormalPostcode(home.Postcode)
	}
	return p
}

// FromDirectory returns the record of a patient of whom only the directory knows.
func FromDirectory(p directory.Patient) Record {
	r := Record{
		NHSNumber: p.NHSNumber, SCN: 1, SupersededBy: p.SupersededBy, Gender: "unknown",
		Names:     []Name{{ID: "1", Use: "usual", Given: p.Given, Family: p.Family}},
		Sensitive: p.Sensitive, Invalid: p.Invalid,
	}
	if !p.BirthDate.IsZero() {
		r.BirthDate = p.BirthDate.Format(time.DateOnly)
	}
	if p.Postcode != "" {
		r.Addresses = []Address{{ID: "1", Use: "home", Lines: []string{unknownLine}, Postcode: p.Postcode}}
	}
	if p.GP != "" {
		r.Practice = &Registration{ID: "1", Practice: p.GP}
	}
	return r
}

// Take takes over the parts that a change carries.
func (r *Record) Take(c directory.Change) {
	if name := r.Usual(); name != nil && c.Family != "" && len(c.Given) > 0 {
		name.Family, name.Given = c.Family, slices.Clone(c.Given)
	}
	if !c.BirthDate.IsZero() {
		r.BirthDate = c.BirthDate.Format(time.DateOnly)
	}
	if home := r.Home(); c.Postcode != "" && (home == nil || home.Postcode != c.Postcode) {
		moved := Edit{Postcode: c.Postcode}
		_ = moved.home(r, c.At.LastUpdated) // fails only without a postcode
	}
	switch {
	case c.GP != "" && c.GP != r.PracticeCode():
		r.Practice, r.Removal = &Registration{ID: "1", Practice: c.GP, Start: c.At.LastUpdated.Format(time.DateOnly)}, nil
	case c.Left:
		r.Practice = nil
	}
}

// unknownLine stands for the lines of an address of which the directory knows the
// postcode alone, because messages must have one.
const unknownLine = "ADDRESS NOT KNOWN"

// Change returns what a directory learns from the record.
func (r *Record) Change() directory.Change {
	p := r.Directory()
	return directory.Change{
		NHSNumber: p.NHSNumber, At: directory.Version{LastUpdated: r.Updated, SCN: r.SCN},
		Family: p.Family, Given: p.Given, BirthDate: p.BirthDate, Postcode: p.Postcode, GP: p.GP,
		Whole: true, SupersededBy: p.SupersededBy, Sensitive: p.Sensitive, Invalid: p.Invalid,
	}
}
