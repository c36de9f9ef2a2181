package play

import (
	"fmt"
	"time"

	"nems/internal/demographics"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/scenario"
)

// change is a deed that changes a patient's record: one of the two requests.
type change struct {
	record *operator.RecordChange
	birth  *operator.BirthToNotify
}

// changed translates a demographic deed.
func changed(h *scenario.Happening) (change, error) {
	if d, is := h.Deed.(scenario.Born); is {
		return change{birth: born(h, d)}, nil
	}
	c := operator.RecordChange{Patient: h.Patient.NHSNumber, Request: base(h).String()}
	switch d := h.Deed.(type) {
	case scenario.Added:
		c.New, c.Edit = true, whole(&h.Patient)
	case scenario.Died:
		c.Edit = demographics.Edit{Death: d.Status, DeathAt: d.Time.In(nhs.UnitedKingdom()).Format(time.RFC3339)}
	case scenario.DeathRemoved:
		c.Edit = demographics.Edit{Death: demographics.RemovedDeath}
	case scenario.Moved:
		c.Edit = demographics.Edit{Lines: d.To.Lines, Postcode: d.To.Postcode}
	case scenario.Registered:
		c.Edit = demographics.Edit{Practice: nhs.ODSCode(d.Practice)}
	case scenario.Deregistered:
		c.Edit = demographics.Edit{Left: true, Removal: d.Reason}
	case scenario.Renamed:
		c.Edit = demographics.Edit{Family: d.Family, Given: d.Given}
	case scenario.TelecomChanged:
		c.Edit = demographics.Edit{Phone: d.Phone, Email: d.Email}
	case scenario.Corrected:
		c.Edit = demographics.Edit{Gender: d.Gender, BirthDate: d.BirthDate}
	case scenario.Flagged:
		c.Edit = demographics.Edit{Sensitive: &d.Set}
	case scenario.Invalidated:
		c.Edit = demographics.Edit{Invalid: new(true)}
	case scenario.Merged:
		c.Edit = demographics.Edit{SupersededBy: d.Into}
	default:
		return change{}, fmt.Errorf("nothing is known of %q: this version of the program is older than the scenario", h.Deed.Name())
	}
	return change{record: &c}, nil
}

// whole is an edit that makes a new record what a patient is.
func whole(p *scenario.Patient) demographics.Edit {
	e := demographics.Edit{
		Family: p.Family, Given: p.Given, Gender: p.Gender, BirthDate: p.BirthDate, Lines: p.Address.Lines, Postcode: p.Address.Postcode,
		Phone: p.Phone, Email: p.Email, Practice: nhs.ODSCode(p.Practice),
	}
	if p.Sensitive {
		e.Sensitive = new(true)
	}
	return e
}

func born(h *scenario.Happening, d scenario.Born) *operator.BirthToNotify {
	p := h.Patient
	b := &operator.BirthToNotify{
		Patient: p.NHSNumber, Born: d.Time.In(nhs.UnitedKingdom()), Given: p.Given, Family: p.Family, Gender: p.Gender,
		Lines: p.Address.Lines, Postcode: p.Address.Postcode, Request: base(h).String(),
		Birth: demographics.Birth{
			WeightGrams: d.WeightGrams, GestationWeeks: d.GestationWeeks, Births: d.Births,
			Authority: nhs.ODSCode(d.RegisteringAuthority.Code), ChildHealth: nhs.ODSCode(d.ChildHealth.Code),
		},
	}
	if d.Births > 1 {
		b.Order = d.Order
	}
	if d.Mother != nil {
		b.Birth.Mother = d.Mother.NHSNumber
	} else { // known by her name alone
		b.Birth.MotherFamily, b.Birth.MotherGiven = p.Family, []string{"Unknown"}
	}
	return b
}

// loaded is the record of a patient who is there from the beginning.
func loaded(p *scenario.Patient, since time.Time) operator.LoadedRecord {
	r := demographics.Record{
		Names:  []demographics.Name{{ID: "1", Use: "usual", Family: p.Family, Given: p.Given}},
		Gender: p.Gender, BirthDate: p.BirthDate, Sensitive: p.Sensitive,
	}
	start := max(p.BirthDate, since.AddDate(-1, 0, 0).Format(time.DateOnly)) // they have been there for a year
	if p.Address.Postcode != "" {
		r.Addresses = []demographics.Address{{ID: "1", Use: "home", Lines: p.Address.Lines, Postcode: p.Address.Postcode, Period: demographics.Period{Start: start}}}
	}
	for _, t := range []struct{ system, use, value string }{{"phone", "mobile", p.Phone}, {"email", "home", p.Email}} {
		if t.value != "" {
			r.Telecoms = append(r.Telecoms, demographics.Telecom{ID: fmt.Sprint(len(r.Telecoms) + 1), System: t.system, Use: t.use, Value: t.value})
		}
	}
	if p.Practice != "" {
		r.Practice = &demographics.Registration{ID: "1", Practice: nhs.ODSCode(p.Practice), Start: start}
	}
	if p.Mother != "" {
		r.Relatives = []demographics.Relative{{ID: "1", NHSNumber: p.Mother, Relationship: "NMTH"}}
	}
	return operator.LoadedRecord{Patient: p.NHSNumber, Record: r}
}
