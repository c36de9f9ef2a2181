package message

// extras are what an event adds to a Patient, in the order of FHIR's elements.
type extras struct {
	extensions func() // before all else
	deceased   Date
	wholeText  bool   // addresses have their text in one line too
	last       func() // general practitioner, links
}

// patient writes a Patient. Nothing that is empty is written.
func (w *writer) patient(name string, p Patient, version string, x extras) {
	w.versioned("Patient", name, ukCore+"CareConnect-Patient-1", version, func() {
		w.demographics(p, x)
	})
}

func (w *writer) demographics(p Patient, x extras) {
	if x.extensions != nil {
		x.extensions()
	}
	if p.Ethnicity != "" {
		w.extension(ukCore+"Extension-CareConnect-EthnicCategory-1", func() {
			w.coded("valueCodeableConcept", ethnicities, string(p.Ethnicity), ethnicDisplays[p.Ethnicity])
		})
	}
	if p.NHSNumber != "" {
		w.verified(p.NHSNumber)
	}
	for _, name := range p.Names {
		w.name("name", name)
	}
	for _, contact := range p.Telecoms {
		w.contact("telecom", contact)
	}
	w.Value("gender", string(p.Gender))
	w.born(p)
	w.Value("deceasedDateTime", string(x.deceased))
	for _, a := range p.Addresses {
		text := ""
		if x.wholeText {
			text = a.text()
		}
		w.address(a, text)
	}
	w.Value("multipleBirthInteger", p.multipleBirth())
	if x.last != nil {
		x.last()
	}
}

// born writes the date of birth, with its time if that is known.
func (w *writer) born(p Patient) {
	if p.BirthTime == "" {
		w.Value("birthDate", string(p.BirthDate))
		return
	}
	w.OpenAttr("birthDate", "value", string(p.BirthDate))
	w.extension("http://hl7.org/fhir/StructureDefinition/patient-birthTime", func() {
		w.Value("valueDateTime", string(p.BirthTime))
	})
	w.Close()
}

// address writes an address; text is the whole in one line, "" for none. An address
// of which nothing is known is not written.
func (w *writer) address(a Address, text string) {
	if a.text() == "" {
		return
	}
	w.inside("address", func() {
		w.Value("use", a.Use).Value("text", text)
		for _, line := range a.written() {
			w.Value("line", line)
		}
		w.Value("postalCode", a.Postcode)
		w.period("period", a.Start, a.End)
	})
}
