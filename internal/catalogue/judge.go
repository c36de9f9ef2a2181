package catalogue

import (
	"strconv"
	"sync"

	"nems/internal/fhir"
)

// maxFindings limits how many findings are reported for one message.
const maxFindings = 200

// Judge checks a message against the rules of its event type: the cardinalities
// and values of its pages, references, NHS numbers, patients. fhir.ParseXML has
// already checked the structure. At Schema there are no findings.
func (t *EventType) Judge(doc *fhir.Document, level Level) Judgement {
	if level == Schema {
		return Judgement{}
	}
	j := newJudge(t, doc, level)
	defer j.release()
	j.run()
	return Judgement{j.done()}
}

// entry is one entry of the bundle.
type entry struct {
	fhir.Entry
	name       string // the resource's type
	groups     uint64 // bits of the slices that the resource belongs to
	referenced bool   // a reference leads to it
}

// judge is the state while one message is judged.
type judge struct {
	rules    *ruleSet
	src      []byte
	root     fhir.Node
	at       fhir.Node // the current resource
	atEntry  int       // the entry of the current resource
	work     []expected
	strict   bool
	kind     int // index into allKinds
	refs     *fhir.References
	entries  []entry
	present  uint64 // bits of the slices that have at least one resource
	counts   [maxGroups]int
	routing  *routing // nil until it is needed
	held     map[place]bool
	reported fhir.Node // the last reference whose target a rule has refused
	said     []said    // what the pages' rules have found in the current resource
	findings []fhir.Finding
	omitted  int

	fewEntries [24]entry
	someWork   [96]expected
	someSaid   [16]said
}

// judges reuses the memory for judging, seven kilobytes for each message.
var judges = sync.Pool{New: func() any { return new(judge) }}

// release returns the memory, with nothing of the message left in it.
func (j *judge) release() {
	*j = judge{}
	judges.Put(j)
}

func newJudge(t *EventType, doc *fhir.Document, level Level) *judge {
	j := judges.Get().(*judge)
	j.rules, j.src, j.root, j.refs, j.strict = t.rules, doc.Bytes(), doc.Root(), doc.References(), level == Strict
	j.entries = j.fewEntries[:0]
	j.work, j.said = j.someWork[:0], j.someSaid[:0]
	for _, e := range j.refs.Entries() {
		j.entries = append(j.entries, entry{Entry: e, name: e.Resource.Name()})
	}
	j.kind = j.kindOf()
	return j
}

const kindURL = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-MessageEventType-1"

// kindOf reads the message's kind, on which cardinalities depend. An unknown
// kind is judged as new.
func (j *judge) kindOf() int {
	if len(j.entries) > 0 {
		code := j.entries[0].Resource.Extension(kindURL).At("valueCodeableConcept", "coding", "code")
		for i, kind := range allKinds {
			if code.EqualValue(kind) {
				return i
			}
		}
	}
	return 0
}

func (j *judge) run() {
	j.fullURLs()
	j.sliceResources()
	j.bundle()
	j.headerFirst()
	for i := range j.entries {
		j.resource(i)
	}
	j.ids()
	j.resourceCounts()
}

// bundle checks the Bundle's own elements. The entries are checked one by one
// elsewhere.
func (j *judge) bundle() {
	j.at = j.root
	for _, g := range j.rules.bundle {
		for _, r := range g.rules {
			if n := j.root.Child(r.path); n.Exists() {
				r.value(j, n)
			} else {
				r.report(j, j.root, "required", r.missing)
			}
		}
	}
}

// headerFirst checks that the first entry is the MessageHeader.
func (j *judge) headerFirst() {
	if len(j.entries) == 0 || j.entries[0].name != "MessageHeader" {
		j.report(finding{
			rule: "generic/Bundle.entry(MessageHeader)", source: genericPage, code: "structure", at: j.root,
			text: "the first entry of an event message must be its MessageHeader; received another resource or none",
		})
	}
}

const genericPage = "explore_generic_event_requirements"

// resourceCounts compares the number of resources with the page's cardinalities.
func (j *judge) resourceCounts() {
	for _, g := range j.rules.all {
		n, want := j.counts[g.number], g.count[j.kind]
		if want.holds(n) {
			continue
		}
		code := "structure"
		if n < want.min {
			code = "required"
		}
		j.report(finding{
			rule: g.id, source: g.page, brokenBy: g.brokenBy, code: code, at: j.root,
			text: "a " + allKinds[j.kind] + " message has " + want.text + " " + g.name + " resources; received " + strconv.Itoa(n),
		})
	}
}

// sliceResources determines which slices each resource belongs to.
func (j *judge) sliceResources() {
	for i := range j.entries {
		e := &j.entries[i]
		for _, g := range j.rules.groups[e.name] {
			if g.byValue != nil && g.byValue.in(e.Resource) {
				j.belongs(e, g)
			}
		}
	}
	for _, link := range j.rules.links {
		for i := range j.entries {
			if e := &j.entries[i]; e.name == link.from.resource && link.from.has(e) {
				j.follow(i, e.Resource, link.path, link.to)
			}
		}
	}
}

// belongs puts a resource into a slice.
func (j *judge) belongs(e *entry, g *group) {
	e.groups |= 1 << g.number
	j.present |= 1 << g.number
}

// has reports whether a resource of the group's type belongs to the group.
func (g *group) has(e *entry) bool { return g.slice == "" || e.groups&(1<<g.number) != 0 }

// follow puts the resources that an entry references at the path into a group.
// A contained resource belongs to no group, because it is a part of another
// resource.
func (j *judge) follow(from int, n fhir.Node, path []step, to *group) {
	if len(path) == 0 {
		t := j.refs.Resolve(from, n.Child("reference").ValueBytes())
		if t.Found() && t.Resource == j.entries[t.Entry].Resource && j.entries[t.Entry].name == to.resource {
			j.belongs(&j.entries[t.Entry], to)
		}
		return
	}
	for c := range n.Children() {
		if path[0].matches(c) {
			j.follow(from, c, path[1:], to)
		}
	}
}

// finding is what report needs.
type finding struct {
	rule, source, brokenBy, code, text string
	at                                 fhir.Node
}

// report records a finding. At Standard a rule that an official example breaks
// is only a warning.
func (j *judge) report(f finding) {
	if len(j.findings) >= maxFindings {
		j.omitted++
		return
	}
	severity := fhir.Error
	if f.brokenBy != "" && !j.strict {
		severity = fhir.Warning
	}
	line, column := f.at.Position()
	j.findings = append(j.findings, fhir.Finding{
		Severity: severity, Code: f.code, Rule: f.rule, Source: f.source, Text: f.text,
		Expression: f.at.Expression(), Location: f.at.Location(), Line: line, Column: column,
	})
}

// done completes the list of findings.
func (j *judge) done() []fhir.Finding { return fhir.AppendOmitted(j.findings, j.omitted) }
