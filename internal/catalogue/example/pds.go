package example

import "cmp"

const emsService = nhsCodes + "EMS-HealthcareServiceType-1"

// demographicEvent writes what the Spine's events share: the header, the
// Communication that is its focus, the organisation, and its service.
func demographicEvent(m *message, enterer, subject string) {
	m.header(spine, "1", "spine", "notice", enterer)
	m.resource("Communication", "notice", ukCore+"CareConnect-Communication-1", func() {
		m.Value("status", "completed")
		m.reference("subject", subject)
		m.Value("sent", m.instant(0))
		m.reference("sender", "spine")
	})
	m.resource("HealthcareService", "service", ukCore+"CareConnect-HealthcareService-1", func() {
		m.identifier(emsService, "PDS")
		m.reference("providedBy", "spine")
		m.coded("type", emsService, "PDS", "Personal Demographics Service")
	})
}

// pdsPatient writes a Patient as PDS has it, with its version number.
func (m *message) pdsPatient(before, after func()) {
	m.versioned("Patient", "patient", ukCore+"CareConnect-Patient-1", "7", func() {
		if before != nil {
			before()
		}
		m.demographics(m.patient)
		if after != nil {
			after()
		}
	})
}

// changeOfAddress writes a move from one area to another (page pds_change_of_address_1).
func changeOfAddress(m *message) {
	demographicEvent(m, "", "patient")
	m.organisation("spine", "X26", "NHS ENGLAND", nil)
	m.pdsPatient(nil, func() {
		m.address("home", "2 New Street", m.patient.Postcode, m.day(1), "")
		m.address("old", "1 Old Street", cmp.Or(m.choices.OldPostcode, "WF14 0BQ"), m.day(400), m.day(1))
	})
}

func (m *message) address(use, line, postcode, from, to string) {
	m.inside("address", func() {
		m.Value("use", use).Value("text", line+", EXAMPLETON, "+postcode)
		m.Value("line", line).Value("line", "EXAMPLETON").Value("postalCode", postcode)
		m.Open("period").Value("start", from).Value("end", to).Close()
	})
}

// changeOfGP writes a change from another practice to the patient's (page pds_change_of_gp_1).
func changeOfGP(m *message) {
	demographicEvent(m, "", "patient")
	m.pdsPatient(nil, func() {
		if !m.choices.Left {
			m.reference("generalPractitioner", "new practice")
		}
	})
	board := func() { m.reference("partOf", "board") }
	m.organisation("spine", "X26", "NHS ENGLAND", board)
	m.organisation("board", "02V", "EXAMPLE CARE BOARD", func() { m.reference("partOf", "spine") })
	if !m.choices.Left {
		m.organisation("new practice", m.patient.Practice, "NEW EXAMPLE PRACTICE", board)
	}
	m.organisation("old practice", cmp.Or(m.choices.OldPractice, "B85612"), "OLD EXAMPLE PRACTICE", board)
	m.resource("EpisodeOfCare", "episode", ukCore+"CareConnect-EpisodeOfCare-1", func() {
		m.Value("status", "finished")
		m.coded("type", nhsCodes+"EMS-PDS-PatientCareProvisionType-1", "1", "Primary care")
		m.reference("patient", "patient")
		m.reference("managingOrganization", "old practice")
		m.Open("period").Value("start", m.day(400)).Value("end", m.day(1)).Close()
	})
}

// death writes a notification, a formal one unless another is chosen (page
// pds_death_notification_1). One that is removed has no time of death.
func death(m *message) {
	status := cmp.Or(m.choices.Death, "2")
	demographicEvent(m, "", "patient")
	m.organisation("spine", "X26", "NHS ENGLAND", nil)
	m.pdsPatient(func() {
		m.extension(ukCore+"Extension-CareConnect-DeathNotificationStatus-1", func() {
			m.extension("deathNotificationStatus", func() {
				m.coded("valueCodeableConcept", "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-DeathNotificationStatus-1", status, deaths[status])
			})
			m.extension("systemEffectiveDate", func() { m.Value("valueDateTime", m.instant(0)) })
		})
	}, func() {
		if status != "U" {
			m.Value("deceasedDateTime", m.day(3))
		}
	})
}

// recordChange writes a change that the citizen made (page pds_record_change).
func recordChange(m *message) {
	m.header(spine, "", "spine", "patient", "")
	m.organisation("spine", "X26", "NHS ENGLAND", nil)
	m.pdsPatient(nil, nil)
	m.resource("Provenance", "change", "http://hl7.org/fhir/STU3/StructureDefinition/Provenance", func() {
		m.reference("target", "patient")
		m.Value("recorded", m.instant(0))
		m.inside("agent", func() {
			m.coded("role", "http://hl7.org/fhir/v3/ParticipationType", "AUT", "author (originator)")
			m.reference("whoReference", "patient")
		})
	})
}
