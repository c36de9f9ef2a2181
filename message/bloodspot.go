package message

import "time"

// BloodSpot says what the newborn blood spot screening of a child has found (page "Blood
// Spot Test Outcome"). There is one message for the complete set of results, which is
// new again whenever one changes; there is no update.
type BloodSpot struct {
	Screening
	Received time.Time // when the results came from the laboratory
	Results  BloodSpotResults
	// Partial lets results be missing. Programmes send complete sets only.
	Partial bool
}

// BloodSpotResults are the outcomes of the tests, concepts of the value set
// DCH-BloodSpotOutcome-1. The first nine are the complete set; the last two are tested
// where the programme has them.
type BloodSpotResults struct {
	Phenylketonuria                Snomed
	SickleCellDisease              Snomed
	CysticFibrosis                 Snomed
	CongenitalHypothyroidism       Snomed
	MCADD                          Snomed // medium-chain acyl-CoA dehydrogenase deficiency
	Homocystinuria                 Snomed
	MapleSyrupUrineDisease         Snomed
	GlutaricAciduria1              Snomed
	IsovalericAcidaemia            Snomed
	SevereCombinedImmunodeficiency Snomed
	Tyrosinaemia1                  Snomed
}

// Outcomes that examples of the specification, and ours, show. The value set has more.
var (
	PhenylketonuriaNotSuspected = Snomed{"428671003", "Phenylketonuria not suspected"}
	CysticFibrosisNotSuspected  = Snomed{"428699007", "Cystic fibrosis not suspected"}
	Tyrosinaemia1NotSuspected   = Snomed{"2201881000000102", "Tyrosinaemia type 1 not suspected (situation)"}
)

// spotTest is one test of the programme.
type spotTest struct {
	field   string
	test    Snomed
	outcome Snomed
	needed  bool // of the complete set
}

// tests lists the tests, in the order of the page.
func (r BloodSpotResults) tests() []spotTest {
	return []spotTest{
		{"Phenylketonuria", Snomed{"314081000", "Phenylketonuria screening test"}, r.Phenylketonuria, true},
		{"SickleCellDisease", Snomed{"314090007", "Sickle cell disease screening test"}, r.SickleCellDisease, true},
		{"CysticFibrosis", Snomed{"171191008", "Cystic fibrosis screening"}, r.CysticFibrosis, true},
		{"CongenitalHypothyroidism", Snomed{"400984005", "Congenital hypothyroidism screening test"}, r.CongenitalHypothyroidism, true},
		{"MCADD", Snomed{"428056008", "Medium-chain acyl-coenzyme A dehydrogenase deficiency screening test"}, r.MCADD, true},
		{"Homocystinuria", Snomed{"940201000000107", "Blood spot homocystinuria screening test"}, r.Homocystinuria, true},
		{"MapleSyrupUrineDisease", Snomed{"940221000000103", "Blood spot MSUD (maple syrup urine disease) screening test"}, r.MapleSyrupUrineDisease, true},
		{"GlutaricAciduria1", Snomed{"940131000000109", "Blood spot glutaric aciduria type 1 screening test"}, r.GlutaricAciduria1, true},
		{"IsovalericAcidaemia", Snomed{"940151000000102", "Blood spot isovaleric acidaemia screening test"}, r.IsovalericAcidaemia, true},
		{"SevereCombinedImmunodeficiency", Snomed{"1239891000000106", "Severe combined immunodeficiency screening test"}, r.SevereCombinedImmunodeficiency, false},
		{"Tyrosinaemia1", Snomed{"2201661000000107", "Tyrosinaemia type 1 screening test"}, r.Tyrosinaemia1, false},
	}
}

// New returns the message that shares the results, for the first time or because they changed.
func (b BloodSpot) New() ([]byte, error) {
	h, c := provider(b.Header, b.Patient)
	b.Screening.check(c)
	c.time("Received", b.Received)
	for _, t := range b.Results.tests() {
		if t.outcome != (Snomed{}) || t.needed && !b.Partial {
			t.outcome.check(c, "Results."+t.field)
		}
	}
	if err := c.done("BloodSpot"); err != nil {
		return nil, err
	}
	return b.found(h, b.programme()), nil
}

// Delete returns the message that withdraws the results, because the record no longer exists.
func (b BloodSpot) Delete() ([]byte, error) { return b.withdrawn("BloodSpot", b.programme()) }

func (b BloodSpot) programme() programme {
	return programme{
		event: eventType{"blood-spot-test-outcome-1", "Blood Spot Test Outcome"}, encounter: EncounterBloodSpot,
		comment: "007", display: "Newborn Blood Spot Screening", results: b.results,
	}
}

func (b BloodSpot) results(w *writer) {
	w.resource("DiagnosticReport", "report", ukCore+"CareConnect-DiagnosticReport-1", func() {
		w.Value("status", "final")
		w.coded("code", snomed, "314079002", "Blood spot screening test")
		w.reference("subject", "patient")
		w.reference("context", "encounter")
		w.Value("issued", instant(b.Received))
	})
	for _, t := range b.Results.tests() {
		if t.outcome != (Snomed{}) {
			w.procedure(t.field, "", t.test, t.outcome, b.Date)
		}
	}
}
