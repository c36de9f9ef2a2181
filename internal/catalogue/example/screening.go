package example

// newborn holds what differs between the newborn screening programmes.
type newborn struct {
	encounter, encounterDisplay string // of DCH-ChildHealthEncounterType-1
	service, serviceDisplay     string
	specialty, specialtyDisplay string
	comment, commentDisplay     string // of DCH-ProfessionalCommentType-1
	results                     func(*writer)
}

// screening writes the message of a newborn screening programme. A delete only
// names what it withdraws, which its page allows.
func screening(m *writer, n newborn) {
	m.header(surgery, "", "hospital", "encounter", "")
	m.organisation("hospital", "RR8", "EXAMPLE HOSPITAL", nil)
	m.resource("Encounter", "encounter", ukCore+"CareConnect-Encounter-1", func() {
		m.identifier(local, m.id("encounter identifier"))
		if m.kind == "delete" {
			m.Value("status", "entered-in-error")
			m.coded("type", nhsCodes+"DCH-ChildHealthEncounterType-1", n.encounter, n.encounterDisplay)
			return
		}
		m.Value("status", "finished")
		m.coded("type", nhsCodes+"DCH-ChildHealthEncounterType-1", n.encounter, n.encounterDisplay)
		m.reference("subject", "patient")
		m.Open("period").Value("start", m.day(2)).Close()
		m.inside("location", func() { m.reference("location", "place") })
		m.reference("serviceProvider", "hospital")
	})
	if m.kind == "delete" {
		return
	}
	m.person()
	m.service("hospital", n.service, n.serviceDisplay, nhsCodes+"DCH-Specialty-1", n.specialty, n.specialtyDisplay)
	m.place("RR801")
	n.results(m)
	m.resource("Communication", "comment", ukCore+"CareConnect-Communication-1", func() {
		m.Value("status", "completed")
		m.coded("category", nhsCodes+"DCH-ProfessionalCommentType-1", n.comment, n.commentDisplay)
		m.reference("subject", "patient")
		m.reference("context", "encounter")
		m.reference("sender", "hospital")
		m.inside("payload", func() { m.Value("contentString", "Example comment for people.") })
	})
}

// procedure writes one test and its result. performer is "" for a laboratory's
// test.
func (m *writer) procedure(name, performer, code, display, outcome, outcomeDisplay string) {
	m.resource("Procedure", name, ukCore+"CareConnect-Procedure-1", func() {
		m.Value("status", "completed")
		m.coded("code", snomed, code, display)
		m.reference("subject", "patient")
		m.reference("context", "encounter")
		m.Value("performedDateTime", m.day(2))
		if performer != "" {
			m.inside("performer", func() { m.reference("actor", performer) })
		}
		m.coded("outcome", snomed, outcome, outcomeDisplay)
	})
}

// bloodSpot writes two of the eleven tests (page blood_spot_test_outcome_1).
func bloodSpot(m *writer) {
	screening(m, newborn{
		"008", "Newborn Blood Spot Screening", "708196005", "Haematology service",
		"253", "PAEDIATRIC CLINICAL HAEMATOLOGY", "007", "Newborn Blood Spot Screening", func(m *writer) {
			m.resource("DiagnosticReport", "report", ukCore+"CareConnect-DiagnosticReport-1", func() {
				m.Value("status", "final")
				m.coded("code", snomed, "314079002", "Blood spot screening test")
				m.reference("subject", "patient")
				m.reference("context", "encounter")
				m.Value("issued", m.instant(0))
			})
			m.procedure("phenylketonuria", "", "314081000", "Phenylketonuria screening test", "428671003", "Phenylketonuria not suspected")
			m.procedure("cystic fibrosis", "", "171191008", "Cystic fibrosis screening", "428699007", "Cystic fibrosis not suspected")
		},
	})
}

// newbornHearing writes the test of both ears by one method (page newborn_hearing_1).
func newbornHearing(m *writer) {
	screening(m, newborn{
		"007", "Newborn Hearing Screening", "310008001", "Audiological screening service",
		"254", "PAEDIATRIC AUDIOLOGICAL MEDICINE", "008", "Newborn Hearing Screening", func(m *writer) {
			const test = "Automated auditory brainstem response test"
			m.procedure("right ear", "screener", "413083006", test, "1085451000000103", test+" right ear clear response")
			m.procedure("left ear", "screener", "413083006", test, "1085431000000105", test+" left ear clear response")
			m.resource("Observation", "summary", ukCore+"CareConnect-Observation-1", func() {
				m.Value("status", "final")
				m.coded("code", snomed, "276771000000107", "Newborn hearing screening programme outcome")
				m.reference("subject", "patient")
				m.reference("context", "encounter")
				m.Value("effectiveDateTime", m.day(2))
				m.reference("performer", "screener")
				m.coded("valueCodeableConcept", snomed, "276781000000109", "Newborn hearing screening programme completed, clear responses")
			})
			m.practitioner("screener")
			m.role("screener", "hospital", nhsCodes+"DCH-ProfessionalType-1", nhsCodes+"DCH-Specialty-1")
		},
	})
}

// nipe writes the examinations of a girl who is eligible for BCG (page
// nipe_outcome_1).
func nipe(m *writer) {
	screening(m, newborn{
		"006", "Newborn Infant Physical Examination", "310061009", "Children's service",
		"290", "COMMUNITY PAEDIATRICS", "009", "Newborn and Infant Physical Examination (72 hours)", func(m *writer) {
			const programme = "Newborn and Infant Physical Examination Screening Programme, "
			m.procedure("hips", "midwife", "985531000000102", programme+"hip examination", "985891000000104", programme+"hips, no abnormality detected")
			m.procedure("eyes", "midwife", "988361000000105", programme+"eye examination", "989071000000108", programme+"eyes, no abnormality detected")
			m.procedure("heart", "midwife", "988351000000107", programme+"heart examination", "988511000000100", programme+"heart, no abnormality detected")
			m.resource("Observation", "bcg", ukCore+"CareConnect-Observation-1", func() {
				m.Value("status", "final")
				m.coded("code", "", "bcg-eligibility", "Eligibility for BCG")
				m.reference("subject", "patient")
				m.reference("context", "encounter")
				m.reference("performer", "midwife")
				m.coded("valueCodeableConcept", "", "eligible-for-bcg", "Eligible for BCG")
			})
			m.practitioner("midwife")
			m.role("midwife", "hospital", nhsCodes+"DCH-ProfessionalType-1", nhsCodes+"DCH-Specialty-1")
		},
	})
}
