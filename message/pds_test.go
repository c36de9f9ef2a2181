package message_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nems/internal/event"
	"nems/internal/fhir"
	"nems/message"
)

func TestChangeOfGP(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := message.ChangeOfGP{
			Header: headerGen().Draw(t, "header"), Patient: patientGen().Draw(t, "patient"),
			Practice: optional(t, organisationGen(), "practice"),
		}
		if g.Practice == nil || rapid.Bool().Draw(t, "previous?") {
			from, to := dateTimeGen().Draw(t, "from"), message.Date("")
			if rapid.Bool().Draw(t, "ended") {
				to = "9999-12-31"
			}
			g.Previous = &message.Registration{Practice: organisationGen().Draw(t, "previous"), Start: from, End: to}
		}
		written, err := g.XML()
		facts := strict(t, "pds-change-of-gp-1", event.New, written, err)
		sameFacts(t, facts, g.Header, g.Patient)
		practices := facts.Patients[0].Practitioners
		if g.Practice == nil && len(practices) > 0 || g.Practice != nil && (len(practices) != 1 || practices[0] != g.Practice.ODS) {
			t.Fatalf("the practices are %q; expected that of %+v", practices, g.Practice)
		}
		if has := bytes.Contains(written, []byte("<EpisodeOfCare>")); has != (g.Previous != nil) {
			t.Fatalf("an EpisodeOfCare: %t; a previous practice: %t", has, g.Previous != nil)
		}
	})
}

func TestChangeOfAddress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := message.ChangeOfAddress{
			Header: headerGen().Draw(t, "header"), Patient: patientGen().Draw(t, "patient"),
			Home: addressGen("").Draw(t, "home"), Old: addressGen("temp").Draw(t, "old"),
		}
		a.Old.Postcode = "WF14 0BQ"
		written, err := a.XML()
		facts := strict(t, "pds-change-of-address-1", event.New, written, err)
		sameFacts(t, facts, a.Header, a.Patient)
		if old := facts.OldPostcodes(); len(old) != 1 || old[0] != "WF14 0BQ" || len(facts.Patients[0].Addresses) != 2 {
			t.Fatalf("the addresses are %+v", facts.Patients[0].Addresses)
		}
	})
}

// The lines of PDS keep their order; blank ones are left out.
func TestAddressLines(t *testing.T) {
	a := message.ChangeOfAddress{
		Header: message.Header{Timestamp: time.Unix(0, 0)}, Patient: example(),
		Home: message.Address{Lines: []string{"", "2 New Street", " ", "", "LEEDS"}, Postcode: "LS1 4AP", Start: "2026-03-04"},
		Old:  message.Address{Lines: []string{"1 Old Street"}, Postcode: "WF14 0BQ", Start: "2020"},
	}
	written, err := a.XML()
	strict(t, "pds-change-of-address-1", event.New, written, err)
	if want := `<text value="2 New Street, LEEDS, LS1 4AP"/><line value="2 New Street"/><line value="LEEDS"/>`; !bytes.Contains(written, []byte(want)) {
		t.Errorf("the message does not hold %s", want)
	}
}

func TestDeath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := message.Death{
			Header: headerGen().Draw(t, "header"), Patient: patientGen().Draw(t, "patient"),
			Status:          rapid.SampledFrom([]message.DeathStatus{message.DeathInformal, message.DeathFormal, message.DeathRemoved}).Draw(t, "status"),
			SystemEffective: maybe(t, dateTimeGen(), "effective"),
		}
		if d.Status != message.DeathRemoved {
			d.Deceased = dateTimeGen().Draw(t, "deceased")
		}
		written, err := d.XML()
		sameFacts(t, strict(t, "pds-death-notification-1", event.New, written, err), d.Header, d.Patient)
		if has := bytes.Contains(written, []byte("<deceasedDateTime")); has != (d.Status != message.DeathRemoved) {
			t.Fatalf("status %s: a time of death: %t", d.Status, has)
		}
	})
}

func TestRecordChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := message.RecordChange{
			Header: headerGen().Draw(t, "header"), Patient: patientGen().Draw(t, "patient"),
			By: optional(t, organisationGen(), "by"), Recorded: maybe(t, rapid.Map(timeGen(), message.At), "recorded"),
		}
		r.ByCitizen = r.By == nil && rapid.Bool().Draw(t, "citizen")
		written, err := r.XML()
		sameFacts(t, strict(t, "pds-record-change-1", event.New, written, err), r.Header, r.Patient)
		if has := bytes.Contains(written, []byte("<Provenance>")); has != (r.ByCitizen || r.By != nil) {
			t.Fatalf("a Provenance: %t", has)
		}
	})
}

func TestBirth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := birthGen().Draw(t, "birth")
		written, err := b.XML()
		facts := strict(t, "pds-birth-notification-1", event.New, written, err)
		if facts.Mother < 0 || facts.Baby < 0 {
			t.Fatalf("mother %d, baby %d", facts.Mother, facts.Baby)
		}
		if baby := facts.Patients[facts.Baby]; baby.NHSNumbers[0] != b.Baby.NHSNumber || baby.VersionID() != b.Baby.VersionID {
			t.Fatalf("the baby is %+v", baby)
		}
		if facts.Routing.NHSNumber != b.Mother.NHSNumber || facts.Routing.BirthDate != string(b.Mother.BirthDate) {
			t.Fatalf("the routing demographics are %+v; expected those of %+v", facts.Routing, b.Mother)
		}
	})
}

func birthGen() *rapid.Generator[message.Birth] {
	return rapid.Custom(func(t *rapid.T) message.Birth {
		b := message.Birth{
			Header: headerGen().Draw(t, "header"), Mother: patientGen().Draw(t, "mother"), Baby: patientGen().Draw(t, "baby"),
			MotherPractice: optional(t, organisationGen(), "practice"), MotherSince: maybe(t, dateTimeGen(), "since"),
			Deceased: maybe(t, dateTimeGen(), "deceased"), NotifiedBy: nameGen("").Draw(t, "midwife"),
			BirthsInDelivery: 2, WeightGrams: 3410, GestationWeeks: 40, Stillbirth: message.LiveBirth, Abnormality: message.NoAbnormality,
			RegisteringAuthority: organisationGen().Draw(t, "authority"), RegisteringAuthorityType: message.NHSTrust,
			DeliveryPlace: optional(t, organisationGen(), "place"), PartnerChildHealth: optional(t, organisationGen(), "partner"),
			ResponsibleChildHealth: optional(t, organisationGen(), "child health"),
		}
		if rapid.Bool().Draw(t, "mother unknown") {
			b.Mother = message.Patient{
				NHSNumber: maybe(t, numberGen(), "her number"), Names: []message.HumanName{nameGen("").Draw(t, "her name")},
				BirthDate: maybe(t, dateGen(), "her birth"),
			}
		}
		b.Baby.BirthDate, b.Baby.BirthTime = "2026-03-04", "2026-03-04T05:06:07Z"
		b.Baby.Gender, b.Baby.Ethnicity, b.Baby.MultipleBirth = message.Male, message.EthnicityNotStated, 8
		b.Baby.Addresses = []message.Address{addressGen("home").Draw(t, "address")}
		if rapid.Bool().Draw(t, "died") {
			b.DeathStatus, b.DeathEffective = message.DeathInformal, "2026-03-05"
		}
		if rapid.Bool().Draw(t, "place known") {
			b.BirthPlace = &message.BirthPlace{City: "LEEDS", Country: "ENGLAND"}
		}
		return b
	})
}

var epoch = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// example is a patient of the development world.
func example() message.Patient {
	return message.Patient{
		NHSNumber: "9912003888", VersionID: "7", BirthDate: "2017-10-02", Gender: message.Male,
		Names: []message.HumanName{{Family: "DAWKINS", Given: []string{"Jack"}}},
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	_, err := message.ChangeOfGP{}.XML()
	failsNaming(t, err, "Header.Timestamp", "Patient.NHSNumber", "Patient.VersionID", "Patient.Names", "Patient.BirthDate", "Practice")
	_, err = message.ChangeOfAddress{}.XML()
	failsNaming(t, err, "Home.Lines", "Home.Postcode", "Home.Start", "Old.Lines")
	_, err = message.Death{Status: message.DeathRemoved, Deceased: "2026-03-04"}.XML()
	failsNaming(t, err, "Deceased")
	_, err = message.Death{Status: "3"}.XML()
	failsNaming(t, err, "Status", "Deceased")
	_, err = message.RecordChange{ByCitizen: true, By: &message.Organisation{ODS: "x26"}}.XML()
	failsNaming(t, err, "By", "By.ODS", "By.Name")
	_, err = message.Birth{}.XML()
	failsNaming(t, err, "Baby.Gender", "Baby.BirthTime", "Baby.MultipleBirth", "WeightGrams", "NotifiedBy.Family", "RegisteringAuthority.ODS")
}

// Errors go to logs, so they hold nothing of the patient.
func TestErrorsHoldNoPatient(t *testing.T) {
	p := example()
	p.NHSNumber, p.BirthDate = "9912003889", "02/10/2017"
	p.Names[0].Family = " DAWKINS"
	_, err := message.RecordChange{Header: message.Header{Timestamp: time.Unix(0, 0)}, Patient: p}.XML()
	failsNaming(t, err, "Patient.NHSNumber", "Patient.BirthDate", "Patient.Names[0].Family")
	for _, secret := range []string{"9912003889", "DAWKINS", "2017"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds %s: %v", secret, err)
		}
	}
}

// The same ids and values make the same bytes; without ids each message has its own.
func TestIDs(t *testing.T) {
	n := 0
	h := message.Header{Timestamp: time.Unix(0, 0), IDs: func() string { n++; return "00000000-0000-4000-8000-00000000000" + string(rune('0'+n)) }}
	first, err := message.RecordChange{Header: h, Patient: example()}.XML()
	n = 0
	again, _ := message.RecordChange{Header: h, Patient: example()}.XML()
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("the same ids and values made different messages, %v", err)
	}
	h.IDs = nil
	third, _ := message.RecordChange{Header: h, Patient: example()}.XML()
	fourth, _ := message.RecordChange{Header: h, Patient: example()}.XML()
	if bytes.Equal(third, fourth) {
		t.Error("two messages have the same ids")
	}
	if _, _, err := fhir.ParseXML(third); err != nil {
		t.Error(err)
	}
}
