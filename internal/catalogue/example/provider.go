package example

import "nems/message"

// local is the system of a publisher's own identifiers.
const local = "https://example.nhs.uk/identifiers"

// surgery is the system that care providers' messages come from.
var surgery = message.Source{
	Name: "Example clinical system", ASID: "300000000161",
	Contact: message.Contact{System: message.Phone, Value: "0191 498 0000"},
}

// identifier is a fresh identifier of the publisher's own.
func (g *given) identifier() message.Identifier {
	return message.Identifier{System: local, Value: g.NewID()}
}

// morgan is the practitioner of all examples.
func morgan(profession message.Profession, specialty message.Specialty) *message.Practitioner {
	return &message.Practitioner{
		RoleProfile: "PT0001", Name: message.HumanName{Family: "Example", Given: []string{"Morgan"}},
		Role: &message.Role{Profession: profession, Specialty: specialty},
	}
}

// of writes a message of the kind that was asked for. The kind is one that the page allows.
func (g *given) of(fresh, update, withdraw func() ([]byte, error)) ([]byte, error) {
	switch g.kind {
	case "update":
		return update()
	case "delete":
		return withdraw()
	}
	return fresh()
}

// vaccination is a measles, mumps and rubella vaccination given at a surgery (page
// vaccinations_1), or one that was not given.
func vaccination(g *given) ([]byte, error) {
	v := message.Vaccination{
		Header:  g.header(surgery, message.Organisation{ODS: "A83627", Name: "EXAMPLE SURGERY"}),
		Patient: g.person(), Identifier: g.identifier(), Date: message.Date(g.day(1)),
		Procedure: message.Snomed{Code: "308081000000105", Display: "Measles mumps and rubella vaccination - first dose (procedure)"},
		Outcome: message.Given{
			Vaccine: message.Snomed{Code: "871831003", Display: "Vaccine product containing only live attenuated antigens of measles, mumps and rubella viruses"},
			Batch:   "LOT0001",
			Site:    &message.Snomed{Code: "61396006", Display: "Structure of left thigh"},
			Route:   &message.Snomed{Code: "78421000", Display: "Intramuscular route"},
			Dose:    1, Disease: &message.Snomed{Code: "14189004", Display: "Measles"},
		},
		Encounter: &message.Encounter{Type: message.Encounter12Weeks, Start: message.Date(g.day(1))},
		Service: &message.Service{
			Identifier: g.identifier(), Specialty: message.CommunityPaediatrics,
			Type: message.Snomed{Code: "1060971000000108", Display: "General practice service"},
		},
		Place:        &message.Place{Site: "A83627001", Name: "EXAMPLE SITE"},
		Practitioner: morgan(message.GeneralPractitioner, message.CommunityPaediatrics),
	}
	if g.choices.NotGiven {
		v.Procedure = message.Snomed{Code: "61761000000109", Display: "Second measles, mumps and rubella vaccination not done"}
		v.Outcome = message.NotGiven{Reason: message.Snomed{Code: "310376006", Display: "Immunization consent not given (finding)"}}
	}
	return g.of(v.New, v.Update, v.Delete)
}

// professionalContact says that a health visiting service looks after a
// patient (new), did so until now (update), or never did (delete) (page
// professional_contacts_1).
func professionalContact(g *given) ([]byte, error) {
	visitor := morgan("", "")
	visitor.Role = nil
	p := message.ProfessionalContact{
		Header: g.header(surgery, message.Organisation{
			ODS: "A83627", Name: "EXAMPLE HEALTH VISITING SERVICE",
			Telecom: []message.Contact{{System: message.Phone, Value: "0191 498 0001"}},
		}),
		Patient: g.person(), Identifier: g.identifier(), Start: message.Date(g.day(30)),
		Type: message.Snomed{Code: "1078501000000104", Display: "Health visiting service"},
		Team: &message.CareTeam{Name: "Example Health Visiting Team", Members: []message.Member{{
			Role: message.Snomed{Code: "224534008", Display: "Health visitors, nurses and midwives"}, Practitioner: *visitor,
		}}},
	}
	if g.kind == "update" {
		p.End = message.Date(g.day(1))
	}
	return g.of(p.New, p.Update, p.Delete)
}
