package subscription

import (
	"strconv"
	"strings"
	"time"

	"nems/internal/fhir"
	"nems/internal/nhs"
)

// createPage is the page that says what a Subscription resource looks like.
const createPage = "explore_create_subscription"

// Profile is the profile of every Subscription resource of a NEMS.
const Profile = "https://fhir.nhs.uk/STU3/StructureDefinition/EMS-Subscription-1"

// contactURL precedes the ODS code in Subscription.contact.value.
const contactURL = "https://directory.spineservices.nhs.uk/STU3/Organization/"

// Resource is the content of a Subscription resource that is to be created. Its
// criteria are not parsed, because mistakes in them have answers of their own.
type Resource struct {
	// HasID says that the resource has an id, which only the NEMS may assign.
	HasID bool
	// Contact is the organisation of the first contact that names one; it owns the
	// subscription. Contacts are all contacts; see Subscription.Contacts.
	Contact  nhs.ODSCode
	Contacts string
	End      time.Time // UTC; zero when there is none
	Reason   string
	Criteria string // as written
	Mailbox  string // channel.endpoint
}

// ReadResource reads a Subscription, which may be inside another resource. It
// returns one finding for each row of the page's table that the resource
// breaks. It adds to the findings of fhir.ParseXML and repeats none: the schema
// already requires status, reason, criteria and channel.type, and their form.
//
// meta.lastUpdated and meta.versionId are not read, because they are
// overwritten; clients in use send them. channel.payload, channel.header, error
// and tag are accepted but not stored.
func ReadResource(root fhir.Node) (Resource, []fhir.Finding) {
	r := resourceReader{}
	if root.Name() != "Subscription" {
		r.fail(root, "structure", "resource", "this endpoint takes a Subscription; received the resource "+root.Name())
		return r.Resource, r.findings
	}
	r.HasID = root.Child("id").Exists()
	r.modifiers(root)
	r.fixed(root.Child("status"), "status", "requested")
	r.contacts(root)
	r.end(root.Child("end"))
	r.Reason = r.text(root.Child("reason"), "reason")
	r.short(root.Child("reason"), "reason", len(r.Reason), maxReason)
	r.Criteria = r.text(root.Child("criteria"), "criteria")
	r.channel(root.Child("channel"))
	return r.Resource, fhir.AppendOmitted(r.findings, r.omitted)
}

// maxFindings limits how many findings are reported for one resource.
const maxFindings = 200

// resourceReader collects the resource and the findings.
type resourceReader struct {
	Resource
	findings []fhir.Finding
	omitted  int // findings beyond the cap
}

func (r *resourceReader) fail(at fhir.Node, code, rule, text string) {
	if len(r.findings) == maxFindings {
		r.omitted++
		return
	}
	line, column := at.Position()
	r.findings = append(r.findings, fhir.Finding{
		Severity: fhir.Error, Code: code, Rule: "subscription-" + strings.ReplaceAll(rule, ".", "-"), Source: createPage,
		Expression: at.Expression(), Location: at.Location(), Line: line, Column: column, Text: text,
	})
}

// modifiers refuses modifiers: FHIR forbids to ignore them, and a NEMS knows none.
func (r *resourceReader) modifiers(root fhir.Node) {
	for _, name := range []string{"implicitRules", "modifierExtension"} {
		for n := range root.ChildrenNamed(name) {
			r.fail(n, "not-supported", "modifier", name+" changes the meaning of a resource and is not supported")
		}
	}
	for n := range root.Child("channel").ChildrenNamed("modifierExtension") {
		r.fail(n, "not-supported", "modifier", "modifierExtension changes the meaning of a channel and is not supported")
	}
}

// fixed checks an element that must have one specific code. The schema reports
// a missing element, and codes that STU3 does not have.
func (r *resourceReader) fixed(n fhir.Node, name, want string) {
	if !n.Exists() || n.EqualValue(want) {
		return
	}
	got := "no value"
	if n.HasValue() {
		got = shown(n.Value())
	}
	r.fail(n, "value", name, name+" must be `"+want+"`; received "+got)
}

// text reads an element that needs a text. The schema reports a missing element.
func (r *resourceReader) text(n fhir.Node, name string) string {
	value := n.Value()
	if n.Exists() && strings.TrimSpace(value) == "" {
		r.fail(n, "required", name, name+" needs a text; received none")
	}
	return value
}

// contacts reads the owner from the contacts: the first contact that has the
// page's form decides. The others are stored without being checked. If none has
// the form, the findings say what the first one lacks.
func (r *resourceReader) contacts(root fhir.Node) {
	for contact := range root.ChildrenNamed("contact") {
		if r.Contact = organisation(contact); r.Contact != "" {
			break
		}
	}
	switch first := root.Child("contact"); {
	case !first.Exists():
		r.fail(root, "required", "contact", "contact is missing: it names the subscribing organisation as `"+contactURL+"` followed by its ODS code")
	case r.Contact == "":
		r.contact(first)
	case root.Count("contact") > 1:
		r.Contacts = string(writeContacts(root))
		r.short(first, "contact", len(r.Contacts), maxContacts)
	}
}

// Limits on what is stored of a subscription, in bytes. A reason is for people,
// and a page of subscriptions is read at once.
const (
	maxReason   = 4 << 10
	maxContacts = 16 << 10 // all contacts together, in XML
)

// short refuses a text that is longer than what is stored.
func (r *resourceReader) short(n fhir.Node, name string, length, most int) {
	if length > most {
		r.fail(n, "too-long", name, name+" has at most "+strconv.Itoa(most)+" bytes; received "+strconv.Itoa(length))
	}
}

// organisation returns the ODS code that a contact names, "" if the contact
// does not have the page's form.
func organisation(contact fhir.Node) nhs.ODSCode {
	text, found := strings.CutPrefix(contact.Child("value").Value(), contactURL)
	code, err := nhs.ParseODSCode(text)
	if !found || err != nil || !contact.Child("use").EqualValue("work") || !contact.Child("system").EqualValue("url") {
		return ""
	}
	return code
}

// contact reports what a contact lacks to have the page's form.
func (r *resourceReader) contact(contact fhir.Node) {
	for _, part := range []struct{ name, want string }{{"use", "work"}, {"system", "url"}} {
		n := contact.Child(part.name)
		if !n.Exists() {
			r.fail(contact, "required", "contact-"+part.name, "contact."+part.name+" is `"+part.want+"`; received none")
			continue
		}
		r.fixed(n, "contact."+part.name, part.want)
	}
	value := contact.Child("value")
	text, found := strings.CutPrefix(value.Value(), contactURL)
	_, err := nhs.ParseODSCode(text)
	switch {
	case !value.Exists():
		r.fail(contact, "required", "contact-value", "contact.value is `"+contactURL+"` followed by an ODS code; received none")
	case !found:
		r.fail(value, "value", "contact-value", "contact.value is `"+contactURL+"` followed by an ODS code; received another address")
	case err != nil:
		r.fail(value, "value", "contact-value", "contact.value ends with an ODS code, 1 to 12 letters and digits; received "+shown(text))
	}
}

// end reads when the subscription ends. The schema requires an instant with a
// zone; times that the schema accepts but no calendar has (24:00, a year of
// five digits) are refused here.
func (r *resourceReader) end(n fhir.Node) {
	if !n.Exists() {
		return
	}
	end, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(n.Value()))
	if err != nil || end.UTC().IsZero() || end.Year() < 1 {
		r.fail(n, "value", "end", "end is an instant with a time zone, such as 2030-01-31T00:00:00+00:00; received another form")
		return
	}
	r.End = end.UTC()
}

// channel reads where copies go.
func (r *resourceReader) channel(channel fhir.Node) {
	if !channel.Exists() {
		return
	}
	r.fixed(channel.Child("type"), "channel.type", "message")
	endpoint := channel.Child("endpoint")
	r.Mailbox = strings.TrimSpace(endpoint.Value())
	switch {
	case !endpoint.Exists():
		r.fail(channel, "required", "channel-endpoint", "channel.endpoint is missing: it names the MESH mailbox that events go to")
	case r.Mailbox == "":
		r.fail(endpoint, "required", "channel-endpoint", "channel.endpoint names a MESH mailbox; received nothing")
	}
}
