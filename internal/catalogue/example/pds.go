package example

import (
	"cmp"

	"nems/message"
)

// spine is the header of an event of the Spine's demographics.
func (g *given) spine(version string) message.Header {
	h := g.header(message.Source{
		Name: "Spine demographics", ASID: "477121000323",
		Contact: message.Contact{System: message.Email, Value: "nems@example.nhs.uk"},
	}, message.Organisation{ODS: "X26", Name: "NHS ENGLAND"})
	h.VersionID = version
	return h
}

// recorded is the patient as PDS has them, with the version of the record.
func (g *given) recorded() message.Patient {
	p := g.person()
	p.VersionID, p.Addresses = "7", nil
	return p
}

// changeOfAddress is a move from one area to another (page pds_change_of_address_1).
func changeOfAddress(g *given) ([]byte, error) {
	return message.ChangeOfAddress{
		Header: g.spine("1"), Patient: g.recorded(),
		Home: message.Address{
			Lines: []string{"2 New Street", "EXAMPLETON"}, Postcode: g.patient.Postcode, Start: message.Date(g.day(1)),
		},
		Old: message.Address{
			Lines: []string{"1 Old Street", "EXAMPLETON"}, Postcode: cmp.Or(g.choices.OldPostcode, "WF14 0BQ"),
			Start: message.Date(g.day(400)), End: message.Date(g.day(1)),
		},
	}.XML()
}

// changeOfGP is a change from another practice to the patient's (page pds_change_of_gp_1).
func changeOfGP(g *given) ([]byte, error) {
	h := g.spine("1")
	board := &message.Organisation{ODS: "02V", Name: "EXAMPLE CARE BOARD", PartOf: &h.Responsible}
	h.Responsible.PartOf = board
	change := message.ChangeOfGP{Header: h, Patient: g.recorded(), Previous: &message.Registration{
		Practice: message.Organisation{ODS: cmp.Or(g.choices.OldPractice, "B85612"), Name: "OLD EXAMPLE PRACTICE", PartOf: board},
		Start:    message.Date(g.day(400)), End: message.Date(g.day(1)),
	}}
	if !g.choices.Left {
		change.Practice = &message.Organisation{ODS: g.patient.Practice, Name: "NEW EXAMPLE PRACTICE", PartOf: board}
	}
	return change.XML()
}

// death is a notification, a formal one unless another is chosen (page
// pds_death_notification_1). One that is removed has no time of death.
func death(g *given) ([]byte, error) {
	d := message.Death{
		Header: g.spine("1"), Patient: g.recorded(),
		Status:          message.DeathStatus(cmp.Or(g.choices.Death, string(message.DeathFormal))),
		SystemEffective: message.At(g.now), Deceased: message.Date(g.day(3)),
	}
	if d.Status == message.DeathRemoved {
		d.Deceased = ""
	}
	return d.XML()
}

// recordChange is a change that the citizen made (page pds_record_change).
func recordChange(g *given) ([]byte, error) {
	return message.RecordChange{
		Header: g.spine(""), Patient: g.recorded(), ByCitizen: true, Recorded: message.At(g.now),
	}.XML()
}
