package message

import "fmt"

// ProfessionalContact says that an organisation takes care of a patient, or did, or has
// stopped (page "Professional Contacts"). It holds the current state. The organisation is
// the responsible one of the Header; it says how it is reached.
type ProfessionalContact struct {
	Header
	// Patient's official name is written; other names are not.
	Patient    Patient
	Identifier Identifier // of the episode of care
	// Status is the state of the episode. "" means active, finished if it has an End, or
	// entered-in-error in a Delete.
	Status EpisodeStatus
	Type   Snomed // the care, of the value set CareConnect-CareSettingType-1
	Start  Date   // when the organisation took responsibility; "" means unknown
	End    Date   // when it stopped being responsible; "" means that it is, or unknown
	Team   *CareTeam
}

// EpisodeStatus is the state of an episode of care.
type EpisodeStatus string

// States of an episode of care.
const (
	EpisodePlanned        EpisodeStatus = "planned"
	EpisodeWaitlist       EpisodeStatus = "waitlist"
	EpisodeActive         EpisodeStatus = "active"
	EpisodeOnHold         EpisodeStatus = "onhold"
	EpisodeFinished       EpisodeStatus = "finished"
	EpisodeCancelled      EpisodeStatus = "cancelled"
	EpisodeEnteredInError EpisodeStatus = "entered-in-error"
)

// CareTeam is who looks after the patient.
type CareTeam struct {
	Name    string
	Members []Member
}

// Member is a practitioner of a team.
type Member struct {
	Role         Snomed // in the team
	Practitioner Practitioner
}

// New returns the message that shares the episode of care for the first time.
func (p ProfessionalContact) New() ([]byte, error) { return p.xml(kindNew) }

// Update returns the message that shares what it is now, under the same Identifier.
func (p ProfessionalContact) Update() ([]byte, error) { return p.xml(kindUpdate) }

// Delete returns the message that withdraws it, because the record no longer exists.
func (p ProfessionalContact) Delete() ([]byte, error) { return p.xml(kindDelete) }

// status returns the state, or what it is if none is given.
func (p ProfessionalContact) status(kind eventKind) EpisodeStatus {
	switch {
	case p.Status != "":
		return p.Status
	case kind == kindDelete:
		return EpisodeEnteredInError
	case p.End != "":
		return EpisodeFinished
	}
	return EpisodeActive
}

func (p ProfessionalContact) xml(kind eventKind) ([]byte, error) {
	h, c := provider(p.Header, p.Patient)
	p.Status = p.status(kind)
	p.check(c)
	if err := c.done("ProfessionalContact"); err != nil {
		return nil, err
	}
	w := newWriter(h)
	w.open(opening{
		event: eventType{"professional-contacts-1", "Professional Contacts"}, kind: kind, about: p.Patient,
		responsible: "service provider", focus: "episode",
	})
	w.resource("EpisodeOfCare", "episode", ukCore+"CareConnect-EpisodeOfCare-1", func() {
		w.identifier(p.Identifier.System, p.Identifier.Value)
		w.Value("status", string(p.Status))
		w.snomed("type", p.Type)
		w.reference("patient", "patient")
		w.reference("managingOrganization", "service provider")
		w.period("period", p.Start, p.End)
		if p.Team != nil {
			w.reference("team", "team")
		}
	})
	w.organisation("service provider", h.Responsible, nil)
	w.patient("patient", p.Patient.cared(), p.Patient.VersionID, extras{})
	w.team(p.Team)
	return w.Bytes(), nil
}

func (p ProfessionalContact) check(c *checker) {
	p.Identifier.check(c, "Identifier")
	c.oneOf("Status", string(p.Status), "planned", "waitlist", "active", "onhold", "finished", "cancelled", "entered-in-error")
	p.Type.check(c, "Type")
	c.period("", p.Start, p.End)
	if len(p.Responsible.Telecom) == 0 {
		c.wrong("Header.Responsible.Telecom", "is missing: how the organisation is reached")
	}
	if p.Team == nil {
		return
	}
	c.text("Team.Name", p.Team.Name)
	for i, m := range p.Team.Members {
		m.Role.check(c, at("Team.Members", i)+".Role")
		m.Practitioner.check(c, at("Team.Members", i)+".Practitioner")
	}
}

// team writes a CareTeam and its members, if there is one.
func (w *writer) team(t *CareTeam) {
	if t == nil {
		return
	}
	name := func(i int) string { return fmt.Sprint("member ", i) }
	w.resource("CareTeam", "team", ukCore+"CareConnect-CareTeam-1", func() {
		w.Value("name", t.Name)
		w.reference("subject", "patient")
		for i, m := range t.Members {
			w.inside("participant", func() {
				w.snomed("role", m.Role)
				w.reference("member", name(i))
			})
		}
	})
	for i, m := range t.Members {
		w.practitioner(name(i), m.Practitioner)
		w.role(name(i), "service provider", m.Practitioner.Role, "ProfessionalType-1", "Specialty-1")
	}
}
