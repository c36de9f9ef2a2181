package catalogue_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"nems/internal/catalogue"
	"nems/internal/catalogue/example"
	"nems/internal/fhir"
)

func judge(t *testing.T, code string, message []byte, level catalogue.Level) []fhir.Finding {
	t.Helper()
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	eventType, ok := types.Type(code)
	if !ok {
		t.Fatalf("no event type %s", code)
	}
	doc, _, err := fhir.ParseXML(message)
	if err != nil {
		t.Fatal(err)
	}
	return eventType.Judge(doc, level).Findings
}

// TestOneChangeBreaksTheRule makes one change to a message that passes strict.
func TestOneChangeBreaksTheRule(t *testing.T) {
	const sent = "<notGiven value=\"false\"/>"
	for _, c := range []struct {
		name, code, kind, from, to string
		rule, issue                string
		standard                   fhir.Severity
	}{
		{"kind the page does not allow", "pds-change-of-gp-1", "new", `<code value="new"/>`, `<code value="delete"/>`,
			"generic/MessageHeader.extension(messageEventType).valueCodeableConcept.coding.code", "value", fhir.Error},
		{"no event code", "vaccinations-1", "new", `<code value="vaccinations-1"/>`, ``, "vaccinations-1/MessageHeader.event.code", "required", fhir.Error},
		{"no lastUpdated", "professional-contacts-1", "new", "<lastUpdated", "<x", "professional-contacts-1/MessageHeader.meta.lastUpdated", "required", fhir.Error},
		{"no source name", "vaccinations-1", "new", `<name value="Example clinical system"/>`, ``, "generic/MessageHeader.source.name", "required", fhir.Warning},
		{"contact by fax", "vaccinations-1", "new", `<system value="phone"/>`, `<system value="fax"/>`, "generic/MessageHeader.source.contact.system", "value", fhir.Error},
		{"two identifiers", "vaccinations-1", "new", `<status value="completed"/><notGiven`, `<identifier><value value="2"/></identifier><status value="completed"/><notGiven`,
			"vaccinations-1/Immunization.identifier", "structure", fhir.Error},
		{"not given without reason", "vaccinations-1", "new", sent, `<notGiven value="true"/>`, "vaccinations-1/Immunization.explanation.reasonNotGiven(true)", "required", fhir.Error},
		{"profession unknown", "vaccinations-1", "new", `<code value="160"/>`, `<code value="161"/>`, "vaccinations-1/PractitionerRole.code(careProfessionalType)", "code-invalid", fhir.Error},
		{"no telecom", "professional-contacts-1", "new", `<telecom><system value="phone"/><value value="0191 498 0001"/></telecom>`, ``,
			"professional-contacts-1/Organization(managingOrganization).telecom", "required", fhir.Error},
		{"test unknown", "blood-spot-test-outcome-1", "new", `<code value="314081000"/>`, `<code value="314081001"/>`, "blood-spot-test-outcome-1/Procedure.code.coding.code", "value", fhir.Error},
		{"outcome without SNOMED", "blood-spot-test-outcome-1", "new", `<outcome><coding><system value="http://snomed.info/sct"/>`, `<outcome><coding><system value="https://x.example"/>`,
			"blood-spot-test-outcome-1/Procedure(phenylketonuria).outcome.coding(snomedCT)", "required", fhir.Warning},
		{"display of a test", "nipe-outcome-1", "new", "hip examination\"/></coding></code>", "hips\"/></coding></code>", "nipe-outcome-1/Procedure(hips).code.coding.display", "value", fhir.Error},
		{"too few examinations", "nipe-outcome-1", "new", "<Procedure>", "<Basic>", "nipe-outcome-1/Procedure", "required", fhir.Error},
		{"no old address", "pds-change-of-address-1", "new", `<use value="old"/>`, `<use value="temp"/>`, "pds-change-of-address-1/Patient.address(old)", "required", fhir.Error},
		{"formal death without time", "pds-death-notification-1", "new", "<deceasedDateTime", "<deceasedBoolean", "pds-death-notification-1/Patient.deceasedDateTime(1,2)", "required", fhir.Error},
		{"removed death with time", "pds-death-notification-1", "new", `<code value="2"/>`, `<code value="U"/>`, "pds-death-notification-1/Patient.deceasedDateTime(U)", "structure", fhir.Error},
		{"baby without birth time", "pds-birth-notification-1", "new", "patient-birthTime", "patient-birthHour", "pds-birth-notification-1/Patient(Baby).birthDate.extension(patient-birthTime)", "required", fhir.Error},
		{"relation is a father", "pds-birth-notification-1", "new", `<code value="NMTH"/>`, `<code value="NFTH"/>`, "pds-birth-notification-1/RelatedPerson.relationship.coding.code", "value", fhir.Warning},
		{"target is an organisation", "pds-record-change-1", "new", "<target>", "<agentTarget>", "pds-record-change-1/Provenance.target", "required", fhir.Error},
		{"repeated fullUrl", "vaccinations-1", "new", "</entry>", `</entry>$first`, "bdl-7", "invariant", fhir.Error},
		{"check digit", "vaccinations-1", "new", `<value value="9912003888"/>`, `<value value="9912003889"/>`, "nhs-number-check", "value", fhir.Error},
		{"number with blanks", "vaccinations-1", "new", `<value value="9912003888"/>`, `<value value="991 200 3888"/>`, "nhs-number-check", "value", fhir.Error},
		{"two death statuses", "pds-death-notification-1", "new", `</extension></extension><identifier>`, `</extension></extension><extension url="https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-DeathNotificationStatus-1"><extension url="systemEffectiveDate"><valueDateTime value="2026-01-01"/></extension></extension><identifier>`,
			"pds-death-notification-1/Patient.extension(deathNotification)", "structure", fhir.Error},
		{"two encounter types in one", "blood-spot-test-outcome-1", "new", `<type><coding>`, `<type><coding><system value="https://fhir.nhs.uk/STU3/CodeSystem/DCH-ChildHealthEncounterType-1"/><code value="008"/></coding><coding>`,
			"blood-spot-test-outcome-1/Encounter.type(childHealthEncounterType).coding(childHealthEncounterType)", "structure", fhir.Error},
		{"another patient", "vaccinations-1", "new", `<value value="9912003888"/>`, `<value value="9434765919"/>`, "patient-routing", "business-rule", fhir.Error},
	} {
		t.Run(c.name, func(t *testing.T) {
			base, err := example.Message(c.code, c.kind, example.Patient{})
			if err != nil {
				t.Fatal(err)
			}
			to := strings.ReplaceAll(c.to, "$first", firstEntry(string(base)))
			changed := strings.Replace(string(base), c.from, to, 1)
			if changed == string(base) {
				t.Fatalf("%q is not in the message", c.from)
			}
			expectFinding(t, c.code, []byte(balanced(changed)), c.rule, c.issue, c.standard)
		})
	}
}

// firstEntry returns the whole first entry.
func firstEntry(message string) string {
	start, end := strings.Index(message, "<entry>"), strings.Index(message, "</entry>")
	return message[start : end+len("</entry>")]
}

// balanced adapts the end tags of elements that a change has renamed.
func balanced(message string) string {
	for renamed, was := range map[string]string{"<Basic>": "</Procedure>", "<agentTarget>": "</target>"} {
		if at := strings.Index(message, renamed); at >= 0 {
			end := at + strings.Index(message[at:], was)
			message = message[:end] + "</" + renamed[1:] + message[end+len(was):]
		}
	}
	return message
}

func expectFinding(t *testing.T, code string, message []byte, rule, issue string, standard fhir.Severity) {
	t.Helper()
	for level, severity := range map[catalogue.Level]fhir.Severity{catalogue.Standard: standard, catalogue.Strict: fhir.Error} {
		found := false
		var rules []string
		_, invariants, err := fhir.ParseXML(message) // a finding of ParseXML is not repeated by Judge
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range slices.Concat(invariants, judge(t, code, message, level)) {
			rules = append(rules, f.Rule)
			found = found || f.Rule == rule && f.Code == issue && f.Severity == severity && f.Expression != "" && f.Line > 0
		}
		if !found {
			t.Errorf("at %s: found %q; expected %s %s with severity %s", level, rules, rule, issue, severity)
		}
	}
}

// TestPathsAreThoseOfTheDocument: the short cut for the paths of resources
// agrees with package fhir.
func TestPathsAreThoseOfTheDocument(t *testing.T) {
	base, err := example.Message("vaccinations-1", "new", example.Patient{})
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(base), "<birthDate", "<x", 1)
	for _, f := range judge(t, "vaccinations-1", []byte(changed), catalogue.Standard) {
		doc, _, _ := fhir.ParseXML([]byte(changed))
		for entry := range doc.Root().ChildrenNamed("entry") {
			n := entry.Child("resource").Resource()
			if n.Name() != "Patient" {
				continue
			}
			line, column := n.Position()
			if f.Expression != n.Expression() || f.Location != n.Location() || f.Line != line || f.Column != column {
				t.Errorf("%s at %s %s %d:%d; expected %s %s %d:%d", f.Rule, f.Expression, f.Location, f.Line, f.Column,
					n.Expression(), n.Location(), line, column)
			}
			return
		}
	}
	t.Error("no finding about a Patient without birthDate")
}

// TestReferences: where each form of reference leads.
func TestReferences(t *testing.T) {
	base, err := example.Message("vaccinations-1", "new", example.Patient{})
	if err != nil {
		t.Fatal(err)
	}
	patient := between(string(base), "<patient><reference value=\"", "\"")
	surgery := between(string(base), "<responsible><reference value=\"", "\"")
	for _, c := range []struct{ name, from, to, rule, issue string }{
		{"nowhere", "<patient><reference value=\"" + patient, "<patient><reference value=\"urn:uuid:00000000-0000-4000-8000-00000000dead", "reference-not-found", "not-found"},
		{"type against STU3", "<encounter><reference value=\"", "<encounter><reference value=\"" + surgery + "\"/></encounter><encounter><reference value=\"", "reference-type", "invalid"},
		{"focus of the wrong type", "<focus><reference value=\"", "<focus><reference value=\"" + patient + "\"/></focus><focus><reference value=\"", "vaccinations-1/MessageHeader.focus", "invalid"},
		{"no reference at all", "<responsible><reference value=\"" + surgery + "\"/>", "<responsible><display value=\"SURGERY\"/>", "generic/MessageHeader.responsible", "invalid"},
		{"contained nowhere", "<patient><reference value=\"" + patient, "<patient><reference value=\"#p", "ref-1", "invariant"},
		{"relative", "<responsible><reference value=\"" + surgery, "<responsible><reference value=\"Organization/1", "reference-not-found", "not-found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := strings.Replace(string(base), c.from, c.to, 1)
			expectFinding(t, "vaccinations-1", []byte(changed), c.rule, c.issue, fhir.Error)
		})
	}
	directory := strings.Replace(string(base), "<responsible><reference value=\""+surgery, "<responsible><reference value=\"https://directory.spineservices.nhs.uk/STU3/Organization/A83627", 1)
	expectFinding(t, "vaccinations-1", []byte(directory), "reference-bundled", "invalid", fhir.Warning)
	bare := strings.Replace(string(base), "<fullUrl value=\"urn:uuid:", "<fullUrl value=\"", 1)
	expectFinding(t, "vaccinations-1", []byte(bare), "reference-fullUrl", "value", fhir.Warning)
}

func between(s, open, end string) string {
	s = s[strings.Index(s, open)+len(open):]
	return s[:strings.Index(s, end)]
}

// TestTextsNameNoPatient: whatever is wrong, no finding contains a value of the
// message.
func TestTextsNameNoPatient(t *testing.T) {
	base, err := example.Message("pds-birth-notification-1", "new", example.Patient{NHSNumber: "9434765919", Family: "ZZYZX", Given: "QUUX", BirthDate: "1985-05-14"})
	if err != nil {
		t.Fatal(err)
	}
	base = bytes.ReplaceAll(base, []byte("9434765919"), []byte("9434765918")) // a wrong check digit
	checked := 0
	for _, message := range mutate(t, base) {
		for _, f := range judge(t, "pds-birth-notification-1", message, catalogue.Strict) {
			checked++
			for _, secret := range []string{"9434765918", "ZZYZX", "QUUX", "1985-05-14", "9990000212", "dead"} {
				if strings.Contains(f.Text+f.Expression+f.Location+f.Rule, secret) {
					t.Fatalf("%s shows the value %q", f.Rule, secret)
				}
			}
		}
	}
	if checked < 500 {
		t.Errorf("only %d findings were looked at", checked)
	}
}

// TestFindingsAreCapped: a message that is full of mistakes gets an answer of
// bounded size, in time that grows with the message only.
func TestFindingsAreCapped(t *testing.T) {
	var b strings.Builder
	b.WriteString(`<Bundle xmlns="http://hl7.org/fhir"><type value="message"/>`)
	for range 10_000 {
		b.WriteString(`<entry><fullUrl value="urn:uuid:a"/><resource><Patient><link><other><reference value="urn:uuid:b"/></other></link></Patient></resource></entry>`)
	}
	b.WriteString(`</Bundle>`)
	found := judge(t, "pds-birth-notification-1", []byte(b.String()), catalogue.Strict)
	if len(found) != 201 || found[200].Severity != fhir.Information {
		t.Errorf("%d findings; expected 200 and one that says how many more", len(found))
	}
}

// FuzzJudge: every event type gives an answer on any well-formed document.
func FuzzJudge(f *testing.F) {
	for _, code := range example.Codes() {
		message, err := example.Message(code, "new", example.Patient{})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
	}
	f.Add([]byte(`<Bundle xmlns="http://hl7.org/fhir"/>`))
	f.Add([]byte(`<Patient xmlns="http://hl7.org/fhir"><extension url=""/></Patient>`))
	types, err := catalogue.Embedded()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		doc, _, err := fhir.ParseXML(src)
		if err != nil {
			return
		}
		for _, eventType := range types.Types() {
			strict := len(eventType.Judge(doc, catalogue.Strict).Errors())
			if standard := len(eventType.Judge(doc, catalogue.Standard).Errors()); standard > strict {
				t.Errorf("%s: %d errors at standard, %d at strict", eventType.Code, standard, strict)
			}
		}
	})
}
