package catalogue

import (
	"slices"
	"strconv"
	"strings"

	"nems/internal/fhir"
)

// miscounted reports a cardinality that does not hold.
func (r *rule) miscounted(j *judge, n fhir.Node, count int) {
	switch want := &r.count[j.kind]; {
	case count == 0:
		r.report(j, n, "required", r.missing)
	case count < want.min:
		r.report(j, n, "required", r.path+" has the cardinality "+want.text+" here; received only "+strconv.Itoa(count))
	default:
		r.report(j, n, "structure", r.path+" has the cardinality "+want.text+" here; received "+strconv.Itoa(count))
	}
}

// value holds an element against what the rule asks of its value.
func (r *rule) value(j *judge, n fhir.Node) {
	switch {
	case r.values != nil && !equalsAny(n, r.values):
		r.report(j, n, "value", r.wrong)
	case r.form != nil && !r.form(n.ValueBytes()):
		r.report(j, n, "value", r.wrong)
	case r.codes != nil || r.displays != nil:
		r.coded(j, n)
	case r.refers != nil:
		r.reference(j, n)
	}
}

// coded holds the codings of the list's system against the list: n itself, or
// those of a CodeableConcept.
func (r *rule) coded(j *judge, n fhir.Node) {
	if n.Type() != "CodeableConcept" {
		r.coding(j, n)
		return
	}
	for c := range n.ChildrenNamed("coding") {
		r.coding(j, c)
	}
}

func (r *rule) coding(j *judge, n fhir.Node) {
	list := r.codes
	if list == nil {
		list = r.displays
	}
	if !n.Child("system").EqualValue(list.url) {
		return
	}
	display, known := list.displays[string(n.Child("code").ValueBytes())]
	switch {
	case r.codes != nil && !known:
		r.report(j, n, "code-invalid", r.path+" has a code of "+list.url+"; received one that the list does not have")
	case r.displays != nil && known && !n.Child("display").EqualValue(display):
		r.report(j, n, "code-invalid", r.path+" has the display that "+list.url+" gives the code; received another or none")
	}
}

// directoryURL is where the Spine's directory keeps organisations.
const directoryURL = "https://directory.spineservices.nhs.uk/STU3/Organization/"

// reference wants a reference to a resource of the bundle. Those that lead
// nowhere are reported once, with all others.
func (r *rule) reference(j *judge, n fhir.Node) {
	reference := n.Child("reference").ValueBytes()
	target := j.refs.Resolve(j.atEntry, reference)
	switch name := target.Resource.Name(); {
	case slices.Contains(r.refers, name):
	case target.Found():
		j.reported = n
		r.report(j, n, "invalid", r.path+" references a resource of the type "+strings.Join(r.refers, " or ")+"; received a reference to "+name)
	case fhir.ClaimsInside(reference):
	case strings.HasPrefix(string(reference), directoryURL):
		if !r.directory {
			j.report(finding{
				rule: "reference-bundled", source: r.source, brokenBy: bundledExample, code: "invalid", at: n,
				text: r.path + " references a resource that the message carries; received the URL of an organisation in the directory",
			})
		}
	default:
		r.report(j, n, "invalid", r.path+" references a resource of the message; received another form of reference or none")
	}
}

// report notes that the rule is broken, where it holds.
func (r *rule) report(j *judge, at fhir.Node, code, text string) {
	if r.strict && !j.strict || r.when != nil && !r.when.in(j.at) {
		return
	}
	j.report(finding{rule: r.id, source: r.source, brokenBy: r.brokenBy, code: code, text: text, at: at})
}
