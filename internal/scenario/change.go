package scenario

import (
	"cmp"
	"slices"
	"time"
)

// change writes into the patient's record what a deed says.
func (s *stage) change(at time.Time, a *actor, d Deed) {
	switch d := d.(type) {
	case Added:
		a.exists = true
	case Born:
		a.exists, a.bornAt = true, d.Time
	case Died:
		a.dead, a.diedAt = d.Status, d.Time
	case DeathRemoved:
		a.dead = ""
	case Moved:
		a.apart = a.apart && sameAddress(a.Address, d.To)
		a.Address = Address{slices.Clone(d.To.Lines), d.To.Postcode}
	case Registered:
		a.Practice = d.Practice
	case Deregistered:
		a.Practice = ""
	case Renamed:
		a.Family = cmp.Or(d.Family, a.Family)
		if d.Given != nil {
			a.Given = slices.Clone(d.Given)
		}
	case TelecomChanged:
		a.Phone, a.Email = cmp.Or(d.Phone, a.Phone), cmp.Or(d.Email, a.Email)
	case Corrected:
		a.Gender, a.BirthDate = cmp.Or(d.Gender, a.Gender), cmp.Or(d.BirthDate, a.BirthDate)
		if d.BirthDate != "" {
			a.bornAt = day(d.BirthDate)
		}
	case Flagged:
		a.Sensitive = d.Set
	case Invalidated:
		a.invalid = true
	case Merged:
		a.into = d.Into
	default:
		a.note(d)
	}
}

// note remembers what a provider published, so that it can be corrected.
func (a *actor) note(d Deed) {
	switch d := d.(type) {
	case Vaccinated:
		switch {
		case d.Kind == "delete" && a.doses[d.Vaccine] == d.Dose:
			a.doses[d.Vaccine] = d.Dose - 1
		case d.Kind != "delete" && !d.NotGiven:
			a.doses[d.Vaccine] = max(a.doses[d.Vaccine], d.Dose)
		}
		a.records[d.ID] = d
	case Contact:
		a.contacts[d.Service.Code] = &contact{d, d.Kind == "new"}
		if d.Kind == "delete" {
			delete(a.contacts, d.Service.Code)
		}
	case BloodSpot, NewbornHearing, NIPE:
		a.records[recordName(d)] = d
		if recordOf(d).Kind == "delete" {
			delete(a.records, recordName(d))
		}
	}
}
