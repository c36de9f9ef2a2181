package scenario

import "time"

// Record is what all that a provider publishes has in common.
type Record struct {
	// ID identifies the record over its versions: a UUID. It becomes the
	// identifier of the focus (Immunization, EpisodeOfCare, Encounter).
	ID string `json:"id"`
	// Kind is new, update or delete.
	Kind     string       `json:"kind"`
	Provider Organisation `json:"provider"`
}

// Code is a concept of a code system: SNOMED CT unless the field says otherwise.
type Code struct {
	Code    string `json:"code" yaml:"code"`
	Display string `json:"display" yaml:"display"`
}

// Vaccinated is one vaccination that was given, or was not (vaccinations-1).
type Vaccinated struct {
	provided
	Record
	Vaccine string `json:"vaccine"` // its key in the schedule, such as 6-in-1
	Dose    int    `json:"dose"`    // from 1
	// Procedure is what was done or not done, Product the kind of vaccine, Targets
	// the diseases.
	Procedure Code   `json:"procedure"`
	Product   Code   `json:"product"`
	Targets   []Code `json:"targets"`
	// Encounter is of DCH-ChildHealthEncounterType-1.
	Encounter Code   `json:"encounter"`
	Date      string `json:"date"` // YYYY-MM-DD
	NotGiven  bool   `json:"notGiven,omitempty"`
	Reason    Code   `json:"reason,omitzero"` // why it was not given
	Lot       string `json:"lot,omitempty"`
}

// Name implements Deed.
func (Vaccinated) Name() string { return "vaccinated" }

// Contact says that the patient comes under a professional's care (new), leaves it
// (update), or never did (delete) (professional-contacts-1).
type Contact struct {
	provided
	Record
	Service Code   `json:"service"`       // of CareConnect-CareSettingType-1
	Start   string `json:"start"`         // YYYY-MM-DD
	End     string `json:"end,omitempty"` // YYYY-MM-DD; only if the care has ended
}

// Name implements Deed.
func (Contact) Name() string { return "contact" }

// BloodSpot is the complete outcome of the newborn blood spot test
// (blood-spot-test-outcome-1): new, new again for a changed one, or delete.
type BloodSpot struct {
	provided
	Record
	// Suspected is the condition that is suspected; "" for none. The keys are those
	// of Conditions.
	Suspected string `json:"suspected,omitempty"`
	Issued    string `json:"issued"` // date of the report, YYYY-MM-DD
}

// Name implements Deed.
func (BloodSpot) Name() string { return "blood-spot" }

// Conditions are the nine conditions of the newborn blood spot test.
func Conditions() []string {
	return []string{"PKU", "SCD", "CF", "CHT", "MCADD", "HCU", "MSUD", "GA1", "IVA"}
}

// NewbornHearing is the outcome of the hearing screening (newborn-hearing-1): new,
// new again for a changed one, or delete.
type NewbornHearing struct {
	provided
	Record
	// Refer is the ear that did not respond clearly: "", left, right or both.
	Refer string    `json:"refer,omitempty"`
	Time  time.Time `json:"time"` // of the test
}

// Name implements Deed.
func (NewbornHearing) Name() string { return "newborn-hearing" }

// NIPE is the outcome of a newborn and infant physical examination
// (nipe-outcome-1): new, new again for a changed one, or delete.
type NIPE struct {
	provided
	Record
	Infant bool `json:"infant,omitempty"` // the examination at 6 to 8 weeks; otherwise that within 72 hours
	// Suspected is what did not look as it should: "", hips, eyes, heart or testes.
	Suspected string    `json:"suspected,omitempty"`
	Time      time.Time `json:"time"` // of the examination
}

// Name implements Deed.
func (NIPE) Name() string { return "nipe" }
