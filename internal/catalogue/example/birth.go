package example

// birth writes the birth of a girl whose mother is known (page pds_birth_notification_1).
func birth(m *message) {
	demographicEvent(m, "midwife", "mother")
	m.versioned("Patient", "mother", ukCore+"CareConnect-Patient-1", "7", func() {
		m.demographics(m.patient)
		m.reference("generalPractitioner", "practice")
		m.inside("link", func() { m.reference("other", "relation"); m.Value("type", "seealso") })
	})
	m.resource("RelatedPerson", "relation", ukCore+"CareConnect-RelatedPerson-1", func() {
		m.reference("patient", "baby")
		m.coded("relationship", "http://hl7.org/fhir/v3/RoleCode", "NMTH", "natural mother")
	})
	m.baby()
	m.resource("Practitioner", "midwife", ukCore+"CareConnect-Practitioner-1", func() {
		m.Open("name").Value("family", "Example").Value("given", "Morgan").Close()
	})
	m.circumstances()
	m.organisation("practice", m.patient.Practice, "EXAMPLE PRACTICE", nil)
	m.organisation("spine", "X26", "NHS ENGLAND", nil)
	m.association("registering authority", "registering-authority", "Registering Authority")
	m.resource("Organization", "registering authority", ukCore+"CareConnect-Organization-1", func() {
		m.identifier(odsSystem, "RR8")
		m.coded("type", nhsCodes+"EMS-PDS-RegisteringAuthorityType-1", "c", "NHS Trust")
		m.Value("name", "EXAMPLE HOSPITAL")
	})
	m.association("child health", "responsible-child-health-organisation", "Responsible Child Health Organisation")
	m.organisation("child health", "RX3EP", "EXAMPLE CHILD HEALTH SERVICE", nil)
}

// baby writes the baby's PDS record.
func (m *message) baby() {
	m.versioned("Patient", "baby", ukCore+"CareConnect-Patient-1", "1", func() {
		m.extension(ukCore+"Extension-CareConnect-EthnicCategory-1", func() {
			m.coded("valueCodeableConcept", "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-EthnicCategory-1", "Z", "Not stated")
		})
		m.verified(m.patient.Baby)
		m.name("name", m.patient.Family, "Baby")
		m.Value("gender", "female")
		m.OpenAttr("birthDate", "value", m.day(1))
		m.extension("http://hl7.org/fhir/StructureDefinition/patient-birthTime", func() {
			m.Value("valueDateTime", m.day(1)+"T04:05:00+00:00")
		})
		m.Close()
		m.Open("address").Value("use", "home").Value("line", "1 Example Street").Value("postalCode", m.patient.Postcode).Close()
		m.Value("multipleBirthInteger", "1")
	})
}

// circumstances writes the five observations of a birth.
func (m *message) circumstances() {
	m.observation("births", "mother", "382341000000101", "Total number of registerable births at delivery", func() {
		m.Open("valueQuantity").Value("value", "1").Close()
	})
	m.resource("Observation", "weight", ukCore+"CareConnect-Observation-1", func() {
		m.Value("status", "final")
		m.coded("category", "http://hl7.org/fhir/observation-category", "vital-signs", "Vital Signs")
		m.inside("code", func() {
			m.coding("http://loinc.org", "29463-7", "Body weight")
			m.coding(snomed, "364589006", "Birth weight")
		})
		m.reference("subject", "baby")
		m.quantity("3410", "gram", "g")
	})
	m.observation("gestation", "baby", "412726003", "Length of gestation at birth", func() { m.quantity("40", "week", "wk") })
	m.observation("stillbirth", "baby", "237364002", "Stillbirth", func() {
		m.coded("valueCodeableConcept", nhsCodes+"EMS-PDS-StillBornIndicator-1", "1", "Live")
	})
	m.observation("abnormality", "baby", "1097291000000101", "Suspected congenital abnormality", func() {
		m.coded("valueCodeableConcept", nhsCodes+"EMS-PDS-SuspectedCongenitalAbnormalityIndicator-1", "N", "No")
	})
}

func (m *message) observation(name, subject, code, display string, value func()) {
	m.resource("Observation", name, ukCore+"CareConnect-Observation-1", func() {
		m.Value("status", "final")
		m.coded("code", snomed, code, display)
		m.reference("subject", subject)
		value()
	})
}

func (m *message) quantity(value, unit, code string) {
	m.Open("valueQuantity").Value("value", value).Value("unit", unit)
	m.Value("system", "http://unitsofmeasure.org").Value("code", code).Close()
}

// association writes an organisation's responsibility for the baby.
func (m *message) association(organisation, code, display string) {
	m.resource("EpisodeOfCare", organisation+" episode", ukCore+"CareConnect-EpisodeOfCare-1", func() {
		m.Value("status", "active")
		m.coded("type", nhsCodes+"BirthEpisodeCategory-1", code, display)
		m.reference("patient", "baby")
		m.reference("managingOrganization", organisation)
	})
}
