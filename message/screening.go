package message

// Screening is what the events of the three newborn screening programmes share. The
// responsible organisation of the Header is the one that examined the child.
type Screening struct {
	Header
	// Patient's official name is written; other names are not. A Delete needs only what
	// is in the routing demographics.
	Patient    Patient
	Identifier Identifier // of the child's record at the programme
	Date       Date       // when the child was seen: a date or a time
	Reason     *Snomed    // of the value set DCH-AdmissionReason-1
	Service    *Service
	Place      *Place
	Comment    string // for people; "" means none
}

// programme is what differs between the newborn screening programmes.
type programme struct {
	event     eventType
	encounter EncounterType
	comment   string // a code of DCH-ProfessionalCommentType-1, and its text
	display   string
	results   func(w *writer) // what was found
}

func (s Screening) check(c *checker) {
	s.Identifier.check(c, "Identifier")
	c.dateTime("Date", s.Date)
	if s.Reason != nil {
		s.Reason.check(c, "Reason")
	}
	if s.Service != nil {
		s.Service.check(c, "Service")
	}
	if s.Place != nil {
		s.Place.check(c, "Place")
	}
	c.optional(s.Comment, func() { c.text("Comment", s.Comment) })
}

// start begins the message: header and organisation.
func (s Screening) start(h Header, p programme, kind eventKind) *writer {
	w := newWriter(h)
	w.open(opening{event: p.event, kind: kind, about: s.Patient, responsible: "hospital", focus: "encounter"})
	w.organisation("hospital", h.Responsible, nil)
	return w
}

// found writes a new message. A changed outcome is new again: these events have no update.
func (s Screening) found(h Header, p programme) []byte {
	w := s.start(h, p, kindNew)
	w.resource("Encounter", "encounter", ukCore+"CareConnect-Encounter-1", func() {
		w.identifier(s.Identifier.System, s.Identifier.Value)
		w.Value("status", "finished")
		w.coded("type", encounterTypeList, string(p.encounter), encounterTypes[p.encounter])
		w.reference("subject", "patient")
		w.period("period", s.Date, "")
		w.snomedIf("reason", s.Reason)
		if s.Place != nil {
			w.inside("location", func() { w.reference("location", "place") })
		}
		w.reference("serviceProvider", "hospital")
	})
	w.patient("patient", s.Patient.cared(), s.Patient.VersionID, extras{})
	w.service("hospital", s.Service, "DCH-Specialty-1")
	w.place(s.Place)
	p.results(w)
	if s.Comment != "" {
		w.comment(s.Comment, p)
	}
	return w.Bytes()
}

// withdrawn writes a delete: the page lets it name no more than what it withdraws.
func (s Screening) withdrawn(event string, p programme) ([]byte, error) {
	h, c := s.Header.complete(), &checker{}
	h.check(c)
	c.nhsNumber("Patient.NHSNumber", s.Patient.NHSNumber)
	s.Patient.checkGiven(c, "Patient")
	if name, found := s.Patient.official(); found && len(name.Given) == 0 {
		c.wrong("Patient.Names", "has a given name in the official name")
	}
	s.Identifier.check(c, "Identifier")
	if err := c.done(event); err != nil {
		return nil, err
	}
	w := s.start(h, p, kindDelete)
	w.resource("Encounter", "encounter", ukCore+"CareConnect-Encounter-1", func() {
		w.identifier(s.Identifier.System, s.Identifier.Value)
		w.Value("status", "entered-in-error")
		w.coded("type", encounterTypeList, string(p.encounter), encounterTypes[p.encounter])
	})
	return w.Bytes(), nil
}

// comment writes what people should know.
func (w *writer) comment(text string, p programme) {
	w.resource("Communication", "comment", ukCore+"CareConnect-Communication-1", func() {
		w.Value("status", "completed")
		w.coded("category", nhsCodes+"DCH-ProfessionalCommentType-1", p.comment, p.display)
		w.reference("subject", "patient")
		w.reference("context", "encounter")
		w.reference("sender", "hospital")
		w.inside("payload", func() { w.Value("contentString", text) })
	})
}

// procedure writes one test and its result. performer is "" where none is known.
func (w *writer) procedure(name, performer string, test, outcome Snomed, performed Date) {
	w.resource("Procedure", name, ukCore+"CareConnect-Procedure-1", func() {
		w.Value("status", "completed")
		w.snomed("code", test)
		w.reference("subject", "patient")
		w.reference("context", "encounter")
		w.Value("performedDateTime", string(performed))
		if performer != "" {
			w.inside("performer", func() { w.reference("actor", performer) })
		}
		w.snomed("outcome", outcome)
	})
}
