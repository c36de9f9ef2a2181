package message

import "strconv"

// Vaccination says that a vaccine was given to a patient, or why not (page
// "Vaccinations"). Each vaccination has a message of its own.
type Vaccination struct {
	Header
	// Patient's official name is written; other names are not.
	Patient    Patient
	Identifier Identifier // of the vaccination
	// Procedure is what was done: a procedure or a situation "given" if it was given, a
	// situation "not done" if not. ProcedureText is for what has no code. One of the two.
	Procedure     Snomed
	ProcedureText string
	// Outcome is Given or NotGiven.
	Outcome Outcome
	// Date is when it was given, or was to be: a date, which may be partial, or a time.
	Date Date
	// Reported says from whom the vaccination is known if the publisher did not give it
	// itself; nil means that it did. A code of the list immunization-origin.
	Reported *ReportOrigin

	Encounter    *Encounter
	Service      *Service
	Place        *Place
	Practitioner *Practitioner
}

// Outcome is what became of a vaccination: Given or NotGiven.
type Outcome interface {
	notGiven() bool
	check(c *checker)
}

// Given is a vaccine that was given.
type Given struct {
	Vaccine Snomed // of the value set CareConnect-VaccineCode-1
	Batch   string // "" means unknown
	Expiry  Date   // "" means unknown
	Site    *Snomed
	Route   *Snomed
	// Dose is the number of the dose in its series, 0 if unknown. With it goes the
	// disease against which the vaccine protects.
	Dose    int
	Disease *Snomed
}

// NotGiven is a vaccine that was not given.
type NotGiven struct{ Reason Snomed }

// ReportOrigin says from whom a vaccination is known.
type ReportOrigin string

// Codes of http://hl7.org/fhir/immunization-origin.
const (
	FromProvider ReportOrigin = "provider"
	FromRecord   ReportOrigin = "record"
	FromRecall   ReportOrigin = "recall"
	FromSchool   ReportOrigin = "school"
)

var originDisplays = map[ReportOrigin]string{
	FromProvider: "Other Provider", FromRecord: "Written Record", FromRecall: "Parent/Guardian/Patient Recall", FromSchool: "School Record",
}

// Encounter is the visit at which a child was vaccinated.
type Encounter struct {
	Type  EncounterType
	Start Date // "" means unknown
}

func (Given) notGiven() bool    { return false }
func (NotGiven) notGiven() bool { return true }

func (g Given) check(c *checker) {
	g.Vaccine.check(c, "Outcome.Vaccine")
	c.optional(g.Batch, func() { c.text("Outcome.Batch", g.Batch) })
	c.optional(string(g.Expiry), func() { c.date("Outcome.Expiry", g.Expiry) })
	for _, s := range []struct {
		field string
		*Snomed
	}{{"Outcome.Site", g.Site}, {"Outcome.Route", g.Route}, {"Outcome.Disease", g.Disease}} {
		if s.Snomed != nil {
			s.check(c, s.field)
		}
	}
	if g.Dose < 0 || g.Dose > 99 {
		c.wrong("Outcome.Dose", "is the number of the dose, from 1, or 0 if unknown")
	}
	if (g.Dose != 0) != (g.Disease != nil) {
		c.wrong("Outcome.Disease", "and Dose go together")
	}
}

func (n NotGiven) check(c *checker) { n.Reason.check(c, "Outcome.Reason") }

// New returns the message that shares the vaccination for the first time.
func (v Vaccination) New() ([]byte, error) { return v.xml(kindNew) }

// Update returns the message that corrects it: the whole as it is now, under the same Identifier.
func (v Vaccination) Update() ([]byte, error) { return v.xml(kindUpdate) }

// Delete returns the message that withdraws it, because the record no longer exists:
// the whole as it was, under the same Identifier.
func (v Vaccination) Delete() ([]byte, error) { return v.xml(kindDelete) }

func (v Vaccination) xml(kind eventKind) ([]byte, error) {
	h, c := provider(v.Header, v.Patient)
	v.Outcome = plain(v.Outcome)
	v.check(c)
	if err := c.done("Vaccination"); err != nil {
		return nil, err
	}
	w := newWriter(h)
	w.open(opening{
		event: eventType{"vaccinations-1", "Vaccinations"}, kind: kind, about: v.Patient, responsible: "surgery", focus: "vaccination",
	})
	w.immunization(v)
	w.organisation("surgery", h.Responsible, nil)
	w.patient("patient", v.Patient.cared(), v.Patient.VersionID, extras{})
	if v.Practitioner != nil {
		w.practitioner("nurse", *v.Practitioner)
		w.role("nurse", "surgery", v.Practitioner.Role, "ProfessionalType-1", "Specialty-1")
	}
	w.visit(v)
	w.service("surgery", v.Service, "Specialty-1")
	w.place(v.Place)
	return w.Bytes(), nil
}

// plain returns an outcome as a value, nil if it is a pointer to nothing.
func plain(o Outcome) Outcome {
	switch o := o.(type) {
	case *Given:
		if o == nil {
			return nil
		}
		return *o
	case *NotGiven:
		if o == nil {
			return nil
		}
		return *o
	}
	return o
}

func (v Vaccination) check(c *checker) {
	v.Identifier.check(c, "Identifier")
	switch {
	case v.ProcedureText == "":
		v.Procedure.check(c, "Procedure")
	case v.Procedure != (Snomed{}):
		c.wrong("ProcedureText", "is empty where Procedure has a code")
	default:
		c.text("ProcedureText", v.ProcedureText)
	}
	if v.Outcome == nil {
		c.wrong("Outcome", "is missing: Given or NotGiven")
	} else {
		v.Outcome.check(c)
	}
	c.dateTime("Date", v.Date)
	if v.Reported != nil && originDisplays[*v.Reported] == "" {
		c.wrong("Reported", "is one of provider, record, recall, school")
	}
	if e := v.Encounter; e != nil {
		e.Type.check(c, "Encounter.Type")
		c.optional(string(e.Start), func() { c.dateTime("Encounter.Start", e.Start) })
	}
	v.checkWho(c)
}

func (v Vaccination) checkWho(c *checker) {
	if v.Service != nil {
		v.Service.check(c, "Service")
	}
	if v.Place != nil {
		v.Place.check(c, "Place")
	}
	if v.Practitioner != nil {
		v.Practitioner.check(c, "Practitioner")
	}
}

// immunization writes the vaccination itself.
func (w *writer) immunization(v Vaccination) {
	w.resource("Immunization", "vaccination", ukCore+"CareConnect-Immunization-1", func() {
		w.extension(ukCore+"Extension-CareConnect-VaccinationProcedure-1", func() {
			if v.ProcedureText != "" {
				w.Open("valueCodeableConcept").Value("text", v.ProcedureText).Close()
			} else {
				w.snomed("valueCodeableConcept", v.Procedure)
			}
		})
		w.identifier(v.Identifier.System, v.Identifier.Value)
		w.Value("status", "completed").Value("notGiven", strconv.FormatBool(v.Outcome.notGiven()))
		given, isGiven := v.Outcome.(Given)
		if isGiven {
			w.snomed("vaccineCode", given.Vaccine)
		} else {
			w.coded("vaccineCode", "http://hl7.org/fhir/v3/NullFlavor", "NA", "Not Applicable")
		}
		w.reference("patient", "patient")
		if v.Encounter != nil {
			w.reference("encounter", "encounter")
		}
		w.Value("date", string(v.Date)).Value("primarySource", strconv.FormatBool(v.Reported == nil))
		if v.Reported != nil {
			w.coded("reportOrigin", "http://hl7.org/fhir/immunization-origin", string(*v.Reported), originDisplays[*v.Reported])
		}
		w.at("location", v.Place)
		w.dose(given)
		if v.Practitioner != nil {
			w.inside("practitioner", func() { w.reference("actor", "nurse") })
		}
		w.explained(v.Outcome)
	})
}

// dose writes how a vaccine was given, before who gave it.
func (w *writer) dose(g Given) {
	w.Value("lotNumber", g.Batch).Value("expirationDate", string(g.Expiry))
	w.snomedIf("site", g.Site)
	w.snomedIf("route", g.Route)
}

// explained writes what follows who gave it.
func (w *writer) explained(o Outcome) {
	switch o := o.(type) {
	case NotGiven:
		w.inside("explanation", func() { w.snomed("reasonNotGiven", o.Reason) })
	case Given:
		if o.Dose > 0 {
			w.Open("vaccinationProtocol").Value("doseSequence", strconv.Itoa(o.Dose))
			w.snomedIf("targetDisease", o.Disease)
			w.coded("doseStatus", "http://hl7.org/fhir/vaccination-protocol-dose-status", "count", "Counts")
			w.Close()
		}
	}
}

// visit writes the Encounter, if it is known.
func (w *writer) visit(v Vaccination) {
	if v.Encounter == nil {
		return
	}
	w.resource("Encounter", "encounter", ukCore+"CareConnect-Encounter-1", func() {
		w.Value("status", "finished")
		w.coded("type", encounterTypeList, string(v.Encounter.Type), encounterTypes[v.Encounter.Type])
		w.reference("subject", "patient")
		w.period("period", v.Encounter.Start, "")
		if v.Place != nil {
			w.inside("location", func() { w.reference("location", "place") })
		}
		w.reference("serviceProvider", "surgery")
	})
}
