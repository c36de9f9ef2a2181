package message

// snomed writes a CodeableConcept of SNOMED CT.
func (w *writer) snomed(element string, s Snomed) { w.coded(element, snomed, s.Code, s.Display) }

// snomedIf writes one if it is there.
func (w *writer) snomedIf(element string, s *Snomed) {
	if s != nil {
		w.snomed(element, *s)
	}
}

// practitioner writes a Practitioner.
func (w *writer) practitioner(name string, p Practitioner) {
	w.resource("Practitioner", name, ukCore+"CareConnect-Practitioner-1", func() {
		for _, id := range []struct{ system, value string }{{"sds-user-id", p.User}, {"sds-role-profile-id", p.RoleProfile}} {
			if id.value != "" {
				w.identifier("https://fhir.nhs.uk/Id/"+id.system, id.value)
			}
		}
		w.personName(p.Name)
	})
}

// role writes a practitioner's role at an organisation, if it is known. The lists of
// professions and specialties have other names in the screening programmes.
func (w *writer) role(practitioner, organisation string, r *Role, professionList, specialtyList string) {
	if r == nil {
		return
	}
	w.resource("PractitionerRole", practitioner+" role", ukCore+"CareConnect-PractitionerRole-1", func() {
		w.reference("practitioner", practitioner)
		w.reference("organization", organisation)
		w.coded("code", nhsCodes+professionList, string(r.Profession), professions[r.Profession])
		w.coded("specialty", nhsCodes+specialtyList, string(r.Specialty), specialties[r.Specialty])
	})
}

// service writes the HealthcareService of the message, if it is known.
func (w *writer) service(organisation string, s *Service, specialtyList string) {
	if s == nil {
		return
	}
	w.resource("HealthcareService", "service", ukCore+"CareConnect-HealthcareService-1", func() {
		if s.Identifier.Value != "" {
			w.identifier(s.Identifier.System, s.Identifier.Value)
		}
		w.reference("providedBy", organisation)
		w.snomed("type", s.Type)
		w.coded("specialty", nhsCodes+specialtyList, string(s.Specialty), specialties[s.Specialty])
	})
}

// place writes the Location of the event, if it is known.
func (w *writer) place(p *Place) {
	if p == nil {
		return
	}
	w.resource("Location", "place", ukCore+"CareConnect-Location-1", func() {
		if p.Site != "" {
			w.identifier("https://fhir.nhs.uk/Id/ods-site-code", p.Site)
		}
		w.Value("name", p.Name)
	})
}

// at writes a reference to the place, if it is known.
func (w *writer) at(element string, p *Place) {
	if p != nil {
		w.reference(element, "place")
	}
}
