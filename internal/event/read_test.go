package event

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nems/internal/fhir"
)

// message is the smallest message that has every routing fact.
const message = `<Bundle xmlns="http://hl7.org/fhir"><type value="message"/><entry><fullUrl value="urn:uuid:1b9c5f1e-6f0c-4a53-8f0a-53d3a3a2a001"/><resource><MessageHeader>` +
	`<id value="1b9c5f1e-6f0c-4a53-8f0a-53d3a3a2a001"/><meta><versionId value="7"/><lastUpdated value="2026-01-02T03:04:05+00:00"/></meta>` +
	`<extension url="https://fhir.nhs.uk/STU3/StructureDefinition/Extension-RoutingDemographics-1">` +
	`<extension url="nhsNumber"><valueIdentifier><system value="https://fhir.nhs.uk/Id/nhs-number"/><value value="9990000026"/></valueIdentifier></extension>` +
	`<extension url="name"><valueHumanName><family value="EXAMPLE"/><given value="Una"/><given value="May"/></valueHumanName></extension>` +
	`<extension url="birthDateTime"><valueDateTime value="2019-05-06T07:08:09+01:00"/></extension></extension>` +
	`<extension url="https://fhir.nhs.uk/STU3/StructureDefinition/Extension-MessageEventType-1"><valueCodeableConcept><coding><code value="update"/></coding></valueCodeableConcept></extension>` +
	`<event><system value="https://fhir.nhs.uk/STU3/CodeSystem/EventType-1"/><code value="vaccinations-1"/></event><timestamp value="2026-01-02T03:04:05+00:00"/>` +
	`<source><endpoint value="urn:nhs:addressing:asid:300000000161"/></source><focus><reference value="urn:uuid:x"/></focus></MessageHeader></resource></entry>` +
	`<entry><fullUrl value="urn:uuid:p"/><resource><Patient><identifier><system value="http://fhir.nhs.net/Id/nhs-number"/><value value="9990000026"/></identifier>` +
	`<address><use value="old"/><postalCode value="AA1 1AA"/></address><address><postalCode value="BB2 2BB"/></address>` +
	`<generalPractitioner><reference value="urn:uuid:gp"/></generalPractitioner><generalPractitioner><reference value="https://directory.spineservices.nhs.uk/STU3/Organization/A83627"/></generalPractitioner></Patient></resource></entry>` +
	`<entry><fullUrl value="urn:uuid:gp"/><resource><Organization><identifier><system value="https://fhir.nhs.uk/Id/ods-organization-code"/><value value="B86056"/></identifier></Organization></resource></entry></Bundle>`

func parse(t *testing.T, xml string) *fhir.Document {
	t.Helper()
	doc, _, err := fhir.ParseXML([]byte(xml))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestReadGivesEveryFact(t *testing.T) {
	got, findings := Read(parse(t, message))
	if len(findings) > 0 {
		t.Fatalf("findings: %+v", findings)
	}
	want := Event{
		Code: "vaccinations-1", Kind: Update, MessageID: "1b9c5f1e-6f0c-4a53-8f0a-53d3a3a2a001",
		LastUpdated: "2026-01-02T03:04:05+00:00", VersionID: "7",
		Source: "urn:nhs:addressing:asid:300000000161", Focus: "urn:uuid:x",
		Routing: Routing{NHSNumber: "9990000026", Family: "EXAMPLE", Given: "Una", BirthDate: "2019-05-06T07:08:09+01:00"},
		Patients: []Patient{{
			NHSNumbers: []string{"9990000026"}, Addresses: []Address{{"old", "AA1 1AA"}, {"", "BB2 2BB"}},
			Practitioners: []string{"B86056", "A83627"},
		}},
		Mother: -1, Baby: -1,
	}
	if got.Patients[0].At.Name() != "Patient" {
		t.Errorf("At points at %q", got.Patients[0].At.Name())
	}
	got.Patients[0].At = fhir.Node{}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b fhir.Node) bool { return a == b })); d != "" {
		t.Error(d)
	}
	if day := got.Routing.BirthDay(); day != "2019-05-06" {
		t.Errorf("birth day %q", day)
	}
	if old := got.OldPostcodes(); len(old) != 1 || old[0] != "AA1 1AA" {
		t.Errorf("old postcodes %q", old)
	}
}

// A missing or broken fact is named by exactly one finding.
func TestReadNamesWhatIsMissing(t *testing.T) {
	for _, c := range []struct{ name, old, new, rule string }{
		{"bundle type", `<type value="message"/>`, `<type value="document"/>`, "message-bundle-type"},
		{"event", `<event><system value="https://fhir.nhs.uk/STU3/CodeSystem/EventType-1"/><code value="vaccinations-1"/></event>`, ``, "message-event"},
		{"event system", `CodeSystem/EventType-1`, `CodeSystem/EMS-EventType-1`, "message-event-system"},
		{"id", `<MessageHeader><id value="1b9c5f1e-6f0c-4a53-8f0a-53d3a3a2a001"/>`, `<MessageHeader>`, "message-id"},
		{"kind", `Extension-MessageEventType-1`, `Extension-EMS-MessageEventType-1`, "message-kind"},
		{"kind's code", `value="update"`, `value="changed"`, "message-kind"},
		{"number", `url="nhsNumber"`, `url="number"`, "message-routing-nhsNumber"},
		{"number's system", `https://fhir.nhs.uk/Id/nhs-number`, `https://fhir.nhs.uk/Id/other`, "message-routing-system"},
		{"header", `MessageHeader>`, `Basic>`, "message-header"},
		{"bundle", `Bundle`, `Parameters`, "message-bundle"},
	} {
		xml := strings.ReplaceAll(message, c.old, c.new)
		if xml == message {
			t.Fatalf("%s: nothing was replaced", c.name)
		}
		_, findings := Read(parse(t, xml))
		if len(findings) != 1 || findings[0].Rule != c.rule {
			t.Errorf("%s: want one finding of %s, got %+v", c.name, c.rule, findings)
			continue
		}
		if f := findings[0]; f.Location == "" || f.Line == 0 || strings.Contains(f.Text, "9990000026") {
			t.Errorf("%s: finding without a place, or with a patient's data: %+v", c.name, f)
		}
	}
}

// TestReadFollowsReferences: mother, baby and practice are found, however they
// are referenced.
func TestReadFollowsReferences(t *testing.T) {
	const base = "https://a.example/fhir/"
	birth := strings.NewReplacer("vaccinations-1", BirthNotification, `urn:uuid:p"`, base+`Patient/p"`, `"urn:uuid:gp"/></generalP`, `"Organization/gp"/></generalP`,
		`"urn:uuid:gp"`, `"`+base+`Organization/gp"`, `</Bundle>`,
		`<entry><fullUrl value="`+base+`Communication/c"/><resource><Communication><status value="completed"/><subject><reference value="Patient/p"/></subject></Communication></resource></entry>`+
			`<entry><fullUrl value="`+base+`RelatedPerson/r"/><resource><RelatedPerson><patient><reference value="`+base+`Patient/baby"/></patient></RelatedPerson></resource></entry>`+
			`<entry><fullUrl value="`+base+`Patient/baby"/><resource><Patient><contained><Organization><id value="o"/><identifier><system value="https://fhir.nhs.uk/Id/ods-organization-code"/><value value="A83627"/></identifier></Organization></contained>`+
			`<generalPractitioner><reference value="#o"/></generalPractitioner></Patient></resource></entry></Bundle>`).Replace(message)
	e, findings := Read(parse(t, birth))
	if len(findings) > 0 || e.Mother != 0 || e.Baby != 1 {
		t.Fatalf("mother %d, baby %d, findings %+v", e.Mother, e.Baby, findings)
	}
	if d := cmp.Diff([][]string{{"B86056", "A83627"}, {"A83627"}}, [][]string{e.Patients[0].Practitioners, e.Patients[1].Practitioners}); d != "" {
		t.Error(d)
	}
}

// TestReadNamesNobody: a subject that is missing or not a patient is neither
// mother nor baby.
func TestReadNamesNobody(t *testing.T) {
	for _, reference := range []string{"urn:uuid:gp", "urn:uuid:nobody", "Patient/p"} {
		birth := strings.NewReplacer("vaccinations-1", BirthNotification, `</Bundle>`,
			`<entry><fullUrl value="urn:uuid:c"/><resource><Communication><status value="completed"/><subject><reference value="`+reference+`"/></subject></Communication></resource></entry></Bundle>`).Replace(message)
		if e, _ := Read(parse(t, birth)); e.Mother != -1 || e.Baby != -1 {
			t.Errorf("%s: mother %d, baby %d", reference, e.Mother, e.Baby)
		}
	}
}

func TestReadOfficialExamples(t *testing.T) {
	files, _ := filepath.Glob("../../testdata/official/*.xml")
	if len(files) == 0 {
		t.Fatal("no official examples")
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, _, err := fhir.ParseXML(raw)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		e, findings := Read(doc)
		if len(findings) > 0 {
			t.Errorf("%s: %+v", filepath.Base(file), findings)
		}
		if e.Code == BirthNotification && (e.Mother < 0 || e.Baby < 0 || e.Mother == e.Baby) {
			t.Errorf("%s: mother %d, baby %d", filepath.Base(file), e.Mother, e.Baby)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	doc, _, err := fhir.ParseXML([]byte(message))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		Read(doc)
	}
}

func TestReadBoundsTheEntries(t *testing.T) {
	for n, refused := range map[int]bool{maxEntries: false, maxEntries + 1: true} {
		more := strings.Repeat(`<entry><resource><Basic/></resource></entry>`, n-strings.Count(message, "<entry>"))
		_, findings := Read(parse(t, strings.Replace(message, "</Bundle>", more+"</Bundle>", 1)))
		if got := len(findings) == 1 && findings[0].Rule == "message-entries"; got != refused {
			t.Errorf("%d entries: %+v", n, findings)
		}
	}
}
