package catalogue_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nems/internal/catalogue"
	"nems/internal/catalogue/example"
	"nems/internal/fhir"
)

// More names for the changes.
const (
	address = "pds-change-of-address-1"
	ukCore  = `https://fhir.hl7.org.uk/STU3/StructureDefinition/`
)

// unreleased are profiles that pages name but that have no file; types/README.md
// says why.
var unreleased = []string{"CareConnect-HealthcareService-1", "CareConnect-DiagnosticReport-1", "CareConnect-Communication-1"}

// TestProfilesAreThosePagesName: testdata/profiles.tsv has the profiles named in
// the pages' headings.
func TestProfilesAreThosePagesName(t *testing.T) {
	table, err := os.ReadFile("testdata/profiles.tsv")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string][]string{}
	for line := range strings.Lines(string(table)) {
		page, profile, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if !strings.HasPrefix(line, "#") && !slices.Contains(unreleased, profile) {
			named[page] = append(named[page], profile)
		}
	}
	var shared struct{ Profiles []string }
	readYAML(t, "requirements.yaml", &shared)
	for _, code := range example.Codes() {
		var own struct {
			Page     string
			Profiles []string
		}
		readYAML(t, "types/"+code+".yaml", &own)
		want := slices.Compact(slices.Sorted(slices.Values(slices.Concat(named[own.Page], named["explore_generic_event_requirements"]))))
		got := slices.Sorted(slices.Values(slices.Concat(own.Profiles, shared.Profiles)))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-page +ours):\n%s", code, diff)
		}
	}
}

// TestWhatProfilesRefuse: each message breaks a profile in one place, and the
// profile's rule reports it. Pages say nothing about these places.
func TestWhatProfilesRefuse(t *testing.T) {
	for _, c := range []struct {
		name, code string
		change     change
		rule       string
	}{
		{"verification status missing", contacts, change{`<extension url="[^"]*NHSNumberVerificationStatus-1">.*?</extension>`, ``}, "CareConnect-Patient-1/identifier(nhsNumber).extension(nhsNumberVerificationStatus)"},
		{"verification status twice", contacts, change{`<extension url="[^"]*NHSNumberVerificationStatus-1">.*?</extension>`, `$0$0`}, "CareConnect-Patient-1/identifier(nhsNumber).extension(nhsNumberVerificationStatus)"},
		{"baby's verification status missing", birth, change{`(<value value="9[0-9]*"/></identifier><name>.*)<extension url="[^"]*NHSNumberVerificationStatus-1">.*?</extension>`, `$1`}, "CareConnect-Patient-1/identifier(nhsNumber).extension(nhsNumberVerificationStatus)"},
		{"official name without family", death, change{`(<Patient>.*?<use value="official"/>)<family value="[^"]*"/>`, `$1`}, "CareConnect-Patient-1/name(official).family"},
		{"an animal", vaccinations, change{`(<multipleBirth|</Patient>)`, `<animal><species><text value="cat"/></species></animal>$1`}, "CareConnect-Patient-1/animal"},
		{"communication instead of the extension", vaccinations, change{`</Patient>`, `<communication><language><text value="Welsh"/></language></communication>$0`}, "CareConnect-Patient-1/communication"},
		{"telecom without system", contacts, change{`(<Patient>.*?)(<gender)`, `$1<telecom><value value="0191 498 0000"/></telecom>$2`}, "CareConnect-Patient-1/telecom.system"},
		{"marital status of another list", contacts, change{`</Patient>`, `<maritalStatus><coding><system value="http://hl7.org/fhir/v3/MaritalStatus"/><code value="C"/><display value="Common law"/></coding></maritalStatus>$0`}, "CareConnect-Patient-1/maritalStatus"},
		{"contact whose name has no use", contacts, change{`</Patient>`, `<contact><name><family value="DAWKINS"/></name></contact>$0`}, "CareConnect-Patient-1/contact.name.use"},
		{"contact of an organisation without family", contacts, change{`</Organization>`, `<contact><name><text value="Desk"/></name></contact>$0`}, "CareConnect-Organization-1/contact.name.family"},
		{"site code without value", contacts, change{`(<Organization>.*?</identifier>)`, `$1<identifier><system value="https://fhir.nhs.uk/Id/ods-site-code"/></identifier>`}, "CareConnect-Organization-1/identifier(odsSiteCode).value"},
		{"user id without value", vaccinations, change{`(<Practitioner>.*?</meta>)`, `$1<identifier><system value="https://fhir.nhs.uk/Id/sds-user-id"/></identifier>`}, "CareConnect-Practitioner-1/identifier(sdsUserID).value"},
		{"practitioner's communication", contacts, change{`</Practitioner>`, `<communication><text value="Welsh"/></communication>$0`}, "CareConnect-Practitioner-1/communication"},
		{"job role without display", vaccinations, change{`(<PractitionerRole>.*?)(<code>)`, `${1}<code><coding><system value="https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-SDSJobRoleName-1"/><code value="R0050"/></coding></code>$2`}, "CareConnect-PractitionerRole-1/code(SDSJobRoleName).coding.display"},
		{"job role that there is not", contacts, change{`<entry><fullUrl value="[^"]*"/><resource><CareTeam>`, `<entry><fullUrl value="urn:uuid:00000000-0000-4000-8000-000000000001"/><resource><PractitionerRole><id value="00000000-0000-4000-8000-000000000001"/><practitioner><reference value="$practitioner"/></practitioner><organization><reference value="$organisation"/></organization><code><coding><system value="https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-SDSJobRoleName-1"/><code value="R0"/><display value="x"/></coding></code></PractitionerRole></resource></entry>$0`}, "CareConnect-PractitionerRole-1/code(SDSJobRoleName)"},
		{"encounter's identifier without system", nipe, change{`(<Encounter>.*?<identifier>)<system value="[^"]*"/>`, `$1`}, "CareConnect-Encounter-1/identifier.system"},
		{"encounter type coded twice", vaccinations, change{`(<Encounter>.*?<type>)(<coding>.*?</coding>)`, `$1$2<coding><system value="http://snomed.info/sct"/><code value="73211009"/><display value="x"/></coding>`}, "CareConnect-Encounter-1/type.coding"},
		{"reason in SNOMED without display", nipe, change{`(<Encounter>.*?</period>)`, `$1<reason><coding><system value="http://snomed.info/sct"/><code value="73211009"/></coding></reason>`}, "CareConnect-Encounter-1/reason.coding(snomedCT).display"},
		{"protocol without dose", vaccinations, change{`<doseSequence value="1"/>`, ``}, "CareConnect-Immunization-1/vaccinationProtocol.doseSequence"},
		{"site in SNOMED without display", vaccinations, change{`<display value="Structure of left thigh"/>`, ``}, "CareConnect-Immunization-1/site.coding(snomedCT).display"},
		{"two SNOMED codes for a disease", vaccinations, change{`(<targetDisease>)(<coding>.*?</coding>)`, `$1$2$2`}, "CareConnect-Immunization-1/vaccinationProtocol.targetDisease.coding(snomedCT)"},
		{"given by an organisation", vaccinations, change{`(<practitioner><actor><reference value=")[^"]*`, `${1}$organisation`}, "CareConnect-Immunization-1/practitioner.actor"},
		{"dose with a comparator", vaccinations, change{`(</route>)`, `$1<doseQuantity><value value="1"/><comparator value="&lt;"/></doseQuantity>`}, "CareConnect-Immunization-1/doseQuantity.comparator"},
		{"two site codes of a place", vaccinations, change{`(<Location>.*?)(<identifier>.*?</identifier>)`, `$1$2$2`}, "CareConnect-Location-1/identifier(odsSiteCode)"},
		{"SNOMED category with a version", hearing, change{`(<Observation>.*?<status value="final"/>)`, `$1<category><coding><system value="http://snomed.info/sct"/><version value="1"/><code value="73211009"/><display value="x"/></coding></category>`}, "CareConnect-Observation-1/category.coding(snomedCT).version"},
		{"range with a comparator", birth, change{`</valueQuantity>(</Observation>)`, `</valueQuantity><referenceRange><low><value value="1"/><comparator value="&lt;"/></low></referenceRange>$1`}, "CareConnect-Observation-1/referenceRange.low.comparator"},
		{"body site in SNOMED without code", bloodSpot, change{`(<Procedure>.*?</performedDateTime>|<Procedure>.*?<performedDateTime value="[^"]*"/>)`, `$1<bodySite><coding><system value="http://snomed.info/sct"/><display value="x"/></coding></bodySite>`}, "CareConnect-Procedure-1/bodySite.coding(snomedCT).code"},
		{"event without display", bloodSpot, change{`(<event>.*?)<display value="[^"]*"/>`, `$1`}, "Event-MessageHeader-1/event.display"},
		{"two destinations", death, change{`</event>`, `$0<destination><endpoint value="urn:a"/></destination><destination><endpoint value="urn:b"/></destination>`}, "Event-MessageHeader-1/destination"},
		{"a response", gp, change{`(<responsible>.*?</responsible>)`, `$1<response><identifier value="1"/><code value="ok"/></response>`}, "Event-MessageHeader-1/response"},
		{"kind without display", address, change{`(MessageEventType-1"/><code value="new"/>)<display value="[^"]*"/>`, `$1`}, "Extension-MessageEventType-1/valueCodeableConcept.coding.display"},
		{"kind with a text", address, change{`(<display value="New event message"/></coding>)`, `$1<text value="new"/>`}, "Extension-MessageEventType-1/valueCodeableConcept.text"},
		{"verification status of the list that there is not", contacts, change{`<code value="01"/>`, `<code value="99"/>`}, "Extension-CareConnect-NHSNumberVerificationStatus-1/valueCodeableConcept"},
		{"verification status as a string", contacts, change{`(<extension url="[^"]*VerificationStatus-1">).*?</extension>`, `$1<valueString value="01"/></extension>`}, "Extension-CareConnect-NHSNumberVerificationStatus-1/valueCodeableConcept"},
		{"birth time as a date", contacts, change{`<birthDate value="2017-10-02"/>`, `<birthDate value="2017-10-02"><extension url="http://hl7.org/fhir/StructureDefinition/patient-birthTime"><valueDate value="2017-10-02"/></extension></birthDate>`}, "patient-birthTime/value[x]"},
		{"place of birth as a string", contacts, change{`(<Patient>.*?</meta>)`, `$1<extension url="http://hl7.org/fhir/StructureDefinition/birthPlace"><valueString value="EXAMPLETON"/></extension>`}, "birthPlace/value[x]"},
		{"language outside its list", contacts, change{`(<Patient>.*?</meta>)`, `$1<extension url="` + ukCore + `Extension-CareConnect-NHSCommunication-1"><extension url="language"><valueCodeableConcept><coding><system value="https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-HumanLanguage-1"/><code value="xx"/></coding></valueCodeableConcept></extension></extension>`}, "Extension-CareConnect-NHSCommunication-1/extension(language).valueCodeableConcept"},
		{"communication without language", contacts, change{`(<Patient>.*?</meta>)`, `$1<extension url="` + ukCore + `Extension-CareConnect-NHSCommunication-1"><extension url="preferred"><valueBoolean value="true"/></extension></extension>`}, "Extension-CareConnect-NHSCommunication-1/extension(language)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			message := changed(t, c.code, "new", c.change)
			expectRefusal(t, c.code, message, c.rule)
		})
	}
}

// expectRefusal expects that the message is refused at both levels, by the
// rule, and only for what the rule is about.
func expectRefusal(t *testing.T, code string, message []byte, rule string) {
	t.Helper()
	for _, level := range []catalogue.Level{catalogue.Standard, catalogue.Strict} {
		found := false
		for _, f := range judge(t, code, message, level) {
			beside := f.Rule == "snomed-code" // reports the same for every coding
			if f.Rule != rule && !beside && f.Severity == fhir.Error && level == catalogue.Standard {
				t.Errorf("at %s: %s at %s: %s", level, f.Rule, f.Expression, f.Text)
			}
			found = found || f.Rule == rule && f.Severity == fhir.Error
		}
		if !found {
			t.Errorf("at %s: %s says nothing", level, rule)
		}
	}
}

// TestPagesAreQuotedFirst: where a page and a profile say the same, there is
// one finding, and it quotes the page.
func TestPagesAreQuotedFirst(t *testing.T) {
	const place = `<extension url="http://hl7.org/fhir/StructureDefinition/birthPlace"><valueAddress><city value="A"/></valueAddress></extension>`
	for _, c := range []struct {
		name, code string
		change     change
		rule       string
	}{
		{"two official names", address, change{`<name><use value="official"/>.*?</name>`, `$0$0`}, "generic/Patient.name(official)"},
		{"two places of birth", birth, change{`(<Patient>.*)(<extension url="[^"]*EthnicCategory-1">)`, `$1` + place + place + `$2`}, "pds-birth-notification-1/Patient(Baby).extension(birthPlace)"},
		{"no number's value", contacts, change{`(</extension><system value="https://fhir.nhs.uk/Id/nhs-number"/>)<value value="[^"]*"/>`, `$1`}, "generic/Patient.identifier(nhsNumber).value"},
		{"no responsible", contacts, change{`<responsible>.*?</responsible>`, ``}, "generic/MessageHeader.responsible"},
		{"responsible without reference", contacts, change{`<responsible>.*?</responsible>`, `<responsible><display value="EXAMPLE SURGERY"/></responsible>`}, "generic/MessageHeader.responsible"},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := judge(t, c.code, changed(t, c.code, "new", c.change), catalogue.Standard)
			if len(found) != 1 || found[0].Rule != c.rule {
				t.Errorf("found %d: %+v; expected %s", len(found), found, c.rule)
			}
		})
	}
}

// TestWhatProfilesAllow: right values close to those that profiles refuse.
func TestWhatProfilesAllow(t *testing.T) {
	role := `<code><coding><system value="https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-SDSJobRoleName-1"/><code value="R0050"/><display value="Consultant"/></coding></code>`
	for _, c := range []struct {
		name, code string
		change     change
	}{
		{"no vaccination protocol", vaccinations, change{`<vaccinationProtocol>.*?</vaccinationProtocol>`, ``}},
		{"site coded in SNOMED and elsewhere", vaccinations, change{`(<site>)(<coding>.*?</coding>)`, `$1$2<coding><system value="https://example.nhs.uk/sites"/><code value="left"/></coding>`}},
		{"practitioner known elsewhere only", vaccinations, change{`(<actor>)<reference value="[^"]*"/>`, `$1<display value="Morgan Example"/>`}},
		{"another identifier of a practitioner", vaccinations, change{`(<Practitioner>.*?</identifier>)`, `$1<identifier><system value="https://fhir.hl7.org.uk/Id/gmc-number"/></identifier>`}},
		{"two role profiles of a practitioner", vaccinations, change{`(<Practitioner>.*?)(<identifier>.*?</identifier>)`, `$1$2<identifier><system value="https://fhir.nhs.uk/Id/sds-role-profile-id"/><value value="PT0002"/></identifier>`}},
		{"job role beside the profession", vaccinations, change{`(<PractitionerRole>.*?</code>)`, `$1` + role}},
		{"telecom with system and value", contacts, change{`(<Patient>.*?)(<gender)`, `$1<telecom><system value="phone"/><value value="0191 498 0000"/></telecom>$2`}},
		{"marital status of the list", contacts, change{`(<Patient>.*?</address>)`, `$1<maritalStatus><coding><system value="http://hl7.org/fhir/v3/NullFlavor"/><code value="UNK"/><display value="unknown"/></coding></maritalStatus>`}},
		{"contact with a name and its use", contacts, change{`(<Patient>.*?</address>)`, `$1<contact><name><use value="usual"/><family value="DAWKINS"/></name></contact>`}},
		{"one destination", death, change{`(</event>)`, `$1<destination><endpoint value="urn:a"/></destination>`}},
		{"ethnic category and place of birth", contacts, change{`(<Patient>.*?</meta>)`, `$1<extension url="` + ukCore + `Extension-CareConnect-EthnicCategory-1"><valueCodeableConcept><coding><system value="https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-EthnicCategory-1"/><code value="A"/></coding></valueCodeableConcept></extension><extension url="http://hl7.org/fhir/StructureDefinition/birthPlace"><valueAddress><city value="EXAMPLETON"/></valueAddress></extension>`}},
		{"communication as the extension", contacts, change{`(<Patient>.*?</meta>)`, `$1<extension url="` + ukCore + `Extension-CareConnect-NHSCommunication-1"><extension url="language"><valueCodeableConcept><coding><system value="https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-HumanLanguage-1"/><code value="cy"/></coding></valueCodeableConcept></extension></extension>`}},
		{"an extension of one's own", contacts, change{`(<Patient>.*?</meta>)`, `$1<extension url="https://example.nhs.uk/preferred"><valueString value="x"/></extension>`}},
		{"encounter type without SNOMED", vaccinations, change{`(<Encounter>.*?<type>)<coding>.*?</coding>`, `$1<text value="12 week immunisations"/>`}},
		{"place without a code", nipe, change{`(<Location>.*?)<identifier>.*?</identifier>`, `$1`}},
		{"range without a comparator", birth, change{`</valueQuantity>(</Observation>)`, `</valueQuantity><referenceRange><low><value value="1"/></low></referenceRange>$1`}},
		{"contained practitioner", bloodSpot, change{`(<Procedure>.*?</meta>)(.*?<performedDateTime value="[^"]*"/>)`, `$1<contained><Practitioner><id value="it"/><name><family value="Example"/></name></Practitioner></contained>$2<performer><actor><reference value="#it"/></actor></performer>`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, f := range judge(t, c.code, changed(t, c.code, "new", c.change), catalogue.Strict) {
				t.Errorf("%s at %s: %s", f.Rule, f.Expression, f.Text)
			}
		})
	}
}

// TestContainedResourcesObeyEveryRule: the rows of pages and the rules of
// profiles apply to resources wherever they are.
func TestContainedResourcesObeyEveryRule(t *testing.T) {
	contain := func(resource string) []byte {
		return changed(t, vaccinations, "new", change{`(<Encounter>.*?</meta>)`, `$1<contained>` + resource + `</contained>`},
			change{`(<serviceProvider><reference value=")[^"]*`, `${1}#it`})
	}
	const code = `<identifier><system value="https://fhir.nhs.uk/Id/ods-organization-code"/>%</identifier>`
	organisation := func(inside string) []byte {
		return contain(`<Organization><id value="it"/>` + inside + `</Organization>`)
	}
	if found := judge(t, vaccinations, organisation(strings.Replace(code, "%", `<value value="A83627"/>`, 1)+`<name value="EXAMPLE"/>`), catalogue.Strict); len(found) > 0 {
		t.Errorf("a contained organisation: %+v", found)
	}
	for _, c := range []struct{ inside, rule string }{
		{`<name value="EXAMPLE"/>`, "vaccinations-1/Organization.identifier(odsOrganizationCode)"},
		{strings.Replace(code, "%", "", 1) + `<name value="EXAMPLE"/>`, "vaccinations-1/Organization.identifier(odsOrganizationCode).value"},
		{strings.Replace(code, "%", `<value value="A83627"/>`, 1), "vaccinations-1/Organization.name"},
		{strings.Replace(code, "%", `<value value="A83627"/>`, 1) + `<name value="EXAMPLE"/><contact><name><text value="Desk"/></name></contact>`, "CareConnect-Organization-1/contact.name.family"},
	} {
		found := judge(t, vaccinations, organisation(c.inside), catalogue.Standard)
		if len(found) != 1 || found[0].Rule != c.rule || !strings.Contains(found[0].Expression, "contained[0]") {
			t.Errorf("%s: found %+v; expected %s", c.inside, found, c.rule)
		}
	}
}
