package message

import "fmt"

// NewbornHearing says what the newborn hearing screening of a child has found (page
// "Newborn Hearing"). A changed outcome is new again; there is no update.
type NewbornHearing struct {
	Screening
	// Tests are one for each ear and test: at most two by AABR, four by AOAE.
	Tests []HearingTest
	// Summary is the outcome of the screening, a concept of the value set
	// DCH-HearingScreeningOutcome-1; SummaryDate is when it was set, "" means Date.
	Summary      Snomed
	SummaryDate  Date
	Practitioner *Practitioner // who tested; nil: not said
}

// HearingTest is one test of one ear.
type HearingTest struct {
	Method  HearingMethod
	Outcome Snomed // of DCH-AABRHearingTest-Outcome-1 or DCH-AOAEHearingTest-Outcome-1
	Date    Date   // "" means that of the screening
}

// HearingMethod is how an ear is tested, a concept of SNOMED CT.
type HearingMethod string

// Methods of a hearing test.
const (
	AABR HearingMethod = "413083006"
	AOAE HearingMethod = "446077009"
)

var methodDisplays = map[HearingMethod]string{
	AABR: "Automated auditory brainstem response test", AOAE: "Automated otoacoustic emission test",
}

// Outcomes that the specification's example shows. The value sets have more.
var (
	AABRRightClear  = Snomed{"1085451000000103", "Automated auditory brainstem response test right ear clear response"}
	AABRLeftClear   = Snomed{"1085431000000105", "Automated auditory brainstem response test left ear clear response"}
	AOAERightClear  = Snomed{"1085501000000100", "Automated oto-acoustic emission test right ear clear response"}
	AOAELeftClear   = Snomed{"1085491000000106", "Automated oto-acoustic emission test left ear clear response"}
	HearingAllClear = Snomed{"276781000000109", "Newborn hearing screening programme completed, clear response no follow-up required"}
)

// New returns the message that shares the outcome, for the first time or because it changed.
func (n NewbornHearing) New() ([]byte, error) {
	h, c := provider(n.Header, n.Patient)
	if n.SummaryDate == "" {
		n.SummaryDate = n.Date
	}
	n.check(c)
	if err := c.done("NewbornHearing"); err != nil {
		return nil, err
	}
	return n.found(h, n.programme()), nil
}

// Delete returns the message that withdraws the outcome, because the record no longer exists.
func (n NewbornHearing) Delete() ([]byte, error) {
	return n.withdrawn("NewbornHearing", n.programme())
}

func (n NewbornHearing) check(c *checker) {
	n.Screening.check(c)
	count := map[HearingMethod]int{}
	for i, t := range n.Tests {
		count[t.Method]++
		if methodDisplays[t.Method] == "" {
			c.wrong(at("Tests", i)+".Method", "is AABR or AOAE")
		}
		t.Outcome.check(c, at("Tests", i)+".Outcome")
		c.optional(string(t.Date), func() { c.dateTime(at("Tests", i)+".Date", t.Date) })
	}
	if count[AABR] > 2 || count[AOAE] > 4 {
		c.wrong("Tests", "has at most two tests by AABR and four by AOAE")
	}
	n.Summary.check(c, "Summary")
	c.dateTime("SummaryDate", n.SummaryDate)
	if n.Practitioner != nil {
		n.Practitioner.check(c, "Practitioner")
	}
}

func (n NewbornHearing) programme() programme {
	return programme{
		event: eventType{"newborn-hearing-1", "Newborn Hearing"}, encounter: EncounterHearing,
		comment: "008", display: "Newborn Hearing Screening", results: n.results,
	}
}

func (n NewbornHearing) results(w *writer) {
	screener := ""
	if n.Practitioner != nil {
		screener = "screener"
	}
	for i, t := range n.Tests {
		date := t.Date
		if date == "" {
			date = n.Date
		}
		w.procedure(fmt.Sprint("test ", i), screener, Snomed{string(t.Method), methodDisplays[t.Method]}, t.Outcome, date)
	}
	w.resource("Observation", "summary", ukCore+"CareConnect-Observation-1", func() {
		w.Value("status", "final")
		w.coded("code", snomed, "276771000000107", "Newborn hearing screening programme outcome")
		w.reference("subject", "patient")
		w.reference("context", "encounter")
		w.Value("effectiveDateTime", string(n.SummaryDate))
		if screener != "" {
			w.reference("performer", screener)
		}
		w.snomed("valueCodeableConcept", n.Summary)
	})
	if n.Practitioner != nil {
		w.practitioner("screener", *n.Practitioner)
		w.role("screener", "hospital", n.Practitioner.Role, "DCH-ProfessionalType-1", "DCH-Specialty-1")
	}
}
