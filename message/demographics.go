package message

// pdsService is the service that the Spine's demographic events come from.
const pdsService = nhsCodes + "EMS-HealthcareServiceType-1"

// demographicEvent starts a message of the Spine's demographics: the header, the
// Communication that is its focus, and the service.
func demographicEvent(h Header, event eventType, about Patient, enterer, subject string) *writer {
	w := newWriter(h)
	w.open(opening{event: event, kind: kindNew, about: about, enterer: enterer, responsible: "spine", focus: "notice"})
	w.resource("Communication", "notice", ukCore+"CareConnect-Communication-1", func() {
		w.Value("status", "completed")
		w.reference("subject", subject)
		w.Value("sent", instant(h.Timestamp))
		w.reference("sender", "spine")
	})
	w.resource("HealthcareService", "service", ukCore+"CareConnect-HealthcareService-1", func() {
		w.identifier(pdsService, "PDS")
		w.reference("providedBy", "spine")
		w.coded("type", pdsService, "PDS", "Personal Demographics Service")
	})
	return w
}

// prepare completes the header of an event of demographics and checks what all of
// them need.
func prepare(h Header, p Patient) (Header, *checker) {
	h, c := h.ofSpine().complete(), &checker{}
	h.check(c)
	p.check(c, "Patient")
	p.version(c, "Patient")
	return h, c
}

// RecordChange says that a patient's record at PDS has changed, in whatever way (page
// "PDS Record Change"). Of a record that another one supersedes, Patient is the one
// that is superseded, because that is whose number subscribers know.
type RecordChange struct {
	Header
	Patient Patient
	// ByCitizen: the patient changed the record. By is the organisation that did, nil
	// if that is not said. Not both.
	ByCitizen bool
	By        *Organisation
	Recorded  Date // when; a time. "" means LastUpdated
}

// XML returns the message, or a *FieldsError.
func (r RecordChange) XML() ([]byte, error) {
	h, c := prepare(r.Header, r.Patient)
	if r.By != nil {
		r.By.check(c, "By")
		if r.ByCitizen {
			c.wrong("By", "is nil where the citizen changed the record")
		}
	}
	if r.Recorded == "" {
		r.Recorded = Date(instant(h.LastUpdated))
	} else if !r.Recorded.isMoment() {
		c.wrong("Recorded", "is a time, like 2026-03-04T05:06:07Z")
	}
	if err := c.done("RecordChange"); err != nil {
		return nil, err
	}
	w := newWriter(h)
	w.open(opening{
		event: eventType{"pds-record-change-1", "PDS Record Change"}, kind: kindNew,
		about: r.Patient, responsible: "spine", focus: "patient",
	})
	w.organisation("spine", h.Responsible, nil)
	w.patient("patient", r.Patient, r.Patient.VersionID, extras{})
	if r.ByCitizen || r.By != nil {
		w.provenance(r)
	}
	return w.Bytes(), nil
}

// provenance writes who changed the record. Organisations are named where the
// directory has them.
func (w *writer) provenance(r RecordChange) {
	w.resource("Provenance", "change", "http://hl7.org/fhir/STU3/StructureDefinition/Provenance", func() {
		w.reference("target", "patient")
		w.Value("recorded", string(r.Recorded))
		w.inside("agent", func() {
			w.coded("role", "http://hl7.org/fhir/v3/ParticipationType", "AUT", "author (originator)")
			if r.ByCitizen {
				w.reference("whoReference", "patient")
			} else {
				w.inDirectory("whoReference", *r.By)
			}
		})
	})
}
