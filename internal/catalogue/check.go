package catalogue

import (
	"slices"
	"strconv"
	"strings"

	"nems/internal/fhir"
)

// miscounted reports a cardinality that is not satisfied.
func (r *rule) miscounted(j *judge, n fhir.Node, count int) {
	switch want := &r.count[j.kind]; {
	case count == 0:
		r.report(j, n, "required", r.missing)
	case want.max == 0:
		r.report(j, n, "structure", r.path+" must be absent here; received "+strconv.Itoa(count)+". Remove it")
	case count < want.min:
		r.report(j, n, "required", r.path+" has the cardinality "+want.text+" here; received only "+strconv.Itoa(count))
	default:
		r.report(j, n, "structure", r.path+" has the cardinality "+want.text+" here; received "+strconv.Itoa(count))
	}
}

// value checks the value of an element against the rule.
func (r *rule) value(j *judge, n fhir.Node) {
	switch {
	case r.values != nil && !equalsAny(n, r.values):
		r.report(j, n, "value", r.wrong)
	case r.form != nil && !r.form(n):
		r.report(j, n, "value", r.wrong)
	case r.types != nil && !slices.Contains(r.types, n.NameID()):
		r.report(j, n, "value", r.wrong)
	case r.bound != nil && !slices.ContainsFunc(r.bound, func(list *codeSystem) bool { return list.in(n) }):
		r.report(j, n, "code-invalid", r.wrong)
	case r.oneOf != nil && !slices.ContainsFunc(r.oneOf, func(path []step) bool { return anyAt(n, path, fhir.Node.Exists) }):
		r.report(j, n, "required", r.wrong)
	case r.codes != nil || r.displays != nil:
		r.coded(j, n)
	case r.refers != nil:
		r.reference(j, n)
	}
}

// coded checks the codings of the list's system against the list: n itself, or
// the codings of a CodeableConcept.
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
	if list.url != "" && !n.Child("system").EqualValue(list.url) {
		return
	}
	display, known := list.displays[string(n.Child("code").ValueBytes())]
	switch {
	case r.codes != nil && !known:
		r.report(j, n, "code-invalid", r.path+" has a code of "+list.url+"; received one that the list does not have")
	case r.displays != nil && known && !n.Child("display").EqualValue(display):
		r.report(j, n, "code-invalid", r.path+" has the display that "+list.source()+" gives the code; received another or none")
	}
}

// directoryURL is the address under which the Spine's directory keeps organisations.
const directoryURL = "https://directory.spineservices.nhs.uk/STU3/Organization/"

// reference checks that n references a resource of the bundle. References that
// lead nowhere are not reported here, but once for all rules.
func (r *rule) reference(j *judge, n fhir.Node) {
	reference := n.Child("reference").ValueBytes()
	to := j.refs.Resolve(j.atEntry, reference)
	switch {
	case slices.ContainsFunc(r.refers, func(t target) bool { return t.has(j, to) }):
	case r.profile && (!to.Found() || !slices.Contains(j.allowed(n), to.Resource.Name())):
		// A profile only narrows the types that STU3 allows, and only for references into the
		// message.
	case to.Found():
		j.reported = n
		r.report(j, n, "invalid", r.path+" references a resource of the type "+r.targets()+"; received a reference to "+j.nameOf(to))
	case fhir.ClaimsInside(reference):
	case strings.HasPrefix(string(reference), directoryURL):
		if !r.directory && !j.rules.directory[j.kind] {
			j.report(finding{
				rule: "reference-bundled", source: r.source, brokenBy: bundledExample, code: "invalid", at: n,
				text: r.path + " references a resource that the message carries; received the URL of an organisation in the directory",
			})
		}
	default:
		r.reportElement(j, n, "reference", "invalid", r.path+" references a resource of the message; received another form of reference or none")
	}
}

// has reports whether the reference may lead to a resource. A contained
// resource is in no slice. Where no resource is in the slice, any resource of
// the type is accepted, because another rule says whether the slice may be
// empty.
func (t target) has(j *judge, to fhir.Target) bool {
	if t.group == nil || !to.Found() || j.present&(1<<t.group.number) == 0 {
		return t.resource == to.Resource.Name()
	}
	e := &j.entries[to.Entry]
	return e.Resource == to.Resource && e.name == t.resource && t.group.has(e)
}

func (r *rule) targets() string {
	var names []string
	for _, t := range r.refers {
		names = append(names, t.name)
	}
	return strings.Join(names, " or ")
}

// nameOf returns a resource's type, with the slice that it belongs to.
func (j *judge) nameOf(to fhir.Target) string {
	e := &j.entries[to.Entry]
	for _, g := range j.rules.groups[e.name] {
		if e.Resource == to.Resource && g.slice != "" && g.has(e) {
			return g.name
		}
	}
	return to.Resource.Name()
}

// report records that the element at the end of the rule's path breaks the
// rule, where the rule applies.
func (r *rule) report(j *judge, at fhir.Node, code, text string) {
	r.reportElement(j, at, r.steps[len(r.steps)-1].text, code, text)
}

// reportElement records that an element at a place breaks the rule.
func (r *rule) reportElement(j *judge, at fhir.Node, element, code, text string) {
	if r.strict && !j.strict || r.when != nil && !j.holds(r.when) {
		return
	}
	if fault := (said{at, element}); len(j.findings) < maxFindings {
		switch {
		case !r.profile:
			j.said = append(j.said, fault)
		case slices.Contains(j.said, fault):
			return // a rule of a page has reported the same
		}
	}
	j.report(finding{rule: r.id, source: r.source, brokenBy: r.brokenBy, code: code, text: text, at: at})
}

// place is a condition in one resource.
type place struct {
	condition *condition
	resource  fhir.Node
}

// holds reports whether the current resource meets a condition. The answer is
// remembered, because many elements of one resource may break a rule with a
// condition.
func (j *judge) holds(c *condition) bool {
	at := place{c, j.at}
	met, known := j.held[at]
	if !known {
		if j.held == nil {
			j.held = map[place]bool{}
		}
		met = c.in(j.at)
		j.held[at] = met
	}
	return met
}

// said is a fault that a page's rule has found: where, and of which element.
type said struct {
	at      fhir.Node
	element string
}
