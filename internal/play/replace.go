package play

import (
	"regexp"
	"slices"
	"strings"

	"nems/internal/fhir"
	"nems/internal/nhs"
)

// removed stands for text that people wrote.
const removed = "(removed)"

// kept are the texts that say nothing about a person, by the types of their parents.
// All others are removed: what is not known to be harmless is not recorded.
var kept = map[string][]string{
	"Coding": {"display", "version"}, "Quantity": {"unit"}, "Age": {"unit"}, "Duration": {"unit"}, "SimpleQuantity": {"unit"},
	"Organization": {"name"}, "HealthcareService": {"name"}, "Location": {"name"}, "Immunization": {"lotNumber"},
	"MessageHeader.Source": {"name", "software", "version"},
}

// replacer writes messages without their patients. What stood for one person, place
// or thing before stands for one afterwards, over all messages.
type replacer struct {
	*substitutes
	numbers map[string]string // NHS numbers, as ten digits
}

// learn takes note of what is in a message, so that no substitute is somebody's real
// identifier.
func (r *replacer) learn(n fhir.Node) {
	switch n.Type() {
	case "Identifier":
		if isNHSNumber(n) {
			number := digits(n.Child("value").Value())
			r.taken[number] = true
			if _, known := r.numbers[number]; !known {
				r.numbers[number], r.order = "", append(r.order, number)
			}
		}
	case "HumanName":
		for c := range n.Children() {
			r.taken[strings.ToLower(c.Value())] = true
		}
	case "Address":
		for c := range n.Children() {
			r.taken[strings.ToLower(c.Value())] = true
		}
	}
	for c := range n.Children() {
		r.learn(c)
	}
}

// number chooses the substitutes of the NHS numbers, in the order in which they came.
func (r *replacer) number() {
	for _, n := range r.order {
		if r.numbers[n] == "" {
			r.numbers[n] = r.testNumber(n)
		}
	}
}

// message writes a message without its patients.
func (r *replacer) message(doc *fhir.Document) []byte {
	w := fhir.NewWriter(doc.Root().Name())
	for c := range doc.Root().Children() {
		r.node(w, c, doc.Root(), "")
	}
	return w.Bytes()
}

// node writes an element. within is the URL of the extension that it is in.
func (r *replacer) node(w *fhir.Writer, n, parent fhir.Node, within string) {
	switch n.Type() {
	case "Narrative", "xhtml", "Attachment", "Signature":
		return // text and pictures for people
	case "Identifier":
		r.identifier(w, n)
		return
	case "HumanName":
		r.humanName(w, n)
		return
	case "Address":
		r.address(w, n)
		return
	case "ContactPoint":
		r.contact(w, n)
		return
	case "Extension":
		within = n.URL()
	}
	w.Open(n.Name())
	if n.Type() == "Extension" {
		w.Attr("url", within)
	}
	if n.HasValue() {
		w.Attr("value", r.value(n, parent, within))
	}
	for c := range n.Children() {
		r.node(w, c, n, within)
	}
	w.Close()
}

// value is the substitute of a primitive's value.
func (r *replacer) value(n, parent fhir.Node, within string) string {
	v := n.Value()
	switch n.Type() {
	case "string", "markdown":
		switch {
		case parent.Type() == "Reference" && n.Name() == "reference":
			v = r.reference(v)
		case !slices.Contains(kept[parent.Type()], n.Name()):
			return removed
		}
	case "date", "dateTime":
		if n.Name() == "birthDate" || strings.HasSuffix(within, "birthDateTime") || strings.HasSuffix(within, "patient-birthTime") {
			return shifted(v, r.days(v))
		}
	case "id":
		if n.Name() == "id" {
			v = r.localID(v)
		}
	case "uri":
		if n.Name() == "fullUrl" {
			v = r.reference(v)
		}
	case "base64Binary":
		return ""
	}
	return r.withoutNumbers(r.uuids(v), n.Type() != "uri" && n.Type() != "string")
}

var (
	relative = regexp.MustCompile(`^(.*\b[A-Z][A-Za-z]+/)([A-Za-z0-9.-]+)(/_history/[^/]+)?$`)
	tenDigit = regexp.MustCompile(`\b\d{3}[ -]?\d{3}[ -]?\d{4}\b`)
	uuidForm = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)
)

// reference maps what a reference points at. An organisation's address holds its ODS
// code and stays.
func (r *replacer) reference(v string) string {
	if local, is := strings.CutPrefix(v, "#"); is {
		return "#" + r.localID(local)
	}
	parts := relative.FindStringSubmatch(v)
	if parts == nil || strings.HasPrefix(v, "urn:") || strings.Contains(v, "directory.spineservices.nhs.uk") {
		return v
	}
	return parts[1] + r.localID(parts[2])
}

// localID maps the id of a resource.
func (r *replacer) localID(v string) string {
	if uuidForm.MatchString(v) {
		return v // mapped with all UUIDs
	}
	if number, known := r.numbers[digits(v)]; known && len(v) == len(number) {
		return number
	}
	return "id-" + r.token("id", v)
}

// uuids maps all UUIDs in a text.
func (r *replacer) uuids(v string) string {
	return uuidForm.ReplaceAllStringFunc(v, func(id string) string { return r.uuid(strings.ToLower(id)) })
}

// withoutNumbers maps NHS numbers wherever they stand, as in the address of a record.
// codes says that the value may be a code: one of SNOMED CT may look like a number that
// nobody in the recording has.
func (r *replacer) withoutNumbers(v string, codes bool) string {
	return tenDigit.ReplaceAllStringFunc(v, func(found string) string {
		n := digits(found)
		if number, known := r.numbers[n]; known {
			return number
		}
		if _, err := nhs.ParseNHSNumber(n); err != nil || codes {
			return found
		}
		r.numbers[n] = r.testNumber(n)
		return r.numbers[n]
	})
}

func isNHSNumber(identifier fhir.Node) bool {
	return strings.HasSuffix(identifier.Child("system").Value(), "/nhs-number")
}

func digits(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, s)
}

// identifier writes an identifier: codes of organisations stay.
func (r *replacer) identifier(w *fhir.Writer, n fhir.Node) {
	system := n.Child("system").Value()
	w.Open(n.Name())
	for c := range n.Children() {
		switch v := c.Value(); {
		case c.Name() != "value":
			r.node(w, c, n, "")
		case strings.Contains(system, "/ods-"), strings.Contains(system, "/CodeSystem/"):
			w.Value("value", r.withoutNumbers(v, true))
		case isNHSNumber(n):
			w.Value("value", r.numbers[digits(v)])
		case uuidForm.MatchString(v):
			w.Value("value", r.uuids(v))
		default:
			w.Value("value", "R"+r.token(system, v))
		}
	}
	w.Close()
}

// prefixes are titles that name nobody.
var prefixes = []string{"mr", "mrs", "miss", "ms", "mx", "dr", "master", "prof"}

func (r *replacer) humanName(w *fhir.Writer, n fhir.Node) {
	w.Open(n.Name())
	for c := range n.Children() {
		v := c.Value()
		switch c.Name() {
		case "family":
			w.Value("family", r.family(v))
		case "given":
			w.Value("given", r.given(v))
		case "prefix":
			if !slices.Contains(prefixes, strings.ToLower(strings.Trim(v, "."))) {
				v = "Mx"
			}
			w.Value("prefix", v)
		default:
			r.node(w, c, n, "")
		}
	}
	w.Close()
}

// address writes an address of a town of the development world.
func (r *replacer) address(w *fhir.Writer, n fhir.Node) {
	var old []string
	for c := range n.ChildrenNamed("line") {
		old = append(old, c.Value())
	}
	home := r.home(old, n.Child("postalCode").Value())
	lines := home.written(len(old))
	w.Open(n.Name())
	i := 0
	for c := range n.Children() {
		switch c.Name() {
		case "line":
			w.Value("line", lines[i])
			i++
		case "text":
			w.Value("text", strings.Join(append(home.written(2), home.postcode), ", "))
		case "postalCode":
			w.Value("postalCode", home.postcode)
		case "city", "district", "state":
			w.Value(c.Name(), home.town)
		default:
			r.node(w, c, n, "")
		}
	}
	w.Close()
}

// contact writes a telephone number or an e-mail address of nobody.
func (r *replacer) contact(w *fhir.Writer, n fhir.Node) {
	w.Open(n.Name())
	for c := range n.Children() {
		switch {
		case c.Name() != "value":
			r.node(w, c, n, "")
		case n.Child("system").EqualValue("email"):
			w.Value("value", r.token("email", c.Value())+"@example.org")
		default:
			w.Value("value", r.phone(c.Value()))
		}
	}
	w.Close()
}
