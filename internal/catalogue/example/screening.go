package example

import "nems/message"

// screening is what the examples of the newborn screening programmes share.
func (g *given) screening(service message.Snomed, specialty message.Specialty) message.Screening {
	return message.Screening{
		Header:  g.header(surgery, message.Organisation{ODS: "RR8", Name: "EXAMPLE HOSPITAL"}),
		Patient: g.person(), Identifier: g.identifier(), Date: message.Date(g.day(2)),
		Service: &message.Service{Identifier: g.identifier(), Type: service, Specialty: specialty},
		Place:   &message.Place{Site: "RR801", Name: "EXAMPLE SITE"}, Comment: "Example comment for people.",
	}
}

// bloodSpot has two of the eleven results (page blood_spot_test_outcome_1).
func bloodSpot(g *given) ([]byte, error) {
	b := message.BloodSpot{
		Screening: g.screening(message.Snomed{Code: "708196005", Display: "Haematology service"}, message.ClinicalHaematologyOfChildren),
		Received:  g.now,
		Results: message.BloodSpotResults{
			Phenylketonuria: message.PhenylketonuriaNotSuspected, CysticFibrosis: message.CysticFibrosisNotSuspected,
		},
		Partial: true,
	}
	return g.of(b.New, nil, b.Delete)
}

// newbornHearing is the test of both ears by one method (page newborn_hearing_1).
func newbornHearing(g *given) ([]byte, error) {
	n := message.NewbornHearing{
		Screening: g.screening(message.Snomed{Code: "310008001", Display: "Audiological screening service"}, message.AudiologicalMedicineOfChildren),
		Tests: []message.HearingTest{
			{Method: message.AABR, Outcome: message.AABRRightClear},
			{Method: message.AABR, Outcome: message.AABRLeftClear},
		},
		Summary:      message.Snomed{Code: "276781000000109", Display: "Newborn hearing screening programme completed, clear responses"},
		Practitioner: morgan(message.GeneralPractitioner, message.CommunityPaediatrics),
	}
	return g.of(n.New, nil, n.Delete)
}

// nipe is the examination of a girl who is eligible for BCG (page nipe_outcome_1).
func nipe(g *given) ([]byte, error) {
	const programme = "Newborn and Infant Physical Examination Screening Programme, "
	n := message.NIPE{
		Screening:    g.screening(message.Snomed{Code: "310061009", Display: "Children's service"}, message.CommunityPaediatrics),
		Hips:         message.Snomed{Code: "985891000000104", Display: programme + "hips, no abnormality detected"},
		Eyes:         message.Snomed{Code: "989071000000108", Display: programme + "eyes, no abnormality detected"},
		Heart:        message.Snomed{Code: "988511000000100", Display: programme + "heart, no abnormality detected"},
		BCG:          message.EligibleForBCG,
		Practitioner: *morgan(message.GeneralPractitioner, message.CommunityPaediatrics),
	}
	return g.of(n.New, nil, n.Delete)
}
