package play

import (
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"nems/internal/scenario"
	"nems/message"
)

// System is the system that publishes what providers say.
type System struct {
	ASID, ODS string
}

// provided writes the message of what a provider publishes. Its ids follow from the
// happening's, and its times are the happening's: the same happening makes the same
// bytes.
func provided(h *scenario.Happening, by System) ([]byte, error) {
	w := providerWriter{h: h, by: by, ids: counted(eventID(h))}
	switch d := h.Deed.(type) {
	case scenario.Vaccinated:
		return w.vaccinated(d)
	case scenario.Contact:
		return w.contact(d)
	case scenario.BloodSpot:
		return w.bloodSpot(d)
	case scenario.NewbornHearing:
		return w.hearing(d)
	case scenario.NIPE:
		return w.nipe(d)
	}
	return nil, fmt.Errorf("nothing is known of %q: this version of the program is older than the scenario", h.Deed.Name())
}

// eventID is the MessageHeader.id of a happening's message.
func eventID(h *scenario.Happening) uuid.UUID { return uuid.NewSHA1(base(h), []byte(h.Deed.Name())) }

// base is the id of a happening.
func base(h *scenario.Happening) uuid.UUID {
	id, err := uuid.Parse(h.ID)
	if err != nil {
		return uuid.NewSHA1(uuid.NameSpaceOID, []byte(h.ID))
	}
	return id
}

// counted returns ids that follow from one.
func counted(from uuid.UUID) func() string {
	n := 0
	return func() string {
		n++
		return uuid.NewSHA1(from, []byte(strconv.Itoa(n))).String()
	}
}

// providerWriter writes one message.
type providerWriter struct {
	h   *scenario.Happening
	by  System
	ids func() string
}

// records is the system of the identifiers of providers' records.
const records = "https://example.nhs.uk/identifiers"

// helpline is where receivers ask about invented messages: a number that Ofcom keeps
// for drama.
const helpline = "0191 498 0000"

func (w *providerWriter) header(o scenario.Organisation) message.Header {
	return message.Header{
		ID: eventID(w.h).String(), IDs: w.ids, Timestamp: w.h.At, LastUpdated: w.h.At, VersionID: "1",
		Source:      message.Source{Name: "nems play", ASID: w.by.ASID, Contact: message.Contact{System: message.Phone, Value: helpline}},
		Responsible: message.Organisation{ODS: o.Code, Name: o.Name, Telecom: []message.Contact{{System: message.Phone, Value: helpline}}},
	}
}

func (w *providerWriter) patient() message.Patient {
	p := w.h.Patient
	out := message.Patient{
		NHSNumber: p.NHSNumber, Names: []message.HumanName{{Family: p.Family, Given: p.Given}},
		Gender: message.Gender(p.Gender), BirthDate: message.Date(p.BirthDate),
	}
	if len(p.Address.Lines) > 0 {
		out.Addresses = []message.Address{{Use: message.HomeAddress, Lines: p.Address.Lines, Postcode: p.Address.Postcode}}
	}
	return out
}

func (w *providerWriter) identifier(r scenario.Record) message.Identifier {
	return message.Identifier{System: records, Value: r.ID}
}

func snomed(c scenario.Code) message.Snomed {
	return message.Snomed{Code: c.Code, Display: c.Display}
}

// of writes a message of a record's kind. There is no update of a screening.
func of(r scenario.Record, fresh, update, withdraw func() ([]byte, error)) ([]byte, error) {
	switch {
	case r.Kind == "new":
		return fresh()
	case r.Kind == "update" && update != nil:
		return update()
	case r.Kind == "delete":
		return withdraw()
	}
	return nil, fmt.Errorf("the page of this event does not allow the kind %q", r.Kind)
}

func (w *providerWriter) vaccinated(d scenario.Vaccinated) ([]byte, error) {
	v := message.Vaccination{
		Header: w.header(d.Provider), Patient: w.patient(), Identifier: w.identifier(d.Record),
		Procedure: snomed(d.Procedure), Date: message.Date(d.Date),
		Encounter: &message.Encounter{Type: message.EncounterType(d.Encounter.Code), Start: message.Date(d.Date)},
		Service: &message.Service{
			Type: message.Snomed{Code: "1060971000000108", Display: "General practice service"}, Specialty: message.CommunityPaediatrics,
		},
		Practitioner: nurse(message.Nurse),
	}
	if d.NotGiven {
		v.Outcome = message.NotGiven{Reason: snomed(d.Reason)}
	} else {
		given := message.Given{Vaccine: snomed(d.Product), Batch: d.Lot}
		if d.Dose > 0 && len(d.Targets) > 0 {
			disease := snomed(d.Targets[0])
			given.Dose, given.Disease = d.Dose, &disease
		}
		v.Outcome = given
	}
	return of(d.Record, v.New, v.Update, v.Delete)
}

// nurse is who did it: nobody in particular.
func nurse(profession message.Profession) *message.Practitioner {
	return &message.Practitioner{
		RoleProfile: "PT0001", Name: message.HumanName{Family: "Example", Given: []string{"Morgan"}},
		Role: &message.Role{Profession: profession, Specialty: message.CommunityPaediatrics},
	}
}

func (w *providerWriter) contact(d scenario.Contact) ([]byte, error) {
	visitor := nurse(message.HealthVisitor)
	visitor.Role = nil
	p := message.ProfessionalContact{
		Header: w.header(d.Provider), Patient: w.patient(), Identifier: w.identifier(d.Record),
		Type: snomed(d.Service), Start: message.Date(d.Start), End: message.Date(d.End),
		Team: &message.CareTeam{Name: "Health visiting team", Members: []message.Member{{
			Role: message.Snomed{Code: "224534008", Display: "Health visitors, nurses and midwives"}, Practitioner: *visitor,
		}}},
	}
	return of(d.Record, p.New, p.Update, p.Delete)
}
