package example

import "strconv"

// vaccination writes a measles, mumps and rubella vaccination given at a
// surgery (page vaccinations_1).
func vaccination(m *writer) {
	m.header(surgery, "", "surgery", "vaccination", "")
	m.resource("Immunization", "vaccination", ukCore+"CareConnect-Immunization-1", func() {
		m.extension(ukCore+"Extension-CareConnect-VaccinationProcedure-1", func() {
			if m.choices.NotGiven {
				m.coded("valueCodeableConcept", snomed, "61761000000109", "Second measles, mumps and rubella vaccination not done")
			} else {
				m.coded("valueCodeableConcept", snomed, "308081000000105", "Measles mumps and rubella vaccination - first dose (procedure)")
			}
		})
		m.identifier(local, m.id("vaccination identifier"))
		m.Value("status", "completed").Value("notGiven", strconv.FormatBool(m.choices.NotGiven))
		if m.choices.NotGiven {
			m.coded("vaccineCode", "http://hl7.org/fhir/v3/NullFlavor", "NA", "Not Applicable")
		} else {
			m.coded("vaccineCode", snomed, "871831003", "Vaccine product containing only live attenuated antigens of measles, mumps and rubella viruses")
		}
		m.reference("patient", "patient")
		m.reference("encounter", "encounter")
		m.Value("date", m.day(1)).Value("primarySource", "true")
		m.reference("location", "place")
		if m.choices.NotGiven {
			m.notGiven()
		} else {
			m.dose()
		}
	})
	m.organisation("surgery", "A83627", "EXAMPLE SURGERY", nil)
	m.person()
	m.practitioner("nurse")
	m.role("nurse", "surgery", nhsCodes+"ProfessionalType-1", nhsCodes+"Specialty-1")
	m.resource("Encounter", "encounter", ukCore+"CareConnect-Encounter-1", func() {
		m.Value("status", "finished")
		m.coded("type", nhsCodes+"DCH-ChildHealthEncounterType-1", "0012", "12 week immunisations")
		m.reference("subject", "patient")
		m.Open("period").Value("start", m.day(1)).Close()
		m.inside("location", func() { m.reference("location", "place") })
		m.reference("serviceProvider", "surgery")
	})
	m.service("surgery", "1060971000000108", "General practice service", nhsCodes+"Specialty-1", "290", "COMMUNITY PAEDIATRICS")
	m.place("A83627001")
}

// dose writes how a vaccine was given.
func (m *writer) dose() {
	m.Value("lotNumber", "LOT0001")
	m.coded("site", snomed, "61396006", "Structure of left thigh")
	m.coded("route", snomed, "78421000", "Intramuscular route")
	m.inside("practitioner", func() { m.reference("actor", "nurse") })
	m.Open("vaccinationProtocol").Value("doseSequence", "1")
	m.coded("targetDisease", snomed, "14189004", "Measles")
	m.coded("doseStatus", "http://hl7.org/fhir/vaccination-protocol-dose-status", "count", "Counts")
	m.Close()
}

// notGiven writes why a vaccine was not given.
func (m *writer) notGiven() {
	m.inside("practitioner", func() { m.reference("actor", "nurse") })
	m.inside("explanation", func() {
		m.coded("reasonNotGiven", snomed, "310376006", "Immunization consent not given (finding)")
	})
}

// role writes a practitioner's role at an organisation.
func (m *writer) role(practitioner, organisation, profession, specialty string) {
	m.resource("PractitionerRole", practitioner+" role", ukCore+"CareConnect-PractitionerRole-1", func() {
		m.reference("practitioner", practitioner)
		m.reference("organization", organisation)
		m.coded("code", profession, "160", "General Medical Practitioner")
		m.coded("specialty", specialty, "290", "COMMUNITY PAEDIATRICS")
	})
}

// service writes the HealthcareService of the message.
func (m *writer) service(organisation, code, display, specialties, specialty, specialtyDisplay string) {
	m.resource("HealthcareService", "service", ukCore+"CareConnect-HealthcareService-1", func() {
		m.identifier(local, m.id("service identifier"))
		m.reference("providedBy", organisation)
		m.coded("type", snomed, code, display)
		m.coded("specialty", specialties, specialty, specialtyDisplay)
	})
}

// place writes the location of the event.
func (m *writer) place(site string) {
	m.resource("Location", "place", ukCore+"CareConnect-Location-1", func() {
		m.identifier("https://fhir.nhs.uk/Id/ods-site-code", site)
		m.Value("name", "EXAMPLE SITE")
	})
}

// professionalContact writes that a health visiting service looks after a
// patient (new), did so until now (update), or never did (delete) (page
// professional_contacts_1).
func professionalContact(m *writer) {
	m.header(surgery, "", "service provider", "episode", "")
	m.resource("EpisodeOfCare", "episode", ukCore+"CareConnect-EpisodeOfCare-1", func() {
		m.identifier(local, m.id("episode identifier"))
		m.Value("status", map[string]string{"new": "active", "update": "finished", "delete": "entered-in-error"}[m.kind])
		m.coded("type", snomed, "1078501000000104", "Health visiting service")
		m.reference("patient", "patient")
		m.reference("managingOrganization", "service provider")
		m.Open("period").Value("start", m.day(30))
		if m.kind == "update" {
			m.Value("end", m.day(1))
		}
		m.Close()
		m.reference("team", "team")
	})
	m.organisation("service provider", "A83627", "EXAMPLE HEALTH VISITING SERVICE", func() {
		m.Open("telecom").Value("system", "phone").Value("value", "0191 498 0001").Close()
	})
	m.person()
	m.resource("CareTeam", "team", ukCore+"CareConnect-CareTeam-1", func() {
		m.Value("name", "Example Health Visiting Team")
		m.reference("subject", "patient")
		m.inside("participant", func() {
			m.coded("role", snomed, "224534008", "Health visitors, nurses and midwives")
			m.reference("member", "visitor")
		})
	})
	m.practitioner("visitor")
}
