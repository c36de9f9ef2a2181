package message

// ChangeOfGP says that the practice with which a patient is registered has changed:
// a first registration, a transfer, or its end (page "PDS Change of GP").
type ChangeOfGP struct {
	Header
	Patient Patient
	// Practice is where the patient is registered now, nil if nowhere: after a
	// de-registration.
	Practice *Organisation
	// Previous is the registration that has ended, nil if there was none. One of
	// Practice and Previous is there.
	Previous *Registration
}

// Registration is a patient's registration with a practice that has ended.
type Registration struct {
	Practice Organisation
	Start    Date // date or time; "" means unknown
	End      Date
}

// XML returns the message, or a *FieldsError.
func (g ChangeOfGP) XML() ([]byte, error) {
	h, c := prepare(g.Header, g.Patient)
	if g.Practice == nil && g.Previous == nil {
		c.wrong("Practice", "is missing, and Previous too: at least one is there")
	}
	if g.Practice != nil {
		g.Practice.check(c, "Practice")
	}
	if g.Previous != nil {
		g.Previous.Practice.check(c, "Previous.Practice")
		c.period("Previous", g.Previous.Start, g.Previous.End)
	}
	if err := c.done("ChangeOfGP"); err != nil {
		return nil, err
	}
	w := demographicEvent(h, eventType{"pds-change-of-gp-1", "PDS Change of GP"}, g.Patient, "", "patient")
	w.ids[key(h.Responsible)] = w.id("spine")
	w.patient("patient", g.Patient, g.Patient.VersionID, extras{last: func() {
		if g.Practice != nil {
			w.reference("generalPractitioner", key(*g.Practice))
		}
	}})
	w.registrations(g)
	return w.Bytes(), nil
}

// registrations writes the organisations and the registration that has ended.
func (w *writer) registrations(g ChangeOfGP) {
	written := map[string]bool{}
	w.commissioned(w.header.Responsible, written)
	if g.Practice != nil {
		w.commissioned(*g.Practice, written)
	}
	if g.Previous == nil {
		return
	}
	w.commissioned(g.Previous.Practice, written)
	w.resource("EpisodeOfCare", "episode", ukCore+"CareConnect-EpisodeOfCare-1", func() {
		w.Value("status", "finished")
		w.coded("type", nhsCodes+"EMS-PDS-PatientCareProvisionType-1", "1", "Primary care")
		w.reference("patient", "patient")
		w.reference("managingOrganization", key(g.Previous.Practice))
		w.period("period", g.Previous.Start, g.Previous.End)
	})
}

// key names the resource of an organisation.
func key(o Organisation) string { return "organisation " + o.ODS }

// commissioned writes an organisation and those of which it is part, each once. The
// page demands partOf of all of them. Where it is not given, it is NHS England, as the
// directory has it.
func (w *writer) commissioned(o Organisation, written map[string]bool) {
	if written[o.ODS] {
		return
	}
	written[o.ODS] = true
	w.organisation(key(o), o, func() {
		if o.PartOf == nil {
			w.inDirectory("partOf", nhsEngland)
			return
		}
		w.reference("partOf", key(*o.PartOf))
	})
	if o.PartOf != nil {
		w.commissioned(*o.PartOf, written)
	}
}
