package fhir_test

import (
	"fmt"
	"testing"
	"time"

	"nems/internal/catalogue"
	"nems/internal/catalogue/example"
	"nems/internal/fhir"
	"nems/message"
)

// Event messages that package message writes pass HL7's own Schematron.
func TestMessagesPassSchematron(t *testing.T) {
	messages := append(examples(t), full(t)...)
	for i, broken := range fhir.SchematronFailures(t, messages) {
		if len(broken) > 0 {
			t.Errorf("message %d breaks %q:\n%.2000s", i, broken, messages[i])
		}
	}
	if len(messages) < 25 {
		t.Errorf("only %d messages", len(messages))
	}
}

// examples are all kinds and choices.
func examples(t *testing.T) (out [][]byte) {
	t.Helper()
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	g := example.Generator{
		NewID: func() string { n++; return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) },
		Now:   func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) },
	}
	for _, choices := range []example.Choices{{}, {NotGiven: true, Left: true, Death: "U"}} {
		g.Choices = choices
		for _, e := range types.Types() {
			for _, kind := range e.Kinds {
				m, err := g.Message(e.Code, kind, example.Patient{})
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, m)
			}
		}
	}
	return out
}

// full are messages that hold what the examples leave out.
func full(t *testing.T) (out [][]byte) {
	t.Helper()
	one := message.Snomed{Code: "428671003", Display: "Phenylketonuria not suspected"}
	who := message.Practitioner{User: "UUID1", RoleProfile: "PT1", Name: message.HumanName{Family: "X", Given: []string{"Y"}, Prefix: []string{"Dr"}}}
	h := message.Header{
		Timestamp: time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC), Responsible: message.Organisation{ODS: "RR8", Name: "X"},
		Source: message.Source{Name: "X", ASID: "200000000115", Contact: message.Contact{System: message.Email, Value: "a@b.nhs.uk"}},
	}
	p := message.Patient{
		NHSNumber: "9912003888", VersionID: "7", BirthDate: "2017-10-02", BirthTime: "2017-10-02T04:05:06+01:00", Gender: message.Male,
		Names:     []message.HumanName{{Family: "DAWKINS", Given: []string{"Jack", "Tom"}, Suffix: []string{"II"}}, {Use: "old", Family: "DODGER"}},
		Telecoms:  []message.Contact{{System: message.Phone, Value: "0191 498 0000"}},
		Addresses: []message.Address{{Use: "home", Lines: []string{"1 Street"}, Postcode: "LS1 4AP", Start: "2020-01", End: "2020-02-01"}},
		Ethnicity: "A", MultipleBirth: 1,
	}
	from, org := message.FromRecord, &message.Organisation{ODS: "B85612", Name: "X"}
	screened := message.Screening{Header: h, Patient: p, Identifier: message.Identifier{System: "urn:oid:1.2.3", Value: "1"}, Date: "2026-03-04T05:06:07Z", Reason: &one}
	for _, write := range []func() ([]byte, error){
		message.ChangeOfGP{Header: h, Patient: p, Previous: &message.Registration{Practice: *org, Start: "2020", End: "2020-03-04T05:06:07Z"}}.XML,
		message.RecordChange{Header: h, Patient: p, By: org}.XML,
		message.Birth{
			Header: h, Mother: p, MotherPractice: org, MotherSince: "2020-01-01", Baby: p, BirthPlace: &message.BirthPlace{City: "LEEDS"},
			Deceased: "2026-03-04", DeathStatus: message.DeathFormal, DeathEffective: "2026-03-05", NotifiedBy: who.Name,
			BirthsInDelivery: 1, WeightGrams: 3410, GestationWeeks: 40, Stillbirth: message.LiveBirth, Abnormality: message.NoAbnormality,
			RegisteringAuthority: *org, RegisteringAuthorityType: message.NHSTrust, DeliveryPlace: org, PartnerChildHealth: org, ResponsibleChildHealth: org,
		}.XML,
		message.Vaccination{
			Header: h, Patient: p, Identifier: screened.Identifier, ProcedureText: "in words", Date: "2026", Reported: &from, Practitioner: &who,
			Outcome: message.Given{Vaccine: one, Batch: "1", Expiry: "2027-01", Site: &one, Route: &one, Dose: 2, Disease: &one},
		}.Update,
		message.NewbornHearing{Screening: screened, Summary: one, Practitioner: &who, Tests: []message.HearingTest{{Method: message.AOAE, Outcome: one, Date: "2026-03"}}}.New,
		message.NIPE{Screening: screened, Hips: one, Eyes: one, Heart: one, Testes: &one, BCG: message.NotEligibleForBCG, SixToEightWeeks: true, Practitioner: who}.New,
	} {
		m, err := write()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}
