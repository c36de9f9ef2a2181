package message_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nems/internal/event"
	"nems/message"
)

// making makes a message of one kind.
type making struct {
	kind event.Kind
	make func() ([]byte, error)
}

func snomedGen() *rapid.Generator[message.Snomed] {
	return rapid.Custom(func(t *rapid.T) message.Snomed {
		return message.Snomed{Code: rapid.StringMatching(`[1-9][0-9]{5,17}`).Draw(t, "concept"), Display: textGen().Draw(t, "display")}
	})
}

func identifierGen() *rapid.Generator[message.Identifier] {
	return rapid.Custom(func(t *rapid.T) message.Identifier {
		return message.Identifier{
			System: rapid.SampledFrom([]string{"https://clinic.example/ids", "urn:oid:1.2.3", "urn:uuid:f81d4fae-7dec-41d0-a765-00a0c91e6bf6"}).Draw(t, "system"),
			Value:  textGen().Draw(t, "identifier"),
		}
	})
}

func practitionerGen() *rapid.Generator[message.Practitioner] {
	return rapid.Custom(func(t *rapid.T) message.Practitioner {
		p := message.Practitioner{
			RoleProfile: maybe(t, textGen(), "role profile"), User: maybe(t, textGen(), "user"), Name: nameGen("").Draw(t, "name"),
		}
		if rapid.Bool().Draw(t, "role") {
			p.Role = &message.Role{
				Profession: rapid.SampledFrom([]message.Profession{message.Midwife, message.Nurse, message.HealthVisitor, "XXX"}).Draw(t, "profession"),
				Specialty:  rapid.SampledFrom([]message.Specialty{message.CommunityPaediatrics, message.Paediatrics, message.Midwifery, "100"}).Draw(t, "specialty"),
			}
		}
		return p
	})
}

func serviceGen() *rapid.Generator[message.Service] {
	return rapid.Custom(func(t *rapid.T) message.Service {
		return message.Service{
			Identifier: maybe(t, identifierGen(), "identifier"), Type: snomedGen().Draw(t, "type"),
			Specialty: rapid.SampledFrom([]message.Specialty{message.CommunityPaediatrics, message.ClinicalHaematologyOfChildren}).Draw(t, "specialty"),
		}
	})
}

func placeGen() *rapid.Generator[message.Place] {
	return rapid.Custom(func(t *rapid.T) message.Place {
		return message.Place{Site: maybe(t, rapid.Just("RR801"), "site"), Name: textGen().Draw(t, "place")}
	})
}

// careHeaderGen draws headers of care providers, which have no defaults.
func careHeaderGen() *rapid.Generator[message.Header] {
	return rapid.Custom(func(t *rapid.T) message.Header {
		h := headerGen().Draw(t, "header")
		h.Source = message.Source{Name: textGen().Draw(t, "system"), Contact: contactGen().Draw(t, "contact"), ASID: "200000000115"}
		h.Responsible = organisationGen().Draw(t, "responsible")
		return h
	})
}

// everyKind checks the messages of all kinds of one event.
func everyKind(t *rapid.T, code string, h message.Header, p message.Patient, identifier message.Identifier, kinds ...making) {
	for _, k := range kinds {
		written, err := k.make()
		sameFacts(t, strict(t, code, k.kind, written, err), h, p)
		var escaped bytes.Buffer
		for _, r := range identifier.Value {
			switch r {
			case '<':
				escaped.WriteString("&lt;")
			case '>':
				escaped.WriteString("&gt;")
			case '&':
				escaped.WriteString("&amp;")
			case '"':
				escaped.WriteString("&quot;")
			default:
				escaped.WriteRune(r)
			}
		}
		if want := fmt.Sprintf(`<identifier><system value=%q/><value value="%s"/></identifier>`, identifier.System, escaped.String()); !bytes.Contains(written, []byte(want)) {
			t.Fatalf("%s: the message has not the identifier %s\n%s", k.kind, want, written)
		}
	}
}

func TestVaccination(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := message.Vaccination{
			Header: careHeaderGen().Draw(t, "header"), Patient: patientGen().Draw(t, "patient"), Identifier: identifierGen().Draw(t, "identifier"),
			Date: dateTimeGen().Draw(t, "date"), Outcome: outcomeGen().Draw(t, "outcome"),
			Reported: optional(t, rapid.SampledFrom([]message.ReportOrigin{message.FromProvider, message.FromRecord, message.FromRecall, message.FromSchool}), "reported"),
			Service:  optional(t, serviceGen(), "service"), Place: optional(t, placeGen(), "place"), Practitioner: optional(t, practitionerGen(), "practitioner"),
		}
		if rapid.Bool().Draw(t, "coded") {
			v.Procedure = snomedGen().Draw(t, "procedure")
		} else {
			v.ProcedureText = textGen().Draw(t, "procedure in words")
		}
		if rapid.Bool().Draw(t, "visit") {
			v.Encounter = &message.Encounter{Type: message.Encounter8Weeks, Start: maybe(t, dateTimeGen(), "start")}
		}
		everyKind(t, "vaccinations-1", v.Header, v.Patient, v.Identifier, making{event.New, v.New}, making{event.Update, v.Update}, making{event.Delete, v.Delete})
	})
}

func outcomeGen() *rapid.Generator[message.Outcome] {
	return rapid.Custom(func(t *rapid.T) message.Outcome {
		if rapid.Bool().Draw(t, "not given") {
			return message.NotGiven{Reason: snomedGen().Draw(t, "reason")}
		}
		g := message.Given{
			Vaccine: snomedGen().Draw(t, "vaccine"), Batch: maybe(t, textGen(), "batch"), Expiry: maybe(t, dateGen(), "expiry"),
			Site: optional(t, snomedGen(), "site"), Route: optional(t, snomedGen(), "route"),
		}
		if rapid.Bool().Draw(t, "protocol") {
			g.Dose, g.Disease = rapid.IntRange(1, 9).Draw(t, "dose"), &message.Snomed{Code: "14189004", Display: "Measles"}
		}
		if rapid.Bool().Draw(t, "pointer") {
			return &g
		}
		return g
	})
}

func TestProfessionalContact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := message.On(timeGen().Draw(t, "from")), message.On(timeGen().Draw(t, "to"))
		p := message.ProfessionalContact{
			Header: careHeaderGen().Draw(t, "header"), Patient: patientGen().Draw(t, "patient"), Identifier: identifierGen().Draw(t, "identifier"),
			Status: maybe(t, rapid.SampledFrom([]message.EpisodeStatus{message.EpisodePlanned, message.EpisodeWaitlist, message.EpisodeOnHold, message.EpisodeCancelled}), "status"),
			Type:   snomedGen().Draw(t, "type"), Start: min(from, to), End: maybe(t, rapid.Just(max(from, to)), "end"),
		}
		p.Responsible.Telecom = append(p.Responsible.Telecom, message.Contact{System: message.Phone, Value: "0191 498 0001"})
		if rapid.Bool().Draw(t, "team") {
			p.Team = &message.CareTeam{Name: textGen().Draw(t, "name")}
			for _, who := range rapid.SliceOfN(practitionerGen(), 0, 3).Draw(t, "members") {
				p.Team.Members = append(p.Team.Members, message.Member{Role: snomedGen().Draw(t, "role"), Practitioner: who})
			}
		}
		everyKind(t, "professional-contacts-1", p.Header, p.Patient, p.Identifier, making{event.New, p.New}, making{event.Update, p.Update}, making{event.Delete, p.Delete})
	})
}

func screeningGen() *rapid.Generator[message.Screening] {
	return rapid.Custom(func(t *rapid.T) message.Screening {
		return message.Screening{
			Header: careHeaderGen().Draw(t, "header"), Patient: patientGen().Draw(t, "patient"), Identifier: identifierGen().Draw(t, "identifier"),
			Date: dateTimeGen().Draw(t, "date"), Reason: optional(t, snomedGen(), "reason"), Service: optional(t, serviceGen(), "service"),
			Place: optional(t, placeGen(), "place"), Comment: maybe(t, textGen(), "comment"),
		}
	})
}

func TestBloodSpot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one := snomedGen()
		draw := func(name string) message.Snomed { return one.Draw(t, name) }
		b := message.BloodSpot{Screening: screeningGen().Draw(t, "screening"), Received: timeGen().Draw(t, "received"), Results: message.BloodSpotResults{
			Phenylketonuria: draw("PKU"), SickleCellDisease: draw("SCD"), CysticFibrosis: draw("CF"), CongenitalHypothyroidism: draw("CHT"),
			MCADD: draw("MCADD"), Homocystinuria: draw("HCU"), MapleSyrupUrineDisease: draw("MSUD"), GlutaricAciduria1: draw("GA1"), IsovalericAcidaemia: draw("IVA"),
			SevereCombinedImmunodeficiency: maybe(t, one, "SCID"), Tyrosinaemia1: maybe(t, one, "HT1"),
		}}
		everyKind(t, "blood-spot-test-outcome-1", b.Header, b.Patient, b.Identifier, making{event.New, b.New}, making{event.Delete, b.Delete})
	})
}

// A programme sends the complete set of nine results, unless it says otherwise.
func TestBloodSpotIsComplete(t *testing.T) {
	b := message.BloodSpot{Results: message.BloodSpotResults{Phenylketonuria: message.PhenylketonuriaNotSuspected}}
	_, err := b.New()
	failsNaming(t, err, "Results.CysticFibrosis.Code", "Results.IsovalericAcidaemia.Code", "Received", "Identifier.System", "Date")
	b.Partial = true
	var wrong *message.FieldsError
	if _, err = b.New(); !asFields(err, &wrong) || slices.ContainsFunc(wrong.Fields, func(f message.FieldError) bool { return f.Field == "Results.CysticFibrosis.Code" }) {
		t.Errorf("a partial set: %v", err)
	}
}

func TestNewbornHearing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := message.NewbornHearing{
			Screening: screeningGen().Draw(t, "screening"), Summary: snomedGen().Draw(t, "summary"),
			SummaryDate: maybe(t, dateTimeGen(), "when"), Practitioner: optional(t, practitionerGen(), "screener"),
		}
		for _, m := range []struct {
			method message.HearingMethod
			most   int
		}{{message.AABR, 2}, {message.AOAE, 4}} {
			for range rapid.IntRange(0, m.most).Draw(t, "tests") {
				n.Tests = append(n.Tests, message.HearingTest{Method: m.method, Outcome: snomedGen().Draw(t, "outcome"), Date: maybe(t, dateTimeGen(), "tested")})
			}
		}
		everyKind(t, "newborn-hearing-1", n.Header, n.Patient, n.Identifier, making{event.New, n.New}, making{event.Delete, n.Delete})
	})
}

func TestNIPE(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := message.NIPE{
			Screening: screeningGen().Draw(t, "screening"), Hips: snomedGen().Draw(t, "hips"), Eyes: snomedGen().Draw(t, "eyes"), Heart: snomedGen().Draw(t, "heart"),
			Testes: optional(t, snomedGen(), "testes"), Practitioner: practitionerGen().Draw(t, "who"), SixToEightWeeks: rapid.Bool().Draw(t, "second"),
			BCG: rapid.SampledFrom([]message.BCGEligibility{"", message.EligibleForBCG, message.NotEligibleForBCG}).Draw(t, "BCG"),
		}
		everyKind(t, "nipe-outcome-1", n.Header, n.Patient, n.Identifier, making{event.New, n.New}, making{event.Delete, n.Delete})
	})
}

func TestWhatAProviderLeavesOutIsNamed(t *testing.T) {
	_, err := message.Vaccination{Header: message.Header{Timestamp: time.Unix(0, 0)}, Patient: example()}.New()
	failsNaming(t, err, "Header.Source.Name", "Header.Responsible.ODS", "Identifier.Value", "Procedure.Code", "Outcome", "Date")
	_, err = message.Vaccination{Outcome: message.Given{Dose: 1}}.Update()
	failsNaming(t, err, "Outcome.Vaccine.Code", "Outcome.Disease")
	_, err = message.ProfessionalContact{Status: "gone"}.Delete()
	failsNaming(t, err, "Status", "Type.Code", "Header.Responsible.Telecom")
	_, err = message.NewbornHearing{Tests: []message.HearingTest{{}}}.New()
	failsNaming(t, err, "Tests[0].Method", "Summary.Code")
	_, err = message.NIPE{}.New()
	failsNaming(t, err, "Hips.Code", "Practitioner.Name.Family")
	_, err = message.NIPE{}.Delete()
	failsNaming(t, err, "Patient.NHSNumber", "Identifier.Value")
}
