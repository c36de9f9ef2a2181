package example

import (
	"strings"
	"time"

	"nems/internal/catalogue"
	"nems/internal/fhir"
)

// Systems and profiles that messages name.
const (
	nhsNumberSystem = "https://fhir.nhs.uk/Id/nhs-number"
	odsSystem       = "https://fhir.nhs.uk/Id/ods-organization-code"
	snomed          = "http://snomed.info/sct"
	local           = "https://example.nhs.uk/identifiers"
	ukCore          = "https://fhir.hl7.org.uk/STU3/StructureDefinition/"
	nhsCore         = "https://fhir.nhs.uk/STU3/StructureDefinition/"
	nhsCodes        = "https://fhir.nhs.uk/STU3/CodeSystem/"
)

// message is a message of a care provider being written. Resources have names, so that they can
// be referenced before they are there.
type writer struct {
	*fhir.Writer
	t       *catalogue.EventType
	kind    string
	patient Patient
	choices Choices
	newID   func() string
	ids     map[string]string
	now     time.Time
}

// newMessage starts the bundle.
func newMessage(g Generator, t *catalogue.EventType, kind string, p Patient) *writer {
	m := &writer{
		Writer: fhir.NewWriter("Bundle"), t: t, kind: kind, patient: p, choices: g.Choices,
		newID: g.NewID, ids: map[string]string{}, now: g.Now().UTC(),
	}
	if g.MessageID != "" {
		m.ids["header"] = g.MessageID
	}
	m.Value("id", m.newID())
	m.Value("type", "message")
	return m
}

// id returns the id of a resource by the resource's name; it is the same at every call.
func (m *writer) id(name string) string {
	if m.ids[name] == "" {
		m.ids[name] = m.newID()
	}
	return m.ids[name]
}

// instant returns the time of the message minus a duration.
func (m *writer) instant(before time.Duration) string {
	return m.now.Add(-before).Format("2006-01-02T15:04:05+00:00")
}

// day returns the date of the message minus a number of days.
func (m *writer) day(before int) string { return m.now.AddDate(0, 0, -before).Format(time.DateOnly) }

// resource writes an entry.
func (m *writer) resource(kind, name, profile string, body func()) {
	m.versioned(kind, name, profile, "", body)
}

// versioned writes an entry whose resource has a version, like those of PDS.
func (m *writer) versioned(kind, name, profile, version string, body func()) {
	m.entry(kind, name, func() { m.Value("versionId", version).Value("profile", profile) }, body)
}

func (m *writer) entry(kind, name string, meta, body func()) {
	m.Open("entry").Value("fullUrl", "urn:uuid:"+m.id(name))
	m.Open("resource").Open(kind).Value("id", m.id(name))
	m.inside("meta", meta)
	body()
	m.Close().Close().Close()
}

// inside writes an element with children.
func (m *writer) inside(name string, body func()) {
	m.Open(name)
	body()
	m.Close()
}

// extension writes an extension with children.
func (m *writer) extension(url string, body func()) {
	m.OpenAttr("extension", "url", url)
	body()
	m.Close()
}

// reference writes a reference to a resource of this message.
func (m *writer) reference(element, name string) {
	m.Open(element).Value("reference", "urn:uuid:"+m.id(name)).Close()
}

// coded writes a CodeableConcept with one coding.
func (m *writer) coded(element, system, code, display string) {
	m.Open(element)
	m.coding(system, code, display)
	m.Close()
}

func (m *writer) coding(system, code, display string) {
	m.Open("coding").Value("system", system).Value("code", code).Value("display", display).Close()
}

// identifier writes an identifier.
func (m *writer) identifier(system, value string) {
	m.Open("identifier").Value("system", system).Value("value", value).Close()
}

// name writes a name as PDS has it. Each given name is an element of its own,
// because the first is compared with the record.
func (m *writer) name(element, family, given string) {
	m.Open(element).Value("use", "official").Value("family", family)
	for _, one := range strings.Fields(given) {
		m.Value("given", one)
	}
	m.Close()
}

// publisher is the system that sends a message.
type publisher struct{ system, asid, contact, value string }

var surgery = publisher{"Example clinical system", "300000000161", "phone", "0191 498 0000"}

// header writes the MessageHeader. An empty enterer means none.
func (m *writer) header(from publisher, version, responsible, focus, enterer string) {
	m.entry("MessageHeader", "header", func() {
		m.Value("versionId", version).Value("lastUpdated", m.instant(time.Minute)).Value("profile", nhsCore+"Event-MessageHeader-1")
	}, func() {
		m.routing()
		m.extension(nhsCore+"Extension-MessageEventType-1", func() {
			m.coded("valueCodeableConcept", nhsCodes+"MessageEventType-1", m.kind, kindDisplays[m.kind])
		})
		m.Open("event").Value("system", nhsCodes+"EventType-1").Value("code", m.t.Code).Value("display", m.t.Display).Close()
		m.Value("timestamp", m.instant(0))
		if enterer != "" {
			m.reference("enterer", enterer)
		}
		m.inside("source", func() {
			m.Value("name", from.system)
			m.Open("contact").Value("system", from.contact).Value("value", from.value).Close()
			m.Value("endpoint", "urn:nhs:addressing:asid:"+from.asid)
		})
		m.reference("responsible", responsible)
		m.reference("focus", focus)
	})
}

var kindDisplays = map[string]string{
	"new": "New event message", "update": "Update event message", "delete": "Delete event message",
}

// routing writes the routing demographics.
func (m *writer) routing() {
	m.extension(nhsCore+"Extension-RoutingDemographics-1", func() {
		m.extension("nhsNumber", func() {
			m.Open("valueIdentifier").Value("system", nhsNumberSystem).Value("value", m.patient.NHSNumber).Close()
		})
		m.extension("name", func() { m.name("valueHumanName", m.patient.Family, m.patient.Given) })
		m.extension("birthDateTime", func() { m.Value("valueDateTime", m.patient.BirthDate) })
	})
}

// organisation writes an Organization.
func (m *writer) organisation(name, ods, display string, more func()) {
	m.resource("Organization", name, ukCore+"CareConnect-Organization-1", func() {
		m.identifier(odsSystem, ods)
		m.Value("name", display)
		if more != nil {
			more()
		}
	})
}

// person writes the Patient of a provider's message.
func (m *writer) person() {
	m.resource("Patient", "patient", ukCore+"CareConnect-Patient-1", func() {
		m.demographics(m.patient)
		m.Open("address").Value("use", "home").Value("line", "1 Example Street").Value("postalCode", m.patient.Postcode).Close()
	})
}

// demographics writes what every Patient has: verified number, name, gender and
// birth date.
func (m *writer) demographics(p Patient) {
	m.verified(p.NHSNumber)
	m.name("name", p.Family, p.Given)
	m.Value("gender", p.Gender).Value("birthDate", p.BirthDate)
}

// verified writes an NHS number with the status "present and verified".
func (m *writer) verified(number string) {
	m.inside("identifier", func() {
		m.extension(ukCore+"Extension-CareConnect-NHSNumberVerificationStatus-1", func() {
			m.coded("valueCodeableConcept", "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-NHSNumberVerificationStatus-1", "01", "Number present and verified")
		})
		m.Value("system", nhsNumberSystem).Value("value", number)
	})
}

// practitioner writes a Practitioner.
func (m *writer) practitioner(name string) {
	m.resource("Practitioner", name, ukCore+"CareConnect-Practitioner-1", func() {
		m.identifier("https://fhir.nhs.uk/Id/sds-role-profile-id", "PT0001")
		m.Open("name").Value("family", "Example").Value("given", "Morgan").Close()
	})
}

// written makes a body of one that writes.
func written(write func(*writer)) func(*given) ([]byte, error) {
	return func(g *given) ([]byte, error) {
		m := newMessage(g.Generator, g.t, g.kind, g.patient)
		write(m)
		return m.Bytes(), nil
	}
}
