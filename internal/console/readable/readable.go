// Package readable turns an event message into what people read: whom it is about,
// and each of its resources as a table. It knows STU3's data types, and nothing of
// event types: what a message has is shown, whichever it is.
package readable

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"nems/internal/fhir"
)

// Message is a message for people.
type Message struct {
	Happened string // what it reports, in a sentence; "" where it does not say
	Parts    []Part // one for each resource: the patient, the focus, others in the order of the message, the header
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
	rank    int // of its place
}

// The places of parts: people want to know who and what before how it was sent.
const (
	rankPatient = iota
	rankFocus
	rankOther
	rankHeader
)

// Row is one thing that a resource says.
type Row struct{ Name, Value string }

// What is shown of one message at most.
const (
	mostParts = 60
	mostRows  = 80
	mostText  = 600 // bytes of one value
	mostName  = 80  // bytes of the name of an extension
)

// Of reads a message.
func Of(doc *fhir.Document) (out Message) {
	r := reader{refs: doc.References()}
	for i, e := range r.refs.Entries() {
		if r.entry = i; !e.Resource.Exists() {
			continue
		}
		if e.Resource.Name() == "MessageHeader" && !r.header.Exists() {
			r.header = e.Resource
			r.focus = r.refs.Resolve(i, e.Resource.At("focus", "reference").ValueBytes()).Resource
			out.Happened = happened(e.Resource, r.focus)
		}
		out.add(&r, e.Resource)
		for c := range e.Resource.ChildrenNamed("contained") {
			out.add(&r, c.Resource())
		}
	}
	slices.SortStableFunc(out.Parts, func(a, b Part) int { return a.rank - b.rank })
	return out
}

// add adds a resource, as far as people read.
func (m *Message) add(r *reader, resource fhir.Node) {
	switch {
	case !resource.Exists():
		return
	case len(m.Parts) == mostParts:
		m.More++
		return
	}
	part := Part{Title: words(resource.Name()), rank: rankOther}
	switch resource {
	case r.header:
		part.rank = rankHeader
	case r.focus:
		part.rank = rankFocus
	}
	if name := title(resource); name != "" {
		part.Title += ": " + shortened(name)
	}
	part.Line, _ = resource.Position()
	r.rows = nil
	if part.Patient = resource.Name() == "Patient" && !r.patient; part.Patient {
		r.patient, part.rank = true, rankPatient
		if old := age(resource.Child("birthDate").Value(), r.header.Child("timestamp").Value()); old != "" {
			r.rows = []Row{{"Age at the event", old}}
		}
	}
	r.elements(resource, "")
	part.Rows = r.rows
	m.Parts = append(m.Parts, part)
}

// reader collects the rows of a resource.
type reader struct {
	refs    *fhir.References
	entry   int       // of the resource
	header  fhir.Node // of the message
	focus   fhir.Node // what the header says that it is about
	patient bool      // the patient was read
	rows    []Row
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
			r.rows = append(r.rows, Row{shortened(name), shortened(value)})
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
	if found := r.refs.Resolve(r.entry, []byte(to)).Resource; found.Exists() {
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
	return first(words(strings.ToValidUTF8(end[:min(len(end), mostName)], "")), "Extension")
}

// words takes apart a name such as vaccineCode: "Vaccine code". Abbreviations stay
// what they are: "NHS number verification status".
func words(name string) string {
	var out []string
	all := []rune(strings.ReplaceAll(name, "-", " "))
	start := 0
	for i := 1; i <= len(all); i++ {
		// A word begins with a capital behind a small letter, or before one.
		if i < len(all) && !(unicode.IsUpper(all[i]) && (unicode.IsLower(all[i-1]) || i+1 < len(all) && unicode.IsLower(all[i+1]))) {
			continue
		}
		word := []rune(strings.TrimSpace(string(all[start:i])))
		start = i
		if len(word) == 0 {
			continue
		}
		if abbreviation := len(word) > 1 && unicode.IsUpper(word[1]); !abbreviation {
			word[0] = unicode.ToLower(word[0])
		}
		out = append(out, string(word))
	}
	if len(out) == 0 {
		return ""
	}
	first := []rune(out[0])
	first[0] = unicode.ToUpper(first[0])
	out[0] = string(first)
	return strings.Join(out, " ")
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
	// An abbreviation stays what it is.
	if letters := []rune(name); len(letters) > 1 && unicode.IsLower(letters[1]) {
		letters[0] = unicode.ToLower(letters[0])
		name = string(letters)
	}
	return within + " › " + name
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
