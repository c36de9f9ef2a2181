package event

import (
	"fmt"
	"slices"
	"strings"

	"nems/internal/fhir"
)

// The extensions that carry routing facts. Only the URLs without `EMS-` count;
// the older ones with it are not read.
const (
	routingURL = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-RoutingDemographics-1"
	kindURL    = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-MessageEventType-1"
	eventTypes = "https://fhir.nhs.uk/STU3/CodeSystem/EventType-1"
)

// Systems under which the same identifiers are written.
const (
	nhsNumberSystem    = "https://fhir.nhs.uk/Id/nhs-number"
	nhsNumberSystemOld = "http://fhir.nhs.net/Id/nhs-number"
	odsSystem          = "https://fhir.nhs.uk/Id/ods-organization-code"
	odsDirectory       = "https://directory.spineservices.nhs.uk/STU3/Organization/"
)

const page = "explore_generic_event_requirements"

// maxEntries limits the work that a message can cause, because each entry is
// checked against the rules of its resource. No event needs as many.
const maxEntries = 2_000

// Read returns the facts of a message, and a finding for each one that is
// missing or cannot be read. With findings the event is incomplete.
func Read(doc *fhir.Document) (Event, []fhir.Finding) {
	r := reader{event: Event{Mother: -1, Baby: -1}}
	header := r.header(doc.Root())
	if !header.Exists() {
		return r.event, r.findings
	}
	r.message(header)
	r.routing(header.Extension(routingURL), header)
	r.refs, r.codes = doc.References(), map[fhir.Node]string{}
	if n := len(r.refs.Entries()); n > maxEntries {
		r.fail(r.refs.Entries()[maxEntries].At, "too-costly", "entries", fmt.Sprintf("an event message has at most %d entries; received %d", maxEntries, n))
		return r.event, r.findings
	}
	r.patients()
	return r.event, r.findings
}

// reader collects facts and findings.
type reader struct {
	event    Event
	findings []fhir.Finding
	refs     *fhir.References
	codes    map[fhir.Node]string // codes of the organisations that references led to
}

func (r *reader) fail(at fhir.Node, code, rule, text string) {
	line, column := at.Position()
	r.findings = append(r.findings, fhir.Finding{
		Severity: "error", Code: code, Rule: "message-" + rule, Source: page,
		Expression: at.Expression(), Location: at.Location(), Line: line, Column: column, Text: text,
	})
}

// header finds the MessageHeader: the first resource of a Bundle of type message.
func (r *reader) header(bundle fhir.Node) fhir.Node {
	if bundle.Name() != "Bundle" {
		r.fail(bundle, "structure", "bundle", "an event message is a Bundle; received the resource "+bundle.Name())
		return fhir.Node{}
	}
	if kind := bundle.Child("type"); !kind.EqualValue("message") {
		r.fail(first(kind, bundle), "value", "bundle-type", "the Bundle of an event message has the type `message`; received another or none")
	}
	entry := bundle.Child("entry")
	header := entry.Child("resource").Resource()
	if header.Name() != "MessageHeader" {
		got := header.Name()
		if got == "" {
			got = "none"
		}
		r.fail(first(entry, bundle), "structure", "header", "the first entry of an event message must be its MessageHeader; received "+got)
		return fhir.Node{}
	}
	return header
}

// message reads what happened: code, kind, id and sequence.
func (r *reader) message(header fhir.Node) {
	e := &r.event
	e.MessageID = header.Child("id").Value()
	if e.MessageID == "" {
		r.fail(header, "required", "id", "MessageHeader.id is missing: every event message has an id of its own")
	}
	code := header.At("event", "code")
	e.Code = code.Value()
	if e.Code == "" {
		r.fail(header, "required", "event", "MessageHeader.event.code is missing: it names the event type")
	}
	if system := header.At("event", "system"); system.Exists() && !system.EqualValue(eventTypes) {
		r.fail(system, "code-invalid", "event-system", "MessageHeader.event.system must be `"+eventTypes+"`; received another system")
	}
	kind := header.Extension(kindURL).At("valueCodeableConcept", "coding", "code")
	switch e.Kind = Kind(kind.Value()); e.Kind {
	case New, Update, Delete:
	default:
		r.fail(first(kind, header), "required", "kind", "the messageEventType extension must say `new`, `update` or `delete`; received another code or none")
	}
	e.LastUpdated = header.At("meta", "lastUpdated").Value()
	e.VersionID = header.At("meta", "versionId").Value()
	e.Source = header.At("source", "endpoint").Value()
	e.Focus = header.At("focus", "reference").Value()
}

// routing reads whom the event is about. Births may lack any part of it.
func (r *reader) routing(routing, header fhir.Node) {
	number := routing.Extension("nhsNumber").At("valueIdentifier")
	name := routing.Extension("name").At("valueHumanName")
	birth := routing.Extension("birthDateTime").Choice("value")
	r.event.Routing = Routing{
		NHSNumber: number.Child("value").Value(),
		Family:    name.Child("family").Value(),
		Given:     name.Child("given").Value(),
		BirthDate: birth.Value(),
	}
	if s := number.Child("system"); s.Exists() && !s.EqualValue(nhsNumberSystem) && !s.EqualValue(nhsNumberSystemOld) {
		r.fail(s, "value", "routing-system", "the routing NHS number must have the system `"+nhsNumberSystem+"`; received another system")
	}
	// It is for the page to demand name and birth date: an official example
	// lacks them, and missing parts are not compared.
	if r.event.Routing.NHSNumber == "" && r.event.Code != BirthNotification {
		r.fail(first(routing, header), "required", "routing-nhsNumber", "the routing demographics extension has no nhsNumber: subscribers are found by it")
	}
}

// patients reads the Patient resources and, in a birth, which of them are mother and baby.
func (r *reader) patients() {
	birth := r.event.Code == BirthNotification
	mother, baby := fhir.Node{}, fhir.Node{}
	for i, entry := range r.refs.Entries() {
		resource := entry.Resource
		switch {
		case resource.Name() == "Patient":
			r.event.Patients = append(r.event.Patients, r.patient(i, resource))
		case birth && resource.Name() == "Communication":
			mother = r.refs.Resolve(i, resource.At("subject", "reference").ValueBytes()).Resource
		case birth && resource.Name() == "RelatedPerson":
			baby = r.refs.Resolve(i, resource.At("patient", "reference").ValueBytes()).Resource
		}
	}
	r.event.Mother, r.event.Baby = r.event.indexOf(mother), r.event.indexOf(baby)
}

// indexOf returns the index of a resource among Patients, -1 if it is not one.
func (e *Event) indexOf(resource fhir.Node) int {
	return slices.IndexFunc(e.Patients, func(p Patient) bool { return p.At == resource })
}

func (r *reader) patient(entry int, resource fhir.Node) Patient {
	p := Patient{At: resource}
	for id := range resource.ChildrenNamed("identifier") {
		if s := id.Child("system"); s.EqualValue(nhsNumberSystem) || s.EqualValue(nhsNumberSystemOld) {
			p.NHSNumbers = append(p.NHSNumbers, id.Child("value").Value())
		}
	}
	for a := range resource.ChildrenNamed("address") {
		p.Addresses = append(p.Addresses, Address{Use: a.Child("use").Value(), Postcode: a.Child("postalCode").Value()})
	}
	for gp := range resource.ChildrenNamed("generalPractitioner") {
		if code := r.organisation(entry, gp.Child("reference")); code != "" {
			p.Practitioners = append(p.Practitioners, code)
		}
	}
	return p
}

// officialName returns the name that PDS registers, or else the first one.
func officialName(patient fhir.Node) fhir.Node {
	for name := range patient.ChildrenNamed("name") {
		if name.Child("use").EqualValue("official") {
			return name
		}
	}
	return patient.Child("name")
}

// organisation returns the ODS code that a reference leads to: in the
// directory's URL, or in an Organization resource of the message. A resource is
// searched once, however many references lead to it.
func (r *reader) organisation(entry int, reference fhir.Node) string {
	if code, ok := strings.CutPrefix(reference.Value(), odsDirectory); ok {
		return code
	}
	target := r.refs.Resolve(entry, reference.ValueBytes()).Resource
	code, known := r.codes[target]
	if !known {
		code = odsCode(target)
		r.codes[target] = code
	}
	return code
}

func odsCode(organisation fhir.Node) string {
	for id := range organisation.ChildrenNamed("identifier") {
		if id.Child("system").EqualValue(odsSystem) {
			return id.Child("value").Value()
		}
	}
	return ""
}

// first returns the first node that exists, so that a finding points at the
// nearest existing element.
func first(nodes ...fhir.Node) fhir.Node {
	for _, n := range nodes {
		if n.Exists() {
			return n
		}
	}
	return fhir.Node{}
}
