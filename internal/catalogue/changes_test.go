package catalogue_test

import (
	"regexp"
	"strings"
	"testing"

	"nems/internal/catalogue"
	"nems/internal/catalogue/example"
	"nems/internal/fhir"
)

// change is one edit of an example message: it replaces the first match of a
// regular expression. A name such as $patient stands for the reference to that
// resource.
type change struct{ match, to string }

// references says where the resources are found that changes name. Each is a
// group of a regular expression.
var references = map[string]*regexp.Regexp{
	"$mother":       regexp.MustCompile(`<fullUrl value="([^"]*)"/><resource><Patient>`),
	"$patient":      regexp.MustCompile(`<fullUrl value="([^"]*)"/><resource><Patient>`),
	"$baby":         regexp.MustCompile(`<RelatedPerson>.*?<patient><reference value="([^"]*)"`),
	"$organisation": regexp.MustCompile(`<fullUrl value="([^"]*)"/><resource><Organization>`),
	"$practitioner": regexp.MustCompile(`<fullUrl value="([^"]*)"/><resource><Practitioner>`),
	"$practice":     regexp.MustCompile(`<generalPractitioner><reference value="([^"]*)"`),
}

// changed makes an example message and applies changes to it.
func changed(t *testing.T, code, kind string, changes ...change) []byte {
	t.Helper()
	base, err := example.Message(code, kind, example.Patient{})
	if err != nil {
		t.Fatal(err)
	}
	message := string(base)
	for _, c := range changes {
		to := c.to
		for name, where := range references {
			if found := where.FindStringSubmatch(message); found != nil {
				to = strings.ReplaceAll(to, name, found[1])
			}
		}
		what := regexp.MustCompile(c.match)
		match := what.FindStringSubmatchIndex(message)
		if match == nil {
			t.Fatalf("%q is not in the message", c.match)
		}
		message = message[:match[0]] + string(what.ExpandString(nil, to, message, match)) + message[match[1]:]
	}
	return []byte(message)
}

const (
	vaccinations = "vaccinations-1"
	contacts     = "professional-contacts-1"
	bloodSpot    = "blood-spot-test-outcome-1"
	hearing      = "newborn-hearing-1"
	nipe         = "nipe-outcome-1"
	birth        = "pds-birth-notification-1"
	gp           = "pds-change-of-gp-1"
	death        = "pds-death-notification-1"
)

// TestWrongValuesAreRefused: one change for each row, sentence and figure. The
// example itself, and TestRightValuesPass, have the right values.
func TestWrongValuesAreRefused(t *testing.T) {
	subject := func(code string) string { return `(value="` + code + `".*?<subject><reference value=")[^"]*` }
	for _, c := range []struct {
		name, code, kind string
		change           change
		rule, issue      string
	}{
		// The generic page.
		{"new and delete together", vaccinations, "new", change{`(<coding><system value="[^"]*MessageEventType-1"/>.*?</coding>)`, `$1<coding><code value="delete"/></coding>`},
			"generic/MessageHeader.extension(messageEventType).valueCodeableConcept.coding", "structure"},
		{"two message event types", vaccinations, "new", change{`<extension url="[^"]*MessageEventType-1">.*?</extension>`, `$0$0`}, "vaccinations-1/MessageHeader.extension(messageEventType)", "structure"},
		{"routing name without family", vaccinations, "new", change{`<family value="DAWKINS"/>`, ``}, "generic/MessageHeader.extension(routingDemographics).extension(name).valueHumanName.family", "required"},
		{"routing name without given", contacts, "new", change{`<given value="Jack"/>`, ``}, "generic/MessageHeader.extension(routingDemographics).extension(name).valueHumanName.given", "required"},
		{"routing number without system", vaccinations, "new", change{`<system value="https://fhir.nhs.uk/Id/nhs-number"/>`, ``}, "generic/MessageHeader.extension(routingDemographics).extension(nhsNumber).valueIdentifier.system", "required"},
		{"routing number of another system", vaccinations, "new", change{`"https://fhir.nhs.uk/Id/nhs-number"`, `"https://fhir.nhs.uk/Id/nhs-no"`}, "generic/MessageHeader.extension(routingDemographics).extension(nhsNumber).valueIdentifier.system", "value"},
		{"telephone is an e-mail address", vaccinations, "new", change{`0191 498 0000`, `desk@example.nhs.uk`}, "generic/MessageHeader.source.contact", "value"},
		{"telephone is a name", vaccinations, "new", change{`0191 498 0000`, `Service desk`}, "generic/MessageHeader.source.contact", "value"},
		{"e-mail address is a telephone number", birth, "new", change{`nems@example.nhs.uk`, `0191 498 0000`}, "generic/MessageHeader.source.contact", "value"},
		{"e-mail address without domain", birth, "new", change{`nems@example.nhs.uk`, `nems@`}, "generic/MessageHeader.source.contact", "value"},
		{"routing birth date of another type", vaccinations, "new", change{`<valueDateTime value="2017-10-02"/>`, `<valueDate value="2017-10-02"/>`}, "generic/MessageHeader.extension(routingDemographics).extension(birthDateTime).valueDateTime", "required"},
		{"display of another event", vaccinations, "new", change{`<display value="Vaccinations"/>`, `<display value="NIPE Outcome"/>`}, "vaccinations-1/MessageHeader.event.display", "value"},
		{"Patient with another family name", vaccinations, "new", change{`(<name><use value="official"/><family value=")DAWKINS`, `${1}SMITH`}, "patient-routing-name", "business-rule"},
		{"Patient with another given name", contacts, "new", change{`(<name><use value="official"/><family value="DAWKINS"/><given value=")Jack`, `${1}John`}, "patient-routing-name", "business-rule"},
		{"mother with another name", birth, "new", change{`(<name><use value="official"/><family value="FARROW"/><given value=")Grace`, `${1}Gwen`}, "patient-routing-name", "business-rule"},

		// Births.
		{"number of births of the baby", birth, "new", change{subject("382341000000101"), `${1}$baby`}, "pds-birth-notification-1/Observation(numberOfBirths).subject", "invalid"},
		{"birth weight of the mother", birth, "new", change{subject("29463-7"), `${1}$mother`}, "pds-birth-notification-1/Observation(birthWeight).subject", "invalid"},
		{"gestation age of the mother", birth, "new", change{subject("412726003"), `${1}$mother`}, "pds-birth-notification-1/Observation(gestationAge).subject", "invalid"},
		{"stillbirth of the mother", birth, "new", change{subject("237364002"), `${1}$mother`}, "pds-birth-notification-1/Observation(stillbornIndicator).subject", "invalid"},
		{"abnormality of the mother", birth, "new", change{subject("1097291000000101"), `${1}$mother`}, "pds-birth-notification-1/Observation(suspectedCongenitalAbnormalityIndicator).subject", "invalid"},
		{"episode of the mother", birth, "new", change{`(BirthEpisodeCategory-1.*?<patient><reference value=")[^"]*`, `${1}$mother`}, "pds-birth-notification-1/EpisodeOfCare.patient", "invalid"},
		{"baby without address", birth, "new", change{`<address>.*?</address>`, ``}, "pds-birth-notification-1/Patient(Baby).address.line", "required"},
		{"baby with an address without line", birth, "new", change{`<line value="1 Example Street"/>`, ``}, "pds-birth-notification-1/Patient(Baby).address.line", "required"},
		{"a third patient", birth, "new", change{`</Bundle>`, `<entry><fullUrl value="urn:uuid:00000000-0000-4000-8000-000000000001"/><resource><Patient><active value="true"/></Patient></resource></entry></Bundle>`}, "pds-birth-notification-1/Patient", "structure"},
		{"observation without code", birth, "new", change{`(<code>)<coding><system value="http://snomed.info/sct"/><code value="412726003"/>.*?</coding>`, `$1<text value="Gestation"/>`}, "pds-birth-notification-1/Observation.code.coding.code", "required"},
		{"practice of the mother elsewhere", birth, "new", change{`(<generalPractitioner><reference value=")[^"]*`, `${1}https://example.nhs.uk/Organization/1`}, "pds-birth-notification-1/Patient(Mother).generalPractitioner", "invalid"},
		{"authority of another type", birth, "new", change{`EMS-PDS-RegisteringAuthorityType-1`, `EMS-PDS-DeliveryPlaceType-1`}, "pds-birth-notification-1/Organization(registeringAuthority).type.coding.system", "value"},

		// Screening.
		{"blood spot test without context", bloodSpot, "new", change{`(<Procedure>.*?)<context>.*?</context>`, `$1`}, "blood-spot-test-outcome-1/Procedure.context", "required"},
		{"report without context", bloodSpot, "new", change{`(<DiagnosticReport>.*?)<context>.*?</context>`, `$1`}, "blood-spot-test-outcome-1/DiagnosticReport.context", "required"},
		{"comment without context", bloodSpot, "new", change{`(<Communication>.*?)<context>.*?</context>`, `$1`}, "blood-spot-test-outcome-1/Communication.context", "required"},
		{"hearing test without context", hearing, "new", change{`(<Procedure>.*?)<context>.*?</context>`, `$1`}, "newborn-hearing-1/Procedure.context", "required"},
		{"hearing summary without context", hearing, "new", change{`(<Observation>.*?)<context>.*?</context>`, `$1`}, "newborn-hearing-1/Observation.context", "required"},
		{"context is the patient", hearing, "new", change{`(<Observation>.*?<context><reference value=")[^"]*`, `${1}$patient`}, "newborn-hearing-1/Observation.context", "invalid"},
		{"hearing summary only told", hearing, "new", change{`(<valueCodeableConcept>)<coding><system value="http://snomed.info/sct"/>.*?</coding>(</valueCodeableConcept></Observation>)`, `$1<text value="clear"/>$2`}, "newborn-hearing-1/Observation.valueCodeableConcept.coding", "required"},
		{"hearing test by an organisation", hearing, "new", change{`(<actor><reference value=")[^"]*`, `${1}$organisation`}, "newborn-hearing-1/Procedure.performer.actor", "invalid"},
		{"examination without context", nipe, "new", change{`(<Procedure>.*?)<context>.*?</context>`, `$1`}, "nipe-outcome-1/Procedure.context", "required"},
		{"examination without performer", nipe, "new", change{`<performer>.*?</performer>`, ``}, "nipe-outcome-1/Procedure.performer", "required"},
		{"examination by an organisation", nipe, "new", change{`(<actor><reference value=")[^"]*`, `${1}$organisation`}, "nipe-outcome-1/Procedure.performer.actor", "invalid"},
		{"eligibility without context", nipe, "new", change{`(<Observation>.*?)<context>.*?</context>`, `$1`}, "nipe-outcome-1/Observation.context", "required"},
		{"eligibility without performer", nipe, "new", change{`(<Observation>.*?)<performer>.*?</performer>`, `$1`}, "nipe-outcome-1/Observation.performer", "required"},
		{"hips twice", nipe, "new", change{`<code value="988361000000105"/><display value="[^"]*eye examination"/>`, `<code value="985531000000102"/><display value="Newborn and Infant Physical Examination Screening Programme, hip examination"/>`},
			"nipe-outcome-1/Procedure(hips)", "structure"},
		{"the same test twice", bloodSpot, "new", change{`<code value="171191008"/><display value="Cystic fibrosis screening"/>`, `<code value="314081000"/><display value="Phenylketonuria screening test"/>`},
			"blood-spot-test-outcome-1/Procedure(phenylketonuria)", "structure"},
		{"comment's display is another code's", nipe, "new", change{`Examination \(72 hours\)`, `Examination (6-8 Weeks)`}, "nipe-outcome-1/Communication.category.coding", "code-invalid"},
		{"eligible and not eligible", nipe, "new", change{`<display value="Eligible for BCG"/>`, `<display value="Not eligible for BCG"/>`}, "nipe-outcome-1/Observation.valueCodeableConcept.coding", "code-invalid"},
		{"specialty of no list", nipe, "new", change{`<code value="290"/>`, `<code value="999"/>`}, "nipe-outcome-1/HealthcareService.specialty.coding(DCH-Specialty)", "code-invalid"},
		{"specialty of the other list", hearing, "new", change{`<code value="254"/>`, `<code value="500"/>`}, "newborn-hearing-1/HealthcareService.specialty.coding(DCH-Specialty)", "code-invalid"},
		{"specialty of blood spots", bloodSpot, "new", change{`<code value="253"/>`, `<code value="999"/>`}, "blood-spot-test-outcome-1/HealthcareService.specialty.coding(DCH-Specialty)", "code-invalid"},
		{"role's specialty", nipe, "new", change{`(<PractitionerRole>.*)<code value="290"/>`, `$1<code value="999"/>`}, "nipe-outcome-1/PractitionerRole.specialty.coding(DCH-Specialty)", "code-invalid"},
		{"profession of no list", nipe, "new", change{`<code value="160"/>`, `<code value="161"/>`}, "nipe-outcome-1/PractitionerRole.code(careProfessionalType)", "code-invalid"},
		{"screener's profession", hearing, "new", change{`<code value="160"/>`, `<code value="161"/>`}, "newborn-hearing-1/PractitionerRole.code(careProfessionalType)", "code-invalid"},

		// Vaccinations and contacts.
		{"service of another system", vaccinations, "new", change{`(<HealthcareService>.*?<type><coding><system value=")[^"]*`, `${1}https://example.nhs.uk/types`}, "vaccinations-1/HealthcareService.type.coding(snomedCT)", "required"},
		{"procedure neither coded nor told", vaccinations, "new", change{`(<extension url="[^"]*VaccinationProcedure-1"><valueCodeableConcept><coding><system value=")[^"]*`, `${1}https://example.nhs.uk/codes`},
			"vaccinations-1/Immunization.extension(vaccinationProcedure).valueCodeableConcept", "required"},
		{"patient somewhere else", vaccinations, "new", change{`(<patient><reference value=")[^"]*`, `${1}https://example.nhs.uk/Patient/1`}, "vaccinations-1/Immunization.patient", "invalid"},
		{"patient only named", contacts, "new", change{`<patient><reference value="[^"]*"/>`, `<patient><display value="Jack"/>`}, "professional-contacts-1/EpisodeOfCare.patient", "invalid"},
		{"contact of another system", contacts, "new", change{`(<status value="active"/><type><coding><system value=")[^"]*`, `${1}https://example.nhs.uk/types`}, "professional-contacts-1/EpisodeOfCare.type(snomedCT)", "required"},

		// The demographics service.
		{"service is not PDS", gp, "new", change{`<display value="Personal Demographics Service"/>`, `<display value="Spine"/>`}, "pds-change-of-gp-1/HealthcareService.type.coding.display", "value"},
		{"service of another system", death, "new", change{`(<type><coding><system value="[^"]*)EMS-HealthcareServiceType-1`, `${1}ServiceType-1`}, "pds-death-notification-1/HealthcareService.type.coding.system", "value"},
		{"commissioner is the patient", gp, "new", change{`(<partOf><reference value=")[^"]*`, `${1}$patient`}, "pds-change-of-gp-1/Organization.partOf", "invalid"},
		{"service of another organisation than the sender", gp, "new", change{`(<providedBy><reference value=")[^"]*`, `${1}$practice`}, "pds-change-of-gp-1/HealthcareService.providedBy", "invalid"},
		{"service of a birth's practice", birth, "new", change{`(<providedBy><reference value=")[^"]*`, `${1}$practice`}, "pds-birth-notification-1/HealthcareService.providedBy", "invalid"},
		{"baby's ethnicity without value", birth, "new", change{`(EthnicCategory-1"><value)CodeableConcept>.*?</valueCodeableConcept>`, `${1}String value="Z"/>`}, "pds-birth-notification-1/Patient(Baby).extension(ethnicCategory).valueCodeableConcept", "required"},
		{"formal and removed", death, "new", change{`<coding>[^<]*<system value="[^"]*DeathNotificationStatus-1"/><code value="2"/>`, `<coding><code value="U"/></coding>$0`}, "pds-death-notification-1/Patient.extension(deathNotification).extension(deathNotificationStatus).valueCodeableConcept.coding", "structure"},
		{"version is no number", death, "new", change{`(<Patient>.*?<versionId value=")7`, `${1}7a`}, "pds-death-notification-1/Patient.meta.versionId", "value"},
		{"position in a multiple birth", birth, "new", change{`<multipleBirthInteger value="1"/>`, `<multipleBirthInteger value="-1"/>`}, "pds-birth-notification-1/Patient(Baby).multipleBirthInteger", "value"},
		{"no time of the status", death, "new", change{`(<extension url="systemEffectiveDate"><value)DateTime`, `${1}Instant`}, "pds-death-notification-1/Patient.extension(deathNotification).extension(systemEffectiveDate).valueDateTime", "required"},
	} {
		t.Run(c.name, func(t *testing.T) {
			expectFinding(t, c.code, changed(t, c.code, c.kind, c.change), c.rule, c.issue, fhir.Error)
		})
	}
}

// TestWrongValuesThatOnlyStrictRefuses: a rule that an official example breaks
// is a warning at standard. A rule that only the harness has does not count
// there.
func TestWrongValuesThatOnlyStrictRefuses(t *testing.T) {
	for _, c := range []struct {
		name, code string
		change     change
		rule       string
		standard   int // number of findings
	}{
		{"another birth date", contacts, change{`<birthDate value="2017-10-02"/>`, `<birthDate value="1950-01-01"/>`}, "patient-routing-birthDate", 1},
		{"birth date and time", vaccinations, change{`<birthDate value="2017-10-02"/>`, `<birthDate value="2017-10-03"><extension url="http://hl7.org/fhir/StructureDefinition/patient-birthTime"><valueDateTime value="2017-10-03T12:00:00+00:00"/></extension></birthDate>`}, "patient-routing-birthDate", 1},
		{"specialty's display", nipe, change{`COMMUNITY PAEDIATRICS`, `PAEDIATRICS`}, "nipe-outcome-1/HealthcareService.specialty.coding(DCH-Specialty)", 0},
		{"profession's display", hearing, change{`General Medical Practitioner`, `Nurse`}, "newborn-hearing-1/PractitionerRole.code(careProfessionalType)", 0},
		{"encounter's display", bloodSpot, change{`(<type><coding><system value="[^"]*DCH-ChildHealthEncounterType-1"/><code value="008"/><display value=")[^"]*`, `${1}Birth`}, "blood-spot-test-outcome-1/Encounter.type(childHealthEncounterType)", 0},
		{"id and fullUrl disagree", vaccinations, change{`<Location><id value="[^"]*"/>`, `<Location><id value="1"/>`}, "reference-id", 0},
		{"referenced without id", vaccinations, change{`<Location><id value="[^"]*"/>`, `<Location>`}, "reference-id", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			message := changed(t, c.code, "new", c.change)
			standard := judge(t, c.code, message, catalogue.Standard)
			if len(standard) != c.standard || len(standard) == 1 && (standard[0].Refuses() || standard[0].Rule != c.rule) {
				t.Errorf("at standard: %+v", standard)
			}
			strict := judge(t, c.code, message, catalogue.Strict)
			if len(strict) != 1 || strict[0].Rule != c.rule || !strict[0].Refuses() {
				t.Errorf("at strict: %+v", strict)
			}
		})
	}
}

// TestRightValuesPass: whatever the pages allow has no finding at strict.
func TestRightValuesPass(t *testing.T) {
	const directory = `"https://directory.spineservices.nhs.uk/STU3/Organization/`
	noOrganisation := change{`<entry><fullUrl value="[^"]*"/><resource><Organization>.*?</entry>`, ``}
	for _, c := range []struct {
		name, code, kind string
		changes          []change
	}{
		{"screening delete with header and encounter alone", bloodSpot, "delete", []change{{`(<responsible><reference value=)"[^"]*`, `${1}` + directory + `A83627`}, noOrganisation}},
		{"hearing delete with header and encounter alone", hearing, "delete", []change{{`(<responsible><reference value=)"[^"]*`, `${1}` + directory + `A83627`}, noOrganisation}},
		{"examination delete with header and encounter alone", nipe, "delete", []change{{`(<responsible><reference value=)"[^"]*`, `${1}` + directory + `A83627`}, noOrganisation}},
		{"record change without organisation", "pds-record-change-1", "new", []change{{`(<responsible><reference value=)"[^"]*`, `${1}` + directory + `X26`}, noOrganisation}},
		{"encounter type outside the list", vaccinations, "new", []change{{`<coding><system value="[^"]*DCH-ChildHealthEncounterType-1"/>.*?</coding>`, `<coding><system value="https://example.nhs.uk/types"/><code value="1"/></coding>`}}},
		{"unreferenced resource without id", vaccinations, "new", []change{{`<HealthcareService><id value="[^"]*"/>`, `<HealthcareService>`}}},
		{"second contact type, not of SNOMED", contacts, "new", []change{{`(<status value="active"/>)`, `$1<type><coding><system value="https://example.nhs.uk/types"/><code value="1"/></coding></type>`}}},
		{"procedure told, not coded", vaccinations, "new", []change{{`(<extension url="[^"]*VaccinationProcedure-1"><valueCodeableConcept>)<coding>.*?</coding>`, `$1<text value="MMR"/>`}}},
		{"comment of the second examination", nipe, "new", []change{{`<code value="009"/><display value="[^"]*"/>`, `<code value="010"/><display value="Newborn and Infant Physical Examination (6-8 Weeks)"/>`}}},
		{"four different examinations", nipe, "new", []change{{`(<entry><fullUrl value="urn:uuid:)[^"]*("/><resource><Procedure>)<id value="[^"]*"/>(.*?)<code value="985531000000102"/><display value="[^"]*"/>(.*?</entry>)`,
			`$0${1}00000000-0000-4000-8000-000000000001$2$3<code value="988371000000103"/><display value="Newborn and Infant Physical Examination Screening Programme, testis examination"/>$4`}}},
		{"no birth date, but the birth time's", contacts, "new", []change{{`<birthDate value="2017-10-02"/>`, `<birthDate value="2013-10-12"><extension url="http://hl7.org/fhir/StructureDefinition/patient-birthTime"><valueDateTime value="2017-10-02T12:00:00+00:00"/></extension></birthDate>`}}},
		{"birth date as midnight in summer", contacts, "new", []change{{`<valueDateTime value="2017-10-02"/>`, `<valueDateTime value="2017-10-01T23:00:00Z"/>`}}},
		{"partial birth date", contacts, "new", []change{{`<birthDate value="2017-10-02"/>`, `<birthDate value="2017-10"/>`}}},
		{"name in capitals and with an accent apart", contacts, "new", []change{{`(<name><use value="official"/><family value=")DAWKINS`, `${1}O’REÉ`}, {`(<family value=")DAWKINS`, "${1}O'Ree\u0301"}}},
		{"a former name beside the official one", vaccinations, "new", []change{{`(<name><use value="official"/>)`, `<name><use value="old"/><family value="SMITH"/></name>$1`}}},
		{"routing number under the older system", vaccinations, "new", []change{{`"https://fhir.nhs.uk/Id/nhs-number"`, `"http://fhir.nhs.net/Id/nhs-number"`}}},
		{"birth without the mother's name", birth, "new", []change{{`(<valueHumanName>)<use value="official"/><family value="FARROW"/><given value="Grace"/>`, `$1<text value="not known"/>`}}},
		{"practice of the mother in the directory", birth, "new", []change{{`(<generalPractitioner><reference value=)"[^"]*`, `${1}` + directory + `E82025`}}},
		{"removed death beside another extension with a code", death, "new", []change{{`(<Patient>.*?</meta>)`, `$1<extension url="https://example.nhs.uk/a"><extension url="b"><valueCodeableConcept><coding><code value="U"/></coding></valueCodeableConcept></extension></extension>`}}},
		{"telephone number of three digits", vaccinations, "new", []change{{`0191 498 0000`, `111`}}},
		{"international number with an option", vaccinations, "new", []change{{`0191 498 0000`, `+44 (0)191 498 0000, option 2`}}},
		{"e-mail address", vaccinations, "new", []change{{`<system value="phone"/><value value="[^"]*"/>`, `<system value="email"/><value value="it.desk@mail.example.nhs.uk"/>`}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, f := range judge(t, c.code, changed(t, c.code, c.kind, c.changes...), catalogue.Strict) {
				if !harnessAlone[c.name] || !strings.Contains(f.Source, "harness") {
					t.Errorf("%s at %s: %s", f.Rule, f.Expression, f.Text)
				}
			}
		})
	}
}

// harnessAlone are right values that the harness counts as wrong.
var harnessAlone = map[string]bool{"a former name beside the official one": true}

// TestRelativeReferences: a message whose entries have web addresses passes
// like one with UUIDs, and its references are judged in the same way.
func TestRelativeReferences(t *testing.T) {
	relative := func(message []byte) string {
		types := map[string]string{}
		for _, m := range regexp.MustCompile(`<fullUrl value="urn:uuid:([^"]*)"/><resource><(\w+)>`).FindAllStringSubmatch(string(message), -1) {
			types[m[1]] = m[2]
		}
		out := regexp.MustCompile(`<fullUrl value="urn:uuid:([^"]*)"/><resource><(\w+)>`).ReplaceAllString(string(message), `<fullUrl value="https://supplier.example/fhir/$2/$1"/><resource><$2>`)
		return regexp.MustCompile(`<reference value="urn:uuid:([^"]*)"/>`).ReplaceAllStringFunc(out, func(s string) string {
			id := strings.TrimSuffix(strings.TrimPrefix(s, `<reference value="urn:uuid:`), `"/>`)
			return `<reference value="` + types[id] + "/" + id + `"/>`
		})
	}
	for _, code := range example.Codes() {
		message := relative(changed(t, code, "new"))
		for _, f := range judge(t, code, []byte(message), catalogue.Strict) {
			t.Errorf("%s: %s at %s: %s", code, f.Rule, f.Expression, f.Text)
		}
	}
	message := relative(changed(t, birth, "new"))
	dangling := strings.Replace(message, `<reference value="Practitioner/`, `<reference value="Practitioner/0`, 1)
	expectFinding(t, birth, []byte(dangling), "reference-not-found", "not-found", fhir.Error)
	mother := regexp.MustCompile(`<subject><reference value="([^"]*)"`).FindStringSubmatch(message)[1]
	wrong := regexp.MustCompile(`(29463-7.*?<subject><reference value=")[^"]*`).ReplaceAllString(message, "${1}"+mother)
	expectFinding(t, birth, []byte(wrong), "pds-birth-notification-1/Observation(birthWeight).subject", "invalid", fhir.Error)
	absolute := strings.Replace(message, `<patient><reference value="`, `<patient><reference value="https://supplier.example/fhir/`, -1)
	for _, f := range judge(t, birth, []byte(absolute), catalogue.Strict) {
		t.Errorf("absolute: %s at %s", f.Rule, f.Expression)
	}
}

// TestContainedReferences: #ID leads to a resource inside the same resource, of
// a type that the element allows.
func TestContainedReferences(t *testing.T) {
	contain := func(resource string) []byte {
		return changed(t, vaccinations, "new", change{`(<Immunization>.*?</meta>)`, `$1<contained>` + resource + `</contained>`},
			change{`(<practitioner><actor><reference value=")[^"]*`, `${1}#it`})
	}
	nurse := contain(`<Practitioner><id value="it"/><name><family value="Example"/></name></Practitioner>`)
	for _, f := range judge(t, vaccinations, nurse, catalogue.Standard) {
		t.Errorf("%s at %s", f.Rule, f.Expression)
	}
	expectFinding(t, vaccinations, contain(`<Location><id value="it"/></Location>`), "reference-type", "invalid", fhir.Error)
	expectFinding(t, vaccinations, contain(`<Practitioner><id value="other"/></Practitioner>`), "ref-1", "invariant", fhir.Error)
}

// TestWhatLivePDSSendsIsAccepted: a suspension as the live service sends it
// breaks rows of its page, but is accepted, because subscribers need it.
func TestWhatLivePDSSendsIsAccepted(t *testing.T) {
	message := changed(t, gp, "new",
		change{`<generalPractitioner>.*?</generalPractitioner>`, ``},
		change{`<type><coding><system value="[^"]*PatientCareProvisionType-1"/><code value="1"/><display value="Primary care"/></coding></type>`,
			`<type><coding><system value="http://snomed.info/sct"/><code value="408443003"/><display value="General medical practice"/></coding></type>`},
		change{`(<Organization>.*?)<partOf>.*?</partOf>`, `$1`},
		change{`<name value="Spine demographics"/>`, ``},
		change{`(<Patient>.*?<meta>)<versionId value="7"/>`, `$1`},
		change{`(<providedBy><reference value=")[^"]*`, `${1}https://directory.spineservices.nhs.uk/STU3/Organization/X26`},
		change{`CodeSystem/(CareConnect-NHSNumberVerificationStatus-1)`, `$1`},
	)
	want := map[string]bool{
		"pds-change-of-gp-1/EpisodeOfCare.type.coding.system": true, "pds-change-of-gp-1/EpisodeOfCare.type.coding.code": true,
		"pds-change-of-gp-1/EpisodeOfCare.type.coding.display": true, "pds-change-of-gp-1/Organization.partOf": true,
		"generic/MessageHeader.source.name": true, "pds-change-of-gp-1/Patient.meta.versionId": true, "reference-bundled": true,
		"Extension-CareConnect-NHSNumberVerificationStatus-1/valueCodeableConcept": true,
	}
	for level, refuses := range map[catalogue.Level]bool{catalogue.Standard: false, catalogue.Strict: true} {
		found := judge(t, gp, message, level)
		for _, f := range found {
			if !want[f.Rule] || f.Refuses() != refuses {
				t.Errorf("at %s: %s with severity %s", level, f.Rule, f.Severity)
			}
		}
		if len(found) != len(want) {
			t.Errorf("at %s: %d findings; expected %d", level, len(found), len(want))
		}
	}
}

// TestNumbersAnywhere: an NHS number is checked wherever it occurs, and a
// contained Patient is compared with the routing patient like any other.
func TestNumbersAnywhere(t *testing.T) {
	within := func(value string) []byte {
		return changed(t, vaccinations, "new", change{`(<subject><reference value="[^"]*"/>)`, `$1<identifier><system value="https://fhir.nhs.uk/Id/nhs-number"/><value value="` + value + `"/></identifier>`})
	}
	contained := func(number, family string) []byte {
		patient := `<Patient><id value="p"/><identifier><extension url="https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-NHSNumberVerificationStatus-1"><valueCodeableConcept><coding><system value="https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-NHSNumberVerificationStatus-1"/><code value="01"/></coding></valueCodeableConcept></extension>` +
			`<system value="https://fhir.nhs.uk/Id/nhs-number"/><value value="` + number + `"/></identifier><name><use value="official"/><family value="` + family + `"/></name><birthDate value="2017-10-02"/></Patient>`
		return changed(t, vaccinations, "new", change{`(<Encounter>.*?</meta>)`, `$1<contained>` + patient + `</contained>`})
	}
	expectFinding(t, vaccinations, within("9912003889"), "nhs-number-check", "value", fhir.Error)
	expectFinding(t, vaccinations, contained("9912003889", "DAWKINS"), "nhs-number-check", "value", fhir.Error)
	expectFinding(t, vaccinations, contained("9434765919", "DAWKINS"), "patient-routing", "business-rule", fhir.Error)
	expectFinding(t, vaccinations, contained("9912003888", "SMITH"), "patient-routing-name", "business-rule", fhir.Error)
	for _, message := range [][]byte{within("9912003888"), contained("9912003888", "Dawkins")} {
		for _, f := range judge(t, vaccinations, message, catalogue.Strict) {
			t.Errorf("%s at %s: %s", f.Rule, f.Expression, f.Text)
		}
	}
}
