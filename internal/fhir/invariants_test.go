package fhir

import (
	"slices"
	"strings"
	"testing"
)

// invariantCase is content that satisfies an invariant, and content that breaks
// it and no other. Each replaces $ in a resource.
type invariantCase struct{ id, resource, good, bad string }

// Resources around the content.
const (
	inBasic   = `<Basic><extension url="u">$</extension><code><text value="c"/></code></Basic>`
	inRepeat  = `<Basic><extension url="u"><valueTiming><repeat>$</repeat></valueTiming></extension><code><text value="c"/></code></Basic>`
	inPatient = `<Patient>$</Patient>`
	inBundle  = `<Bundle>$</Bundle>`
	inEvent   = `<Immunization><status value="completed"/>$</Immunization>`
	vaccine   = `<vaccineCode><text value="v"/></vaccineCode><patient><display value="p"/></patient><primarySource value="true"/>`
	toPatient = `<subject><display value="p"/></subject>`
	toIt      = `<managingOrganization><reference value="#o"/></managingOrganization>`
	oneEntry  = `<entry><fullUrl value="urn:uuid:01234567-89ab-cdef-0123-456789abcdef"/><resource><Patient><active value="true"/></Patient></resource>`
)

var invariantCases = []invariantCase{
	{"global-1", inPatient, `<active value="true"/>`, `<active/>`},
	{"global-1", `$`, `<Patient><active value="true"/></Patient>`, `<Patient/>`},
	{"ext-1", inBasic, `<valueCode value="c"/>`, `<extension url="v"><valueCode value="c"/></extension><valueCode value="c"/>`},
	{"ext-1", inBasic, `<valueCode value="c"/>`, ``},
	{"txt-1", inPatient, `<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p>a</p></div></text>`, `<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">a<map id="m"><p>a</p></map></div></text>`},
	{"txt-2", inPatient, `<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p>a</p></div></text>`, `<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"> </div></text>`},

	{"age-1", inBasic, `<valueAge><value value="1"/><system value="http://unitsofmeasure.org"/><code value="a"/></valueAge>`, `<valueAge><value value="1"/></valueAge>`},
	{"age-1", inBasic, `<valueAge><value value="0"/><system value="http://unitsofmeasure.org"/><code value="a"/></valueAge>`, `<valueAge><value value="-1"/><system value="http://unitsofmeasure.org"/><code value="a"/></valueAge>`},
	{"att-1", inBasic, `<valueAttachment><contentType value="text/plain"/><data value="AAAA"/></valueAttachment>`, `<valueAttachment><data value="AAAA"/></valueAttachment>`},
	{"cpt-2", inBasic, `<valueContactPoint><system value="phone"/><value value="1"/></valueContactPoint>`, `<valueContactPoint><value value="1"/></valueContactPoint>`},
	{"drt-1", inBasic, `<valueDuration><value value="1"/><system value="http://unitsofmeasure.org"/><code value="h"/></valueDuration>`, `<valueDuration><value value="1"/><system value="urn:x"/><code value="h"/></valueDuration>`},
	{"mny-1", inBasic, `<valueMoney><value value="1"/><system value="urn:iso:std:iso:4217"/><code value="GBP"/></valueMoney>`, `<valueMoney><value value="1"/></valueMoney>`},
	{"per-1", inBasic, `<valuePeriod><start value="2017-01-01"/><end value="2017-01-02"/></valuePeriod>`, `<valuePeriod><start value="2017-01-02"/><end value="2017-01-01"/></valuePeriod>`},
	{"per-1", inBasic, `<valuePeriod><start value="2017-01-01T10:00:00Z"/><end value="2017-01-01"/></valuePeriod>`, `<valuePeriod><start value="2017-01-02T10:00:00Z"/><end value="2017-01-01"/></valuePeriod>`},
	{"per-1", inBasic, `<valuePeriod><start value="2017-07-01T00:30:00+01:00"/><end value="2017-06-30T23:45:00Z"/></valuePeriod>`, `<valuePeriod><start value="2017-06-30T23:45:00Z"/><end value="2017-07-01T00:30:00+01:00"/></valuePeriod>`},
	{"per-1", `<Patient><name>$</name></Patient>`, `<period><start value="2017"/><end value="2017"/></period>`, `<period><start value="2018"/><end value="2017"/></period>`},
	{"qty-3", inBasic, `<valueQuantity><value value="1"/><system value="urn:x"/><code value="ml"/></valueQuantity>`, `<valueQuantity><value value="1"/><code value="ml"/></valueQuantity>`},
	{"rat-1", inBasic, `<valueRatio><numerator><value value="1"/></numerator><denominator><value value="2"/></denominator></valueRatio>`, `<valueRatio><numerator><value value="1"/></numerator></valueRatio>`},
	{"ref-1", inBasic, `<valueReference><reference value="Patient/1"/></valueReference>`, `<valueReference><reference value="#p"/></valueReference>`},
	{"rng-2", inBasic, `<valueRange><low><value value="9"/></low><high><value value="10"/></high></valueRange>`, `<valueRange><low><value value="10"/></low><high><value value="9"/></high></valueRange>`},
	{"tim-1", inRepeat, `<duration value="1"/><durationUnit value="h"/>`, `<duration value="1"/>`},
	{"tim-2", inRepeat, `<period value="1"/><periodUnit value="h"/>`, `<period value="1"/>`},
	{"tim-4", inRepeat, `<duration value="0"/><durationUnit value="h"/>`, `<duration value="-1"/><durationUnit value="h"/>`},
	{"tim-5", inRepeat, `<period value="0"/><periodUnit value="h"/>`, `<period value="-1"/><periodUnit value="h"/>`},
	{"tim-6", inRepeat, `<period value="1"/><periodMax value="2"/><periodUnit value="h"/>`, `<periodMax value="2"/>`},
	{"tim-7", inRepeat, `<duration value="1"/><durationMax value="2"/><durationUnit value="h"/>`, `<durationMax value="2"/>`},
	{"tim-8", inRepeat, `<count value="1"/><countMax value="2"/>`, `<countMax value="2"/>`},
	{"tim-9", inRepeat, `<when value="AC"/><offset value="2"/>`, `<offset value="2"/>`},
	{"tim-10", inRepeat, `<timeOfDay value="12:00:00"/>`, `<timeOfDay value="12:00:00"/><when value="AC"/>`},

	{"dom-1", inPatient, `<contained><Organization><id value="o"/><name value="O"/></Organization></contained>` + toIt,
		`<contained><Organization><id value="o"/><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">O</div></text><name value="O"/></Organization></contained>` + toIt},
	{"dom-2", inPatient, `<contained><Organization><id value="o"/><name value="O"/></Organization></contained>` + toIt,
		`<contained><Organization><id value="o"/><contained><Location><id value="l"/></Location></contained><name value="O"/><endpoint><reference value="#o"/></endpoint><endpoint><reference value="#l"/></endpoint></Organization></contained>` + toIt},
	{"dom-3", inPatient, `<contained><Organization><id value="o"/><name value="O"/></Organization></contained>` + toIt, `<contained><Organization><id value="o"/><name value="O"/></Organization></contained>`},
	{"dom-3", inPatient, `<contained><Organization><id value="o"/><name value="O"/></Organization></contained>` + toIt, `<contained><Organization><name value="O"/></Organization></contained>`},
	{"dom-4", inPatient, `<contained><Organization><id value="o"/><meta><tag><code value="t"/></tag></meta><name value="O"/></Organization></contained>` + toIt,
		`<contained><Organization><id value="o"/><meta><versionId value="1"/></meta><name value="O"/></Organization></contained>` + toIt},

	{"bdl-1", inBundle, `<type value="searchset"/><total value="0"/>`, `<type value="message"/><total value="0"/>`},
	{"bdl-2", inBundle, `<type value="searchset"/>` + oneEntry + `<search><mode value="match"/></search></entry>`, `<type value="message"/>` + oneEntry + `<search><mode value="match"/></search></entry>`},
	{"bdl-3", inBundle, `<type value="batch"/>` + oneEntry + `<request><method value="GET"/><url value="u"/></request></entry>`, `<type value="message"/>` + oneEntry + `<request><method value="GET"/><url value="u"/></request></entry>`},
	{"bdl-4", inBundle, `<type value="batch-response"/>` + oneEntry + `<response><status value="200"/></response></entry>`, `<type value="message"/>` + oneEntry + `<response><status value="200"/></response></entry>`},
	{"bdl-5", inBundle, `<type value="message"/>` + oneEntry + `</entry>`, `<type value="message"/><entry><fullUrl value="urn:a"/></entry>`},
	{"bdl-7", inBundle, `<type value="message"/>` + oneEntry + `</entry>`, `<type value="message"/>` + oneEntry + `</entry>` + oneEntry + `</entry>`},
	{"bdl-7", inBundle, `<type value="collection"/><entry><resource><Patient><id value="a"/></Patient></resource></entry><entry><resource><Patient><id value="a"/></Patient></resource></entry>`,
		`<type value="message"/>` + oneEntry + `</entry>` + oneEntry + `</entry>`},
	{"bdl-8", inBundle, `<type value="message"/><entry><fullUrl value="http://x/Patient/1"/><resource><Patient><id value="1"/></Patient></resource></entry>`,
		`<type value="message"/><entry><fullUrl value="http://x/Patient/1/_history/2"/><resource><Patient><id value="1"/></Patient></resource></entry>`},
	{"bdl-9", inBundle, `<identifier><system value="urn:x"/><value value="1"/></identifier><type value="document"/>`, `<identifier><value value="1"/></identifier><type value="document"/>`},

	{"imm-1", inEvent, `<notGiven value="false"/>` + vaccine + `<reaction><reported value="true"/></reaction>`, `<notGiven value="true"/>` + vaccine + `<reaction><reported value="true"/></reaction>`},
	{"imm-1", inEvent, `<notGiven value="false"/>` + vaccine + `<explanation><reason><text value="r"/></reason></explanation>`, `<notGiven value="true"/>` + vaccine + `<explanation><reason><text value="r"/></reason></explanation>`},
	{"imm-2", inEvent, `<notGiven value="true"/>` + vaccine + `<explanation><reasonNotGiven><text value="r"/></reasonNotGiven></explanation>`, `<notGiven value="false"/>` + vaccine + `<explanation><reasonNotGiven><text value="r"/></reasonNotGiven></explanation>`},
	{"org-1", `<Organization>$</Organization>`, `<name value="O"/>`, `<active value="true"/>`},
	{"org-2", `<Organization><name value="O"/>$</Organization>`, `<address><use value="work"/></address>`, `<address><use value="home"/></address>`},
	{"org-3", `<Organization><name value="O"/>$</Organization>`, `<telecom><use value="work"/></telecom>`, `<telecom><use value="home"/></telecom>`},
	{"pat-1", `<Patient><contact>$</contact></Patient>`, `<name><family value="F"/></name>`, `<gender value="male"/>`},
	{"obs-3", `<Observation><status value="final"/><code><text value="c"/></code>$</Observation>`, `<referenceRange><text value="r"/></referenceRange>`, `<referenceRange><type><text value="r"/></type></referenceRange>`},
	{"obs-6", `<Observation><status value="final"/><code><text value="c"/></code>$</Observation>`, `<dataAbsentReason><text value="r"/></dataAbsentReason>`, `<valueString value="v"/><dataAbsentReason><text value="r"/></dataAbsentReason>`},
	{"ctm-1", `<CareTeam>$</CareTeam>`, `<participant><member><reference value="http://x/Practitioner/1"/></member><onBehalfOf><display value="o"/></onBehalfOf></participant>`,
		`<participant><member><reference value="http://x/Patient/1"/></member><onBehalfOf><display value="o"/></onBehalfOf></participant>`},
	{"ctm-1", `<Bundle><type value="message"/><entry><fullUrl value="urn:uuid:01234567-89ab-cdef-0123-456789abcdef"/><resource>$</resource></entry>` +
		`<entry><resource><CareTeam><participant><member><reference value="urn:uuid:01234567-89ab-cdef-0123-456789abcdef"/></member><onBehalfOf><display value="o"/></onBehalfOf></participant></CareTeam></resource></entry></Bundle>`,
		`<Practitioner><active value="true"/></Practitioner>`, `<Patient><active value="true"/></Patient>`},
	{"pro-1", `<Procedure><status value="completed"/>$` + toPatient + `</Procedure>`, `<notDone value="true"/><notDoneReason><text value="r"/></notDoneReason>`, `<notDoneReason><text value="r"/></notDoneReason>`},
	{"com-1", `<Communication><status value="completed"/>$</Communication>`, `<notDone value="true"/><notDoneReason><text value="r"/></notDoneReason>`, `<notDone value="false"/><notDoneReason><text value="r"/></notDoneReason>`},
	{"app-1", `<Appointment><status value="proposed"/><participant>$<status value="accepted"/></participant></Appointment>`, `<actor><display value="a"/></actor>`, `<required value="required"/>`},
	{"app-2", `<Appointment><status value="proposed"/>$<participant><actor><display value="a"/></actor><status value="accepted"/></participant></Appointment>`, `<start value="2017-01-01T00:00:00Z"/><end value="2017-01-01T01:00:00Z"/>`, `<start value="2017-01-01T00:00:00Z"/>`},
	{"app-3", `<Appointment>$<participant><actor><display value="a"/></actor><status value="accepted"/></participant></Appointment>`, `<status value="cancelled"/>`, `<status value="booked"/>`},
	{"ait-1", `<AllergyIntolerance>$<patient><display value="p"/></patient></AllergyIntolerance>`, `<clinicalStatus value="active"/><verificationStatus value="confirmed"/>`, `<verificationStatus value="confirmed"/>`},
	{"ait-2", `<AllergyIntolerance>$<patient><display value="p"/></patient></AllergyIntolerance>`, `<verificationStatus value="entered-in-error"/>`, `<clinicalStatus value="active"/><verificationStatus value="entered-in-error"/>`},
	{"con-1", `<Condition><clinicalStatus value="active"/>` + toPatient + `<stage>$</stage></Condition>`, `<summary><text value="s"/></summary>`, `<extension url="u"><valueCode value="c"/></extension>`},
	{"con-2", `<Condition><clinicalStatus value="active"/>` + toPatient + `<evidence>$</evidence></Condition>`, `<code><text value="s"/></code>`, `<extension url="u"><valueCode value="c"/></extension>`},
	{"con-3", `<Condition>$` + toPatient + `</Condition>`, `<verificationStatus value="entered-in-error"/>`, `<verificationStatus value="confirmed"/>`},
	{"con-4", `<Condition>$` + toPatient + `<abatementBoolean value="true"/></Condition>`, `<clinicalStatus value="resolved"/>`, `<clinicalStatus value="active"/>`},
	{"inv-1", `<Task><status value="draft"/><intent value="order"/>$</Task>`, `<authoredOn value="2017-01-01"/><lastModified value="2017-01-02"/>`, `<authoredOn value="2017-01-02"/><lastModified value="2017-01-01"/>`},
	{"grp-1", `<Group><type value="person"/>$<member><entity><display value="e"/></entity></member></Group>`, `<actual value="true"/>`, `<actual value="false"/>`},
	{"lst-1", `<List><status value="current"/><mode value="working"/>$</List>`, `<emptyReason><text value="e"/></emptyReason>`, `<entry><item><display value="i"/></item></entry><emptyReason><text value="e"/></emptyReason>`},
	{"cmp-1", `<Composition><status value="final"/><type><text value="t"/></type>` + toPatient + `<date value="2017"/><author><display value="a"/></author><title value="t"/><section>$</section></Composition>`, `<entry><display value="e"/></entry>`, `<title value="s"/>`},
	{"que-7", `<Questionnaire><status value="draft"/><item><linkId value="1"/><type value="string"/><enableWhen><question value="1"/>$</enableWhen></item></Questionnaire>`, `<hasAnswer value="true"/>`, `<hasAnswer value="true"/><answerInteger value="1"/>`},
	{"que-2", `<Questionnaire><status value="draft"/><item><linkId value="1"/><type value="string"/></item><item>$<type value="string"/></item></Questionnaire>`, `<linkId value="2"/>`, `<linkId value="1"/>`},
}

// sources returns the two documents of a case.
func (c invariantCase) sources() (good, bad string) {
	whole := func(content string) string {
		resource := strings.Replace(c.resource, "$", content, 1)
		end := strings.IndexAny(resource, "/>")
		return resource[:end] + ` xmlns="` + fhirNamespace + `"` + resource[end:]
	}
	return whole(c.good), whole(c.bad)
}

func TestInvariants(t *testing.T) {
	for _, c := range invariantCases {
		good, bad := c.sources()
		if _, findings, err := ParseXML([]byte(good)); err != nil || len(findings) > 0 {
			t.Errorf("%s: %v %+v\n%s", c.id, err, findings, good)
		}
		_, findings, err := ParseXML([]byte(bad))
		if c.id == "dom-2" && len(findings) == 2 {
			findings = findings[:1] // the second one cannot be avoided: a reference to the nested resource breaks ref-1, and no reference breaks dom-3
		}
		if err != nil || len(findings) != 1 || findings[0].Rule != c.id || findings[0].Code != "invariant" || findings[0].Location == "" || findings[0].Line != 1 {
			t.Errorf("%s: %v %+v\n%s", c.id, err, findings, bad)
		}
	}
}

// Findings hold no value, and say what was received.
func TestInvariantText(t *testing.T) {
	_, findings, err := ParseXML([]byte(`<Bundle xmlns="http://hl7.org/fhir"><type value="message"/><entry><resource><Patient>
		<name><period><start value="2018-02-03"/><end value="2017-02-03"/></period></name></Patient></resource></entry></Bundle>`))
	want := Finding{
		Severity: Error, Code: "invariant", Rule: "per-1", Source: "http://hl7.org/fhir/STU3/datatypes.html",
		Expression: "Bundle.entry[0].resource.ofType(Patient).name[0].period",
		Location:   "/f:Bundle/f:entry[1]/f:resource/f:Patient/f:name[1]/f:period", Line: 2, Column: 9,
		Text: "period: If present, start SHALL have a lower value than end; received start, end",
	}
	if err != nil || !slices.Equal(findings, []Finding{want}) {
		t.Errorf("%v\n got %+v\nwant %+v", err, findings, want)
	}
}

// JSON is checked by the same rules.
func TestInvariantsOfJSON(t *testing.T) {
	xml, findings, err := JSONToXML([]byte(`{"resourceType":"Subscription","status":"requested","contact":[{"value":"x"}],"reason":"r","criteria":"c","channel":{"type":"message"}}`))
	if err != nil || len(findings) > 0 {
		t.Fatal(err, findings)
	}
	if _, findings, err = ParseXML(xml); err != nil || len(findings) != 1 || findings[0].Rule != "cpt-2" {
		t.Error(err, findings)
	}
}

// Every invariant of the facts is checked: by its test, by code of its own or
// by the parser.
func TestEveryInvariantIsHeld(t *testing.T) {
	held := map[string]bool{}
	for _, list := range facts().invariants {
		for _, inv := range list {
			held[inv.rule.id] = inv.test != nil || inv.judge != judgeTest
		}
	}
	all := map[string]bool{}
	for line := range strings.Lines(invariantFacts) {
		if fields := strings.Split(line, "\t"); line[0] != '#' {
			all[fields[1]] = true
			if !held[fields[1]] && !slices.Contains(judgedWhileReading, fields[1]) {
				t.Errorf("nothing holds %s", fields[1])
			}
		}
	}
	if len(all) != 185 || all["obs-7"] {
		t.Errorf("%d invariants, obs-7 %v; expected 185 without it", len(all), all["obs-7"])
	}
}

// Expressions outside the XPath that HL7 uses are refused, not misread.
func TestReadXPathRefuses(t *testing.T) {
	names := map[string]uint16{"a": 1}
	for _, source := range []string{"", "f:b", "f:a f:a", "f:a =", "(f:a", "not(f:a", "f:a[", "'x'", "1", "f:a/", "unknown(f:a)", "@", "f:a and"} {
		if x, err := readXPath(source, names); err == nil {
			t.Errorf("%q was read: %+v", source, x)
		}
	}
}
