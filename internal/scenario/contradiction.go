package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// contradiction says why a deed cannot happen to a patient now; nil if it can.
func (s *stage) contradiction(at time.Time, a *actor, d Deed) *fault {
	if f := a.absent(at, d); f != nil {
		return f
	}
	switch d := d.(type) {
	case Born:
		return s.birth(at, a, d)
	case Died:
		return a.death(at, d)
	case DeathRemoved:
		if a.dead == "" {
			return &fault{a.name() + " has no death notification", "a death before it is removed", ""}
		}
	case Merged:
		return s.merge(a, d)
	case Deregistered:
		if a.Practice == "" {
			return &fault{a.name() + " is registered nowhere", "a registration before it ends", ""}
		}
	case Flagged:
		if d.Set == a.Sensitive {
			return &fault{fmt.Sprintf("the flag S of %s is %s already", a.name(), map[bool]string{true: "set", false: "not set"}[d.Set]), "a change", ""}
		}
	case Moved, Registered, Renamed, TelecomChanged, Corrected:
		return a.nothingNew(at, d)
	case Vaccinated:
		return a.vaccination(at, d)
	case Contact:
		return a.contact(d)
	case BloodSpot, NewbornHearing, NIPE:
		return a.screening(d)
	}
	return nil
}

// afterDeath are the deeds that may still happen to the dead.
func afterDeath(d Deed) bool {
	switch d := d.(type) {
	case Died, DeathRemoved, Deregistered, Corrected, Invalidated, Merged, BloodSpot, NewbornHearing, NIPE, Flagged:
		return true
	case Contact:
		return d.Kind != "new"
	case Vaccinated:
		return d.Kind != "new"
	}
	return false
}

// absent finds what cannot happen because of who the patient is now.
func (a *actor) absent(at time.Time, d Deed) *fault {
	switch d.(type) {
	case Born, Added:
		if a.exists {
			return &fault{a.name() + " exists already", "somebody who is not there before", ""}
		}
		if _, added := d.(Added); added && at.Before(a.bornAt) {
			return a.unborn(at)
		}
		return nil
	}
	switch {
	case at.Before(a.bornAt):
		return a.unborn(at)
	case !a.exists:
		return &fault{a.name() + " is not in PDS yet", "born or added before", ""}
	case a.into != "":
		return &fault{"the number of " + a.name() + " was superseded", "no change afterwards: let it happen to who it was merged into", ""}
	case a.invalid:
		return &fault{"the record of " + a.name() + " was invalidated", "no change afterwards", ""}
	case a.dead != "" && !afterDeath(d):
		return &fault{fmt.Sprintf("%s is dead since %s", a.name(), local(a.diedAt).Format(time.DateOnly)), "nothing of this kind afterwards (death: removed takes the death back)", ""}
	}
	return nil
}

func (a *actor) unborn(at time.Time) *fault {
	return &fault{a.name() + " is not born yet", "a moment from " + local(a.bornAt).Format(written24) + " on", local(at).Format(written24)}
}

// written24 is how messages write a moment.
const written24 = "2006-01-02 15:04"

func (s *stage) birth(at time.Time, a *actor, d Born) *fault {
	if at.Before(d.Time) {
		return &fault{a.name() + " is registered before the birth", "a moment after " + local(d.Time).Format(written24), local(at).Format(written24)}
	}
	if d.Mother == nil {
		return nil
	}
	mother := s.people[d.Mother.NHSNumber]
	const youngest = 11 // years; anything less is a slip
	switch {
	case mother == nil || !mother.exists:
		return &fault{"the mother is not in PDS yet", "somebody who exists before", ""}
	case mother.into != "" || mother.invalid:
		return &fault{"the mother " + mother.name() + " has no valid record", "the record that superseded it, or no mother", ""}
	case mother.dead != "" && d.Time.After(mother.diedAt.AddDate(0, 0, 1)):
		return &fault{"the mother " + mother.name() + " is dead since " + local(mother.diedAt).Format(time.DateOnly), "a living mother", ""}
	case mother.Gender == "male":
		return &fault{"the mother " + mother.name() + " is male", "a mother", ""}
	case d.Time.Before(mother.bornAt.AddDate(youngest, 0, 0)):
		return &fault{"the mother " + mother.name() + " is a child of less than 11 years", "a mother who is older", mother.BirthDate}
	}
	return nil
}

func (a *actor) death(at time.Time, d Died) *fault {
	on := local(d.Time).Format(time.DateOnly)
	switch {
	case d.Time.After(at):
		return &fault{"the death of " + a.name() + " is notified before it", "a date of death until " + local(at).Format(time.DateOnly), on}
	case on < a.BirthDate:
		return &fault{a.name() + " dies before the birth", "a date from " + a.BirthDate + " on", on}
	case a.dead == Formal:
		return &fault{a.name() + " is dead already, and formally so", "one formal death (death: removed takes it back)", ""}
	case a.dead == d.Status && a.diedAt.Equal(d.Time):
		return &fault{"the same death of " + a.name() + " is notified twice", "another status or another date", ""}
	}
	return nil
}

func (s *stage) merge(a *actor, d Merged) *fault {
	into := s.people[d.Into]
	switch {
	case d.Into == a.NHSNumber:
		return &fault{a.name() + " is merged into the same record", "another patient", ""}
	case into == nil || !into.exists:
		return &fault{a.name() + " is merged into somebody who is not in PDS", "a patient who exists then", ""}
	case into.into != "" || into.invalid:
		return &fault{a.name() + " is merged into " + into.name() + ", whose record is no longer valid", "a patient with a valid record", ""}
	}
	return nil
}

// nothingNew finds changes that change nothing.
func (a *actor) nothingNew(at time.Time, d Deed) *fault {
	switch d := d.(type) {
	case Moved:
		if sameText(d.To, a.Address) {
			return &fault{a.name() + " lives there already", "another address; rewrites-address writes the same one back in another layout", ""}
		}
	case Registered:
		if d.Practice == a.Practice {
			return &fault{a.name() + " is registered with " + d.Practice + " already", "another practice", ""}
		}
	case Renamed:
		if (d.Family == "" || d.Family == a.Family) && (d.Given == nil || slices.Equal(d.Given, a.Given)) {
			return &fault{a.name() + " has this name already", "another name", ""}
		}
	case TelecomChanged:
		if (d.Phone == "" || d.Phone == a.Phone) && (d.Email == "" || d.Email == a.Email) {
			return &fault{a.name() + " has these contact details already", "others", ""}
		}
	case Corrected:
		if (d.Gender == "" || d.Gender == a.Gender) && (d.BirthDate == "" || d.BirthDate == a.BirthDate) {
			return &fault{"the record of " + a.name() + " says so already", "a correction", ""}
		}
		if d.BirthDate > local(at).Format(time.DateOnly) {
			return &fault{a.name() + " is born in the future", "a birth date until then", d.BirthDate}
		}
	}
	return nil
}

func (a *actor) vaccination(at time.Time, d Vaccinated) *fault {
	if d.Date < a.BirthDate {
		return &fault{a.name() + " is vaccinated before the birth", "a date from " + a.BirthDate + " on", d.Date}
	}
	if d.Kind == "new" && !d.NotGiven && a.doses[d.Vaccine] >= d.Dose {
		return &fault{fmt.Sprintf("%s had dose %d of %s already", a.name(), d.Dose, d.Vaccine), "a later dose; correct or withdraw changes what was published", ""}
	}
	return nil
}

func (a *actor) contact(d Contact) *fault {
	known := a.contacts[d.Service.Code]
	open := known != nil && known.open
	switch {
	case d.Kind == "new" && open:
		return &fault{a.name() + " is under the care of this service already", "its end before it begins again", ""}
	case d.Kind == "update" && !open:
		return &fault{a.name() + " is not under the care of this service", "its beginning before its end", ""}
	case d.Kind == "delete" && known == nil:
		return &fault{"nothing was published about " + a.name() + " and this service", "its beginning before it is withdrawn", ""}
	case d.Start < a.BirthDate:
		return &fault{"the care of " + a.name() + " begins before the birth", "a date from " + a.BirthDate + " on", d.Start}
	}
	return nil
}

// recordOf returns what all deeds of providers have.
func recordOf(d Deed) Record {
	switch d := d.(type) {
	case Vaccinated:
		return d.Record
	case Contact:
		return d.Record
	case BloodSpot:
		return d.Record
	case NewbornHearing:
		return d.Record
	case NIPE:
		return d.Record
	}
	return Record{}
}

func (a *actor) screening(d Deed) *fault {
	if recordOf(d).Kind == "delete" && a.records[recordName(d)] == nil {
		return &fault{"there is no such outcome of " + a.name(), "an outcome before it is withdrawn", ""}
	}
	return nil
}

// recordName is the key under which a patient's last outcome of a kind is kept.
func recordName(d Deed) string {
	if n, is := d.(NIPE); is && n.Infant {
		return "nipe infant"
	}
	return d.Name()
}

// sameText compares addresses letter by letter.
func sameText(a, b Address) bool { return a.Postcode == b.Postcode && slices.Equal(a.Lines, b.Lines) }

// sameAddress compares addresses without regard to their layout.
func sameAddress(a, b Address) bool {
	plain := func(x Address) string {
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune(" ,.", r) {
				return -1
			}
			return r
		}, strings.ToUpper(strings.Join(x.Lines, "")+x.Postcode))
	}
	return a.Postcode == b.Postcode && a.Postcode != "" && plain(a) == plain(b)
}
