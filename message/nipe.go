package message

// NIPE says what the newborn and infant physical examination of a child has found (page
// "NIPE Outcome"). A changed outcome is new again; there is no update.
type NIPE struct {
	Screening
	// The outcomes are concepts of the value set NIPE-Outcome-1. Testes is nil for a girl.
	Hips, Eyes, Heart Snomed
	Testes            *Snomed
	BCG               BCGEligibility
	// SixToEightWeeks: it is the second examination, not that of the first 72 hours.
	SixToEightWeeks bool
	Practitioner    Practitioner // who examined
}

// BCGEligibility says whether a child is eligible for vaccination with BCG.
type BCGEligibility string

// Whether a child is eligible. "" means that nothing is said.
const (
	EligibleForBCG    BCGEligibility = "eligible-for-bcg"
	NotEligibleForBCG BCGEligibility = "not-eligible-for-bcg"
)

var bcgDisplays = map[BCGEligibility]string{EligibleForBCG: "Eligible for BCG", NotEligibleForBCG: "Not eligible for BCG"}

// Outcomes that the specification's example shows. The value set has more.
var (
	EyesNormal   = Snomed{"989071000000108", nipeExamination + "eye examination done, no abnormality and no risk factor"}
	HeartNormal  = Snomed{"988511000000100", nipeExamination + "heart examination done, no abnormality and no risk factor"}
	TestesNormal = Snomed{"988931000000101", nipeExamination + "testis examination done, no abnormality"}
)

const nipeExamination = "Newborn and Infant Physical Examination Screening Programme, "

// New returns the message that shares the outcome, for the first time or because it changed.
func (n NIPE) New() ([]byte, error) {
	h, c := provider(n.Header, n.Patient)
	n.check(c)
	if err := c.done("NIPE"); err != nil {
		return nil, err
	}
	return n.found(h, n.programme()), nil
}

// Delete returns the message that withdraws the outcome, because the record no longer exists.
func (n NIPE) Delete() ([]byte, error) { return n.withdrawn("NIPE", n.programme()) }

func (n NIPE) check(c *checker) {
	n.Screening.check(c)
	n.Hips.check(c, "Hips")
	n.Eyes.check(c, "Eyes")
	n.Heart.check(c, "Heart")
	if n.Testes != nil {
		n.Testes.check(c, "Testes")
	}
	c.optional(string(n.BCG), func() { c.oneOf("BCG", string(n.BCG), string(EligibleForBCG), string(NotEligibleForBCG)) })
	n.Practitioner.check(c, "Practitioner")
}

func (n NIPE) programme() programme {
	p := programme{
		event: eventType{"nipe-outcome-1", "NIPE Outcome"}, encounter: EncounterNIPE,
		comment: "009", display: "Newborn and Infant Physical Examination (72 hours)", results: n.results,
	}
	if n.SixToEightWeeks {
		p.comment, p.display = "010", "Newborn and Infant Physical Examination (6-8 Weeks)"
	}
	return p
}

func (n NIPE) results(w *writer) {
	w.procedure("hips", "midwife", Snomed{"985531000000102", nipeExamination + "hip examination"}, n.Hips, n.Date)
	w.procedure("eyes", "midwife", Snomed{"988361000000105", nipeExamination + "eye examination"}, n.Eyes, n.Date)
	if n.Testes != nil {
		w.procedure("testes", "midwife", Snomed{"988371000000103", nipeExamination + "testis examination"}, *n.Testes, n.Date)
	}
	w.procedure("heart", "midwife", Snomed{"988351000000107", nipeExamination + "heart examination"}, n.Heart, n.Date)
	if n.BCG != "" {
		w.resource("Observation", "bcg", ukCore+"CareConnect-Observation-1", func() {
			w.Value("status", "final")
			w.coded("code", "", "bcg-eligibility", "Eligibility for BCG")
			w.reference("subject", "patient")
			w.reference("context", "encounter")
			w.reference("performer", "midwife")
			w.coded("valueCodeableConcept", "", string(n.BCG), bcgDisplays[n.BCG])
		})
	}
	w.practitioner("midwife", n.Practitioner)
	w.role("midwife", "hospital", n.Practitioner.Role, "DCH-ProfessionalType-1", "DCH-Specialty-1")
}
