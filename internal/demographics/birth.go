package demographics

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"nems/internal/nhs"
	"nems/message"
)

// Birth is what is known of a birth beyond the baby's record (page
// pds_birth_notification_1).
type Birth struct {
	// Mother is "" where the mother is not known here.
	Mother string `json:"mother,omitempty" jsonschema:"the mother's NHS number; without it no subscription for one patient can match"`
	// MotherFamily and MotherGiven name a mother who has no record here.
	MotherFamily string   `json:"motherFamily,omitempty" jsonschema:"the family name of a mother without an NHS number"`
	MotherGiven  []string `json:"motherGiven,omitempty"`

	WeightGrams    int         `json:"weightGrams,omitempty" jsonschema:"by default 3400"`
	GestationWeeks int         `json:"gestationWeeks,omitempty" jsonschema:"by default 40"`
	Births         int         `json:"births,omitempty" jsonschema:"how many children were born in this delivery; by default 1"`
	Midwife        []string    `json:"midwife,omitempty" jsonschema:"who notifies the birth: given names, then the family name"`
	Authority      nhs.ODSCode `json:"authority,omitempty" jsonschema:"the trust that registers the birth; by default RR8"`
	Place          nhs.ODSCode `json:"place,omitempty" jsonschema:"where the delivery was"`
	ChildHealth    nhs.ODSCode `json:"childHealth,omitempty" jsonschema:"the child health organisation that is responsible"`
}

// orDefault fills in what is empty.
func (b Birth) orDefault() Birth {
	b.WeightGrams, b.GestationWeeks, b.Births = cmp.Or(b.WeightGrams, 3400), cmp.Or(b.GestationWeeks, 40), cmp.Or(b.Births, 1)
	b.Authority = cmp.Or(b.Authority, "RR8")
	if len(b.Midwife) < 2 {
		b.Midwife = []string{"Morgan", "Example"}
	}
	return b
}

// Born completes the record of a newborn: what is not said is as the mother's record
// has it. mother is nil where she has none here.
func (b Birth) Born(baby *Record, mother *Record, at time.Time) {
	baby.BirthDate, baby.BirthTime = at.Format(time.DateOnly), at.Format("2006-01-02T15:04:05-07:00")
	baby.Gender, baby.Ethnicity, baby.BirthOrder = cmp.Or(baby.Gender, "unknown"), cmp.Or(baby.Ethnicity, "Z"), cmp.Or(baby.BirthOrder, 1)
	if baby.Usual() == nil {
		baby.Names = append(baby.Names, Name{ID: "1", Use: "usual"})
	}
	name := baby.Usual()
	if len(name.Given) == 0 {
		name.Given = []string{"Baby"}
	}
	if mother == nil {
		name.Family = cmp.Or(name.Family, b.MotherFamily)
		return
	}
	if her := mother.Usual(); her != nil {
		name.Family = cmp.Or(name.Family, her.Family)
	}
	if home := mother.Home(); home != nil && baby.Home() == nil {
		at := *home
		at.ID, at.Start = "1", baby.BirthDate
		baby.Addresses = append(baby.Addresses, at)
	}
	if len(baby.Relatives) == 0 {
		baby.Relatives = []Relative{{ID: "1", NHSNumber: mother.NHSNumber.Digits(), Relationship: "NMTH"}}
	}
}

// Notification writes the message of a birth. mother is nil where she has no record.
func (w *Writer) Notification(b Birth, baby, mother *Record) (_ []byte, err error) {
	b = b.orDefault()
	last := len(b.Midwife) - 1
	m := message.Birth{
		Header: w.header(BirthNotification, baby), Baby: patient(baby),
		NotifiedBy:       message.HumanName{Given: b.Midwife[:last], Family: b.Midwife[last]},
		BirthsInDelivery: b.Births, WeightGrams: b.WeightGrams, GestationWeeks: b.GestationWeeks,
		Stillbirth: message.LiveBirth, Abnormality: message.NoAbnormality, RegisteringAuthorityType: message.NHSTrust,
	}
	m.Baby.BirthTime, m.Baby.Ethnicity, m.Baby.MultipleBirth = message.Date(baby.BirthTime), message.Ethnicity(baby.Ethnicity), baby.BirthOrder
	if home := baby.Home(); home != nil {
		m.Baby.Addresses = []message.Address{{Use: "home", Lines: home.Lines, Postcode: home.Postcode}}
	}
	m.Mother.Names = []message.HumanName{{Family: b.MotherFamily, Given: b.MotherGiven}}
	if mother != nil {
		m.Mother = patient(mother)
	}
	if mother != nil && mother.Practice != nil {
		m.MotherSince = message.Date(mother.Practice.Start)
		if m.MotherPractice, err = w.organisation(mother.Practice.Practice); err != nil {
			return nil, err
		}
	}
	for _, o := range []struct {
		code nhs.ODSCode
		to   **message.Organisation
	}{{b.Place, &m.DeliveryPlace}, {b.ChildHealth, &m.ResponsibleChildHealth}} {
		if o.code == "" {
			continue
		}
		if *o.to, err = w.organisation(o.code); err != nil {
			return nil, err
		}
	}
	authority, err := w.organisation(b.Authority)
	if err != nil {
		return nil, err
	}
	m.RegisteringAuthority = *authority
	return m.XML()
}

// Check returns an *InvalidError if the mother is not said.
func (b Birth) Check() error {
	switch {
	case b.Mother == "" && strings.TrimSpace(b.MotherFamily) == "":
		return &InvalidError{"mother", "the mother's NHS number, or her names", ""}
	case b.Births < 0 || b.Births > 7:
		return &InvalidError{"births", "1 to 7 children of one delivery", fmt.Sprint(b.Births)}
	case b.Mother == "" && len(b.MotherGiven) == 0:
		return &InvalidError{"motherGiven", "the mother's given names, where she has no NHS number", ""}
	}
	return nil
}
