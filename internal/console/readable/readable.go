// Package readable turns an event message into what people read: whom it is about,
// and each of its resources as a table. It knows STU3's data types, and nothing of
// event types: what a message has is shown, whichever it is.
package readable

import (
	"strings"
	"time"
	"unicode"

	"nems/internal/fhir"
)

// Message is a message for people.
type Message struct {
	Parts []Part // one for each resource, in the order of the message
	// More is how many resources are left out, because nobody reads so many.
	More int
}

// Part is a resource.
type Part struct {
	Title string // "Immunization", "Organization: EXAMPLE PRACTICE"
	Line  int    // where it begins in the message
	Rows  []Row
	// Patient says that it is the Patient resource of the one whom the message is about.
	Patient bool
}

// Row is one thing that a resource says.
type Row struct{ Name, Value string }

// What is shown of one message at most.
const (
	mostParts = 60
	mostRows  = 80
	mostText  = 600 // bytes of one value
)

// Of reads a message.
func Of(doc *fhir.Document) (out Message) {
	r := reader{refs: doc.References()}
	subject := true
	for entry := range doc.Root().ChildrenNamed("entry") {
		resource := entry.Child("resource").Resource()
		if !resource.Exists() {
			continue
		}
		if len(out.Parts) == mostParts {
			out.More++
			continue
		}
		part := Part{Title: words(resource.Name())}
		if name := title(resource); name != "" {
			part.Title += ": " + name
		}
		part.Line, _ = resource.Position()
		if part.Patient = resource.Name() == "Patient" && subject; part.Patient {
			subject = false
		}
		r.rows = nil
		r.elements(resource, "")
		part.Rows = r.rows
		out.Parts = append(out.Parts, part)
	}
	return out
}

// reader collects the rows of a resource.
type reader struct {
	refs *fhir.References
	rows []Row
}

// technical are elements that say nothing to people.
var technical = map[string]bool{"id": true, "meta": true, "text": true, "implicitRules": true, "language": true, "contained": true}

func (r *reader) elements(of fhir.Node, within string) {
	for e := range of.Children() {
		if technical[e.Name()] && within == "" || len(r.rows) == mostRows {
			continue
		}
		name := words(e.Name())
		if e.Name() == "extension" || e.Name() == "modifierExtension" {
			name = extension(e.URL())
		}
		r.element(e, joined(within, name))
	}
}

// systems are identifiers that people know by a name.
var systems = map[string]string{
	"https://fhir.nhs.uk/Id/nhs-number": "NHS number", "http://fhir.nhs.net/Id/nhs-number": "NHS number",
	"https://fhir.nhs.uk/Id/ods-organization-code": "ODS code",
}

func (r *reader) element(e fhir.Node, name string) {
	if known := systems[e.Child("system").Value()]; known != "" && e.Type() == "Identifier" {
		name = known
	}
	if value, ok := r.value(e); ok {
		if value != "" {
			r.rows = append(r.rows, Row{name, shortened(value)})
		}
		return
	}
	if value := e.Choice("value"); value.Exists() && e.URL() != "" {
		r.element(value, name)
		return
	}
	r.elements(e, name)
}

// value is what an element of a data type says, and whether it is one.
func (r *reader) value(e fhir.Node) (string, bool) {
	switch e.Type() {
	case "CodeableConcept":
		return concept(e), true
	case "Coding":
		return coding(e), true
	case "Identifier":
		return e.Child("value").Value(), true
	case "Reference":
		return r.reference(e), true
	case "HumanName":
		return name(e), true
	case "Address":
		return address(e), true
	case "Period":
		return period(moment(e.Child("start").Value()), moment(e.Child("end").Value())), true
	case "Quantity", "Age", "Duration", "SimpleQuantity":
		return strings.TrimSpace(e.Child("comparator").Value() + e.Child("value").Value() + " " + first(e.Child("unit").Value(), e.Child("code").Value())), true
	case "ContactPoint":
		return strings.TrimSpace(e.Child("value").Value() + " " + bracketed(e.Child("system").Value())), true
	case "Annotation":
		return e.Child("text").Value(), true
	case "date", "dateTime", "instant":
		return moment(e.Value()), true
	case "boolean":
		return map[string]string{"true": "yes", "false": "no"}[e.Value()], true
	}
	return e.Value(), e.HasValue()
}

func period(start, end string) string {
	switch {
	case end == "":
		return "from " + start
	case start == "":
		return "until " + end
	}
	return start + " to " + end
}

// reference says what a reference leads to.
func (r *reader) reference(e fhir.Node) string {
	to := e.Child("reference").Value()
	if found := r.refs.Resolve(0, []byte(to)).Resource; found.Exists() {
		if name := title(found); name != "" {
			return words(found.Name()) + ": " + name
		}
		return words(found.Name())
	}
	return first(e.Child("display").Value(), to)
}

// title is by what people know a resource: its name, code or type.
func title(resource fhir.Node) string {
	for n := range resource.ChildrenNamed("name") {
		if n.Type() == "HumanName" {
			return name(n)
		}
		return n.Value()
	}
	for _, element := range []string{"code", "vaccineCode", "type", "class", "event"} {
		if e := resource.Child(element); e.Exists() {
			if e.Type() == "Coding" {
				return coding(e)
			}
			return concept(e)
		}
	}
	return ""
}

func concept(e fhir.Node) string {
	if text := e.Child("text").Value(); text != "" {
		return text
	}
	var all []string
	for c := range e.ChildrenNamed("coding") {
		all = append(all, coding(c))
	}
	return strings.Join(all, "; ")
}

func coding(e fhir.Node) string {
	code, display := e.Child("code").Value(), e.Child("display").Value()
	if display == "" {
		return code
	}
	return strings.TrimSpace(display + " " + bracketed(code))
}

func name(e fhir.Node) string {
	if text := e.Child("text").Value(); text != "" && !e.Child("family").Exists() {
		return text
	}
	return strings.TrimSpace(strings.TrimSuffix(strings.ToUpper(e.Child("family").Value())+", "+strings.Join(values(e, "given"), " "), ", ") + " " + bracketed(values(e, "prefix")...))
}

func address(e fhir.Node) string {
	parts := append(values(e, "line"), e.Child("city").Value(), e.Child("district").Value(), e.Child("postalCode").Value())
	if text := e.Child("text").Value(); len(values(e, "line")) == 0 && text != "" {
		parts = []string{text}
	}
	return strings.TrimSpace(strings.Join(some(parts), ", ") + " " + bracketed(e.Child("use").Value()))
}

func values(e fhir.Node, element string) (out []string) {
	for n := range e.ChildrenNamed(element) {
		out = append(out, n.Value())
	}
	return out
}

// extension is the name of an extension for people: the end of its URL without what
// all have.
func extension(url string) string {
	end := url[strings.LastIndexAny(url, "/#")+1:]
	end = strings.TrimSuffix(strings.TrimPrefix(end, "Extension-"), "-1")
	for _, prefix := range []string{"CareConnect-", "EMS-", "patient-"} {
		end = strings.TrimPrefix(end, prefix)
	}
	return words(end)
}

// words takes apart a name such as vaccineCode: "Vaccine code".
func words(name string) string {
	var b strings.Builder
	before := ' '
	for i, c := range strings.ReplaceAll(name, "-", " ") {
		switch {
		case i == 0:
			c = unicode.ToUpper(c)
		case unicode.IsUpper(c) && unicode.IsLower(before):
			b.WriteByte(' ')
			c = unicode.ToLower(c)
		}
		b.WriteRune(c)
		before = c
	}
	return b.String()
}

// moment writes a date or time for people; what is none stays as it is.
func moment(text string) string {
	for layout, shown := range map[string]string{time.RFC3339: "2 Jan 2006 15:04:05 MST", time.DateOnly: "2 Jan 2006", "2006-01": "Jan 2006"} {
		if at, err := time.Parse(layout, text); err == nil {
			if layout == time.RFC3339 {
				at = at.UTC()
			}
			return at.Format(shown)
		}
	}
	return text
}

func joined(within, name string) string {
	if within == "" {
		return name
	}
	return within + " › " + strings.ToLower(name[:1]) + name[1:]
}

func bracketed(parts ...string) string {
	if text := strings.Join(some(parts), " "); text != "" {
		return "(" + text + ")"
	}
	return ""
}

func some(parts []string) (out []string) {
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}

func first(texts ...string) string {
	if all := some(texts); len(all) > 0 {
		return all[0]
	}
	return ""
}

func shortened(text string) string {
	if len(text) > mostText {
		return strings.ToValidUTF8(text[:mostText], "") + " …"
	}
	return text
}
