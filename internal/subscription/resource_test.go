package subscription

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"nems/internal/fhir"
	"nems/internal/nhs"
)

// request is a Subscription as a client sends it; tests replace parts of it.
const request = `<Subscription xmlns="http://hl7.org/fhir">
	<meta><lastUpdated value="2026-01-02T03:04:05Z"/><profile value="https://fhir.nhs.uk/STU3/StructureDefinition/EMS-Subscription-1"/></meta>
	<status value="requested"/>
	<contact><system value="url"/><value value="https://directory.spineservices.nhs.uk/STU3/Organization/RR8"/><use value="work"/></contact>
	<end value="2030-06-01T00:30:00+01:00"/>
	<reason value="Follow-up of our patients"/>
	<criteria value="/Bundle?type=message&amp;serviceType=UHV"/>
	<channel><type value="message"/><endpoint value="Mailbox1234"/><payload value="application/fhir+json"/></channel>
</Subscription>`

func read(t testing.TB, xml string) (Resource, []fhir.Finding, []fhir.Finding) {
	t.Helper()
	doc, structure, err := fhir.ParseXML([]byte(xml))
	if err != nil {
		t.Fatal(err)
	}
	r, findings := ReadResource(doc.Root())
	return r, findings, structure
}

func TestReadResource(t *testing.T) {
	got, findings, structure := read(t, request)
	if len(findings)+len(structure) > 0 {
		t.Fatalf("findings: %v, %v", findings, structure)
	}
	want := Resource{
		Contact: "RR8", End: time.Date(2030, 5, 31, 23, 30, 0, 0, time.UTC), Reason: "Follow-up of our patients",
		Criteria: "/Bundle?type=message&serviceType=UHV", Mailbox: "Mailbox1234",
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
}

func TestReadResourceTakes(t *testing.T) {
	for name, test := range map[string]struct{ old, new string }{
		"no end":                  {`<end value="2030-06-01T00:30:00+01:00"/>`, ``},
		"end with fractions":      {`2030-06-01T00:30:00+01:00`, `2030-06-01T00:30:00.123456Z`},
		"no profile":              {`<profile value="https://fhir.nhs.uk/STU3/StructureDefinition/EMS-Subscription-1"/>`, ``},
		"no meta":                 {request[strings.Index(request, "<meta>") : strings.Index(request, "</meta>")+7], ``},
		"version":                 {`<meta>`, `<meta><versionId value="7"/>`},
		"no payload":              {`<payload value="application/fhir+json"/>`, ``},
		"small letters":           {`Organization/RR8`, `Organization/rr8`},
		"second contact":          {`<end`, `<contact><system value="url"/><value value="https://directory.spineservices.nhs.uk/STU3/Organization/X26"/><use value="work"/></contact><end`},
		"a contact by mail":       {`<end`, `<contact><system value="email"/><value value="a@example.org"/></contact><end`},
		"a contact by mail first": {`<contact>`, `<contact><system value="email"/><value value="a@example.org"/></contact><contact>`},
		"a bare code behind":      {`<end`, `<contact><system value="url"/><value value="RR8"/><use value="work"/></contact><end`},
		"a contact of nothing":    {`<end`, `<contact><extension url="urn:example:x"><valueString value="y"/></extension></contact><end`},
		"an extension":            {`<status`, `<extension url="urn:example:x"><valueString value="y"/></extension><status`},
	} {
		t.Run(name, func(t *testing.T) {
			got, findings, structure := read(t, replaced(t, test.old, test.new))
			if len(findings)+len(structure) > 0 || got.Contact != "RR8" {
				t.Errorf("findings %v, %v; owner %s", findings, structure, got.Contact)
			}
		})
	}
}

func replaced(t testing.TB, old, new string) string {
	t.Helper()
	if !strings.Contains(request, old) {
		t.Fatalf("the request has no %q", old)
	}
	return strings.Replace(request, old, new, 1)
}

func TestReadResourceRefuses(t *testing.T) {
	const contact = `<contact><system value="url"/><value value="https://directory.spineservices.nhs.uk/STU3/Organization/RR8"/><use value="work"/></contact>`
	for name, test := range map[string]struct{ old, new, rule, expression string }{
		"active already":        {`"requested"`, `"active"`, "subscription-status", "Subscription.status"},
		"no contact":            {contact, ``, "subscription-contact", "Subscription"},
		"contact for home":      {`<use value="work"/>`, `<use value="home"/>`, "subscription-contact-use", "Subscription.contact[0].use"},
		"contact without use":   {`<use value="work"/>`, ``, "subscription-contact-use", "Subscription.contact[0]"},
		"contact by phone":      {`<system value="url"/>`, `<system value="phone"/>`, "subscription-contact-system", "Subscription.contact[0].system"},
		"contact without kind":  {`<system value="url"/>`, ``, "subscription-contact-system", "Subscription.contact[0]"},
		"contact without value": {`<value value="https://directory.spineservices.nhs.uk/STU3/Organization/RR8"/>`, ``, "subscription-contact-value", "Subscription.contact[0]"},
		"another directory":     {`https://directory.spineservices.nhs.uk/STU3/Organization/`, `https://directory.example.org/Organization/`, "subscription-contact-value", "Subscription.contact[0].value"},
		"directory over http":   {`https://directory`, `http://directory`, "subscription-contact-value", "Subscription.contact[0].value"},
		"a bare code":           {`https://directory.spineservices.nhs.uk/STU3/Organization/RR8`, `RR8`, "subscription-contact-value", "Subscription.contact[0].value"},
		"no code":               {`Organization/RR8`, `Organization/`, "subscription-contact-value", "Subscription.contact[0].value"},
		"slash behind the code": {`Organization/RR8`, `Organization/RR8/`, "subscription-contact-value", "Subscription.contact[0].value"},
		"contacts by mail":      {contact, `<contact><system value="email"/><value value="a@example.org"/><use value="work"/></contact><contact><system value="email"/><value value="b@example.org"/></contact>`, "subscription-contact-system", "Subscription.contact[0].system"},
		"blank reason":          {`"Follow-up of our patients"`, `" "`, "subscription-reason", "Subscription.reason"},
		"long reason":           {`"Follow-up of our patients"`, `"` + strings.Repeat("a", 4<<10+1) + `"`, "subscription-reason", "Subscription.reason"},
		"many contacts":         {contact, strings.Repeat(contact, 16<<10/len(contact)+1), "subscription-contact", "Subscription.contact[0]"},
		"web hook":              {`<type value="message"/>`, `<type value="rest-hook"/>`, "subscription-channel-type", "Subscription.channel.type"},
		"no endpoint":           {`<endpoint value="Mailbox1234"/>`, ``, "subscription-channel-endpoint", "Subscription.channel"},
		"blank endpoint":        {`<endpoint value="Mailbox1234"/>`, `<endpoint><extension url="urn:example:x"><valueString value="y"/></extension></endpoint>`, "subscription-channel-endpoint", "Subscription.channel.endpoint"},
		"modifier":              {`<status`, `<modifierExtension url="urn:example:x"><valueString value="y"/></modifierExtension><status`, "subscription-modifier", "Subscription.modifierExtension[0]"},
		"modified channel":      {`<channel>`, `<channel><modifierExtension url="urn:example:x"><valueString value="y"/></modifierExtension>`, "subscription-modifier", "Subscription.channel.modifierExtension[0]"},
		"implicit rules":        {`<status`, `<implicitRules value="urn:example:x"/><status`, "subscription-modifier", "Subscription.implicitRules"},
	} {
		t.Run(name, func(t *testing.T) {
			_, findings, _ := read(t, replaced(t, test.old, test.new))
			hit := slices.IndexFunc(findings, func(f fhir.Finding) bool { return f.Rule == test.rule })
			if hit < 0 {
				t.Fatalf("findings %v, want the rule %s", findings, test.rule)
			}
			f := findings[hit]
			if f.Expression != test.expression || !f.Refuses() || f.Source != createPage || f.Line == 0 || f.Code == "" || f.Location == "" {
				t.Errorf("finding %+v, want it at %s", f, test.expression)
			}
		})
	}
}

// Whatever is missing or malformed, the schema or this package reports it.
// Where both report it, the texts differ.
func TestEveryRowOfThePageIsChecked(t *testing.T) {
	for _, change := range []struct{ old, new string }{
		{`<status value="requested"/>`, ``}, {`<reason value="Follow-up of our patients"/>`, ``},
		{`<criteria value="/Bundle?type=message&amp;serviceType=UHV"/>`, ``}, {`<type value="message"/>`, ``},
		{request[strings.Index(request, "<channel>") : strings.Index(request, "</channel>")+10], ``},
		{`"requested"`, `"wanted"`}, {`"2030-06-01T00:30:00+01:00"`, `"2030-06-01T00:30:00"`},
		{`"2030-06-01T00:30:00+01:00"`, `"2030-06-01"`}, {`"2030-06-01T00:30:00+01:00"`, `"2030-02-30T00:00:00Z"`},
		{`"2030-06-01T00:30:00+01:00"`, `"2030-06-01T24:00:00Z"`}, {`<reason`, `<urgency value="high"/><reason`},
		{`<reason value="Follow-up of our patients"/>`, `<reason value="a"/><reason value="b"/>`},
		{`<end value="2030-06-01T00:30:00+01:00"/>`, `<end value="2030-06-01T00:30:00Z"/><end value="2030-06-01T00:30:00Z"/>`},
	} {
		_, findings, structure := read(t, replaced(t, change.old, change.new))
		if !slices.ContainsFunc(slices.Concat(findings, structure), fhir.Finding.Refuses) {
			t.Errorf("%s instead of %s passes", change.new, change.old)
		}
	}
}

// Clients in use send JSON with members that a NEMS overwrites or ignores.
func TestReadResourceFromJSON(t *testing.T) {
	const sent = `{"resourceType":"Subscription",
		"meta":{"lastUpdated":"2026-01-02T03:04:05.678+00:00","profile":["https://fhir.nhs.uk/STU3/StructureDefinition/EMS-Subscription-1"]},
		"status":"requested","contact":[{"system":"url","value":"https://directory.spineservices.nhs.uk/STU3/Organization/RR8","use":"work"}],
		"reason":"ours","criteria":"/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9990000026&MessageHeader.event=pds-record-change-1",
		"channel":{"type":"message","endpoint":"MAILBOX1234","payload":"application/fhir+json"}}`
	xml, wrong, err := fhir.JSONToXML([]byte(sent))
	if err != nil || len(wrong) > 0 {
		t.Fatal(wrong, err)
	}
	got, findings, structure := read(t, string(xml))
	if len(findings)+len(structure) > 0 || got.Contact != "RR8" || got.Mailbox != "MAILBOX1234" {
		t.Fatalf("%v, %v, %+v", findings, structure, got)
	}
	c, err := ParseCriteria(got.Criteria)
	if err != nil || c.Key() != (RouteKey{ByPatient, aNumber}) {
		t.Errorf("criteria: %v, %v", c.Key(), err)
	}
	doc, _, err := fhir.ParseXML(WriteXML(Subscription{ID: NewID(acceptance), ODS: "RR8", Mailbox: "m", Status: Active, Version: 1,
		Created: acceptance, Reason: "r", Criteria: c}))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := fhir.XMLToJSON(doc)
	if err != nil || !strings.Contains(string(answer), aNumber) {
		t.Errorf("as JSON: %v", err)
	}
}

func TestReadResourceOfOthers(t *testing.T) {
	r, findings, _ := read(t, `<Patient xmlns="http://hl7.org/fhir"><id value="a"/></Patient>`)
	if len(findings) != 1 || findings[0].Rule != "subscription-resource" || !cmp.Equal(r, Resource{}, cmpopts.EquateEmpty()) {
		t.Errorf("ReadResource of a Patient = %+v, %v", r, findings)
	}
	if r, _, _ := read(t, replaced(t, `<meta>`, `<id value="mine"/><meta>`)); !r.HasID {
		t.Error("the id was not noticed")
	}
}

func TestWriteXMLIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Subscription{
			ID: NewID(acceptance), ODS: "RR8", Mailbox: "Mailbox1234", Status: Active, Version: 1, Created: acceptance,
			Reason:   rapid.StringMatching(`[ -~äé€]{0,30}[!-~]`).Draw(t, "reason"),
			Criteria: Criteria{Text: explicit + "&tag=a%7Cb"},
		}
		if rapid.Bool().Draw(t, "further contacts") {
			s.Contacts = string(OrganisationContact(s.ODS)) + string(OrganisationContact(nhs.ODSCode(rapid.StringMatching(`[A-Z0-9]{1,12}`).Draw(t, "contact")))) +
				`<contact id="c1"><extension url="urn:example:x"><valueString value="&lt;&quot;"/></extension><system value="email"/><value value="a@example.org"/><rank value="2"/><period><start value="2026"/></period></contact>`
		}
		if rapid.Bool().Draw(t, "ends") {
			s.End = acceptance.Add(time.Duration(rapid.Int64Range(0, 1e18).Draw(t, "end")))
		}
		doc, structure, err := fhir.ParseXML(WriteXML(s))
		if err != nil || len(structure) > 0 {
			t.Fatalf("the schema refuses what was written: %v, %v", err, structure)
		}
		r, findings := ReadResource(doc.Root())
		if !r.HasID || r.Contact != s.ODS || r.Contacts != s.Contacts || r.Mailbox != s.Mailbox || r.Reason != s.Reason || r.Criteria != s.Criteria.Text || !r.End.Equal(s.End) {
			t.Fatalf("written %+v, read %+v", s, r)
		}
		// Only the status is something that a client could not send.
		if len(findings) != 1 || findings[0].Rule != "subscription-status" {
			t.Fatalf("findings %v", findings)
		}
	})
}

// TestWriteXMLOfAnEndedOne: why an operator ended it stands where FHIR has it.
func TestWriteXMLOfAnEndedOne(t *testing.T) {
	s := Subscription{ID: numbered(7), ODS: "RR8", Mailbox: "m", Status: Off, Version: 2, Reason: "ours", Error: "<b>not</b> \"needed\"",
		Created: acceptance, End: acceptance, Criteria: Criteria{Text: explicit}}
	doc, structure, err := fhir.ParseXML(WriteXML(s))
	if err != nil || len(structure) > 0 {
		t.Fatalf("the schema refuses it: %v, %v", err, structure)
	}
	if got := doc.Root().Child("error").Value(); got != s.Error {
		t.Errorf("expected %q, received %q", s.Error, got)
	}
}

func TestWriteXMLAsThePageShows(t *testing.T) {
	s := Subscription{
		ID: numbered(7), ODS: "RR8", Mailbox: "Mailbox1234", Status: Active, Version: 1, Reason: "ours",
		Created: time.Date(2026, 5, 26, 0, 0, 0, 0, time.UTC), Criteria: Criteria{Text: "/Bundle?a&b"},
	}
	want := `<Subscription xmlns="http://hl7.org/fhir"><id value="00000000000000000000000000000007"/>` +
		`<meta><versionId value="1"/><lastUpdated value="2026-05-26T00:00:00.000+00:00"/><profile value="https://fhir.nhs.uk/STU3/StructureDefinition/EMS-Subscription-1"/></meta>` +
		`<status value="active"/><contact><system value="url"/><value value="https://directory.spineservices.nhs.uk/STU3/Organization/RR8"/><use value="work"/></contact>` +
		`<reason value="ours"/><criteria value="/Bundle?a&amp;b"/><channel><type value="message"/><endpoint value="Mailbox1234"/></channel></Subscription>`
	if got := string(WriteXML(s)); got != want {
		t.Errorf("WriteXML = %s\nwant %s", got, want)
	}
}

// TestFindingsAreCapped: nonsense gets a limited number of findings.
func TestFindingsAreCapped(t *testing.T) {
	modifier := `<modifierExtension url="urn:example:x"><valueString value="y"/></modifierExtension>`
	_, findings, _ := read(t, replaced(t, `<status`, strings.Repeat(modifier, 1000)+`<status`))
	if len(findings) != maxFindings+1 || findings[maxFindings].Refuses() || !strings.Contains(findings[maxFindings].Text, "800") {
		t.Errorf("%d findings, the last of them %+v", len(findings), findings[len(findings)-1])
	}
}
