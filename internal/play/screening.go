package play

import (
	"time"

	"nems/internal/nhs"
	"nems/internal/scenario"
	"nems/message"
)

// Outcomes of the screening programmes' value sets are used where public sources show
// their codes. For the others stand general concepts of SNOMED CT.
var (
	negative = message.Snomed{Code: "260385009", Display: "Negative"}
	suspect  = message.Snomed{Code: "415684004", Display: "Suspected"}
	normal   = message.Snomed{Code: "17621005", Display: "Normal"}
	abnormal = message.Snomed{Code: "263654008", Display: "Abnormal"}
)

// screening is what the three programmes share.
func (w *providerWriter) screening(r scenario.Record, date message.Date, service message.Snomed, specialty message.Specialty, found string) message.Screening {
	s := message.Screening{
		Header: w.header(r.Provider), Patient: w.patient(), Identifier: w.identifier(r), Date: date,
		Service: &message.Service{Type: service, Specialty: specialty},
	}
	if found != "" {
		s.Comment = "Something did not look as it should: " + found + "."
	}
	return s
}

// seen is when a child was seen, by clocks in the United Kingdom.
func seen(t time.Time) message.Date {
	return message.Date(t.In(nhs.UnitedKingdom()).Format("2006-01-02T15:04:05-07:00"))
}

func (w *providerWriter) bloodSpot(d scenario.BloodSpot) ([]byte, error) {
	b := message.BloodSpot{
		Screening: w.screening(d.Record, message.Date(d.Issued), message.Snomed{Code: "708196005", Display: "Haematology service"},
			message.ClinicalHaematologyOfChildren, d.Suspected),
		Received: w.h.At,
		Results: message.BloodSpotResults{
			Phenylketonuria: message.PhenylketonuriaNotSuspected, CysticFibrosis: message.CysticFibrosisNotSuspected,
			SickleCellDisease: negative, CongenitalHypothyroidism: negative, MCADD: negative, Homocystinuria: negative,
			MapleSyrupUrineDisease: negative, GlutaricAciduria1: negative, IsovalericAcidaemia: negative,
		},
	}
	if result := map[string]*message.Snomed{
		"PKU": &b.Results.Phenylketonuria, "SCD": &b.Results.SickleCellDisease, "CF": &b.Results.CysticFibrosis,
		"CHT": &b.Results.CongenitalHypothyroidism, "MCADD": &b.Results.MCADD, "HCU": &b.Results.Homocystinuria,
		"MSUD": &b.Results.MapleSyrupUrineDisease, "GA1": &b.Results.GlutaricAciduria1, "IVA": &b.Results.IsovalericAcidaemia,
	}[d.Suspected]; result != nil {
		*result = suspect
	}
	return of(d.Record, b.New, nil, b.Delete)
}

func (w *providerWriter) hearing(d scenario.NewbornHearing) ([]byte, error) {
	found := ""
	if d.Refer != "" {
		found = "no clear response of the ear (" + d.Refer + ")"
	}
	n := message.NewbornHearing{
		Screening: w.screening(d.Record, seen(d.Time), message.Snomed{Code: "310008001", Display: "Audiological screening service"},
			message.AudiologicalMedicineOfChildren, found),
		Summary: message.HearingAllClear, Practitioner: nurse(message.Nurse),
	}
	right, left := message.AABRRightClear, message.AABRLeftClear
	if d.Refer == "right" || d.Refer == "both" {
		right, n.Summary = abnormal, abnormal
	}
	if d.Refer == "left" || d.Refer == "both" {
		left, n.Summary = abnormal, abnormal
	}
	n.Tests = []message.HearingTest{{Method: message.AABR, Outcome: right}, {Method: message.AABR, Outcome: left}}
	return of(d.Record, n.New, nil, n.Delete)
}

func (w *providerWriter) nipe(d scenario.NIPE) ([]byte, error) {
	n := message.NIPE{
		Screening: w.screening(d.Record, seen(d.Time), message.Snomed{Code: "310061009", Display: "Children's service"},
			message.CommunityPaediatrics, d.Suspected),
		Hips: normal, Eyes: message.EyesNormal, Heart: message.HeartNormal,
		BCG: message.NotEligibleForBCG, SixToEightWeeks: d.Infant, Practitioner: *nurse(message.Midwife),
	}
	if w.h.Patient.Gender != "female" {
		testes := message.TestesNormal
		n.Testes = &testes
	}
	if part := map[string]*message.Snomed{"hips": &n.Hips, "eyes": &n.Eyes, "heart": &n.Heart, "testes": n.Testes}[d.Suspected]; part != nil {
		*part = abnormal
	}
	return of(d.Record, n.New, nil, n.Delete)
}
