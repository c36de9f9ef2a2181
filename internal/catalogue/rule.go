package catalogue

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"nems/internal/fhir"
)

// harness is the value of "from" for rules that no page states but that the NHS
// assurance harness for NEMS checks (nhsdigitalmait/FHIR_NEMS). They count at
// Strict only.
const harness = "harness"

// noRow is the value of "row" for rules that are not a row of a table.
const noRow = "none"

const harnessSource = "NHS assurance harness for NEMS, NEMSDCHTransforms"

// rule is one row of a page's table, compiled.
type rule struct {
	id, path string
	row      string // the row's name on the page; noRow if the rule comes from a sentence or from the harness
	source   string
	steps    []step
	count    spans
	written  string     // the cardinality as the page has it
	when     *condition // nil means always
	// brokenBy names the official example that breaks the rule, so that it is
	// only a warning at Standard.
	brokenBy string
	strict   bool // counts at Strict only
	shared   bool
	// profile says that the rule comes from a profile of a resource or an
	// extension. Such a rule applies only inside elements that exist.
	profile bool

	values    []string
	form      func(fhir.Node) bool
	formName  string
	codes     *codeSystem
	displays  *codeSystem
	types     []fhir.NameID // for a choice, the elements that are allowed
	bound     []*codeSystem // one coding must be of one of these lists
	oneOf     [][]step      // one of these must exist below the element
	refers    []target
	directory bool // an organisation's URL in the directory is accepted too

	missing string // text for a missing element
	wrong   string // text for a wrong value
}

// target is what a reference may lead to: a resource type, or a slice of one.
type target struct {
	name     string // as written, such as Patient(Mother)
	resource string
	group    *group // nil means every resource of the type
}

// rule compiles one entry of elements.
func (c *compiler) rule(from origin, g *group, f elementFile) (*rule, error) {
	r := &rule{
		path: f.Path, row: f.Row, source: from.page, brokenBy: f.BrokenBy, shared: from.shared, profile: from.profile,
		values: f.Values, directory: f.Directory, id: from.prefix + "/" + g.name + "." + f.Path,
	}
	if r.profile {
		r.row, r.id = noRow, from.prefix+"/"+f.Path
	}
	if f.Value != "" {
		r.values = append(r.values, f.Value)
	}
	var err error
	if r.steps, err = c.compile(f.Path); err != nil {
		return nil, err
	}
	if err := errors.Join(g.knownPath(r.steps), r.refersTo(f.Refers)); err != nil {
		return nil, err
	}
	if r.count, err = parseSpans(f.Count); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	r.written = written(f.Count)
	if err := errors.Join(r.kindOfCheck(f, c.shared.codes), c.alternatives(g, r, f.OneOf), c.condition(g, r, f.When)); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	if r.row == "" {
		r.row = f.Path
	}
	r.texts(g, f)
	return r, nil
}

// kindOfCheck reads what a rule demands of the element's value.
func (r *rule) kindOfCheck(f elementFile, codes map[string]*codeSystem) error {
	switch f.From {
	case "":
	case harness:
		r.strict, r.source = true, harnessSource
	default:
		return fmt.Errorf("\"from\" can only be %q; received %q", harness, f.From)
	}
	switch f.Form {
	case "":
	case "uuid":
		r.form, r.formName = func(n fhir.Node) bool { return uuid(n.ValueBytes()) }, "a UUID"
	case "integer":
		r.form, r.formName = func(n fhir.Node) bool { return digits(n.ValueBytes()) }, "an integer"
	case "contact":
		r.form, r.formName = contactFits, "a telephone number where its system is phone, an e-mail address where it is email"
	default:
		return fmt.Errorf("a form must be uuid, integer or contact; received %q", f.Form)
	}
	r.codes, r.displays = codes[f.Codes], codes[f.DisplayOf]
	if len(f.Pairs) > 0 {
		r.displays = &codeSystem{displays: f.Pairs}
	}
	if f.Codes != "" && r.codes == nil || f.DisplayOf != "" && r.displays == nil {
		return fmt.Errorf("there is no code system %q", f.Codes+f.DisplayOf)
	}
	return errors.Join(r.boundTo(f.Bound, codes), r.typesOf(f.Types))
}

// boundTo reads the lists, one of which must have the code.
func (r *rule) boundTo(names []string, codes map[string]*codeSystem) error {
	for _, name := range names {
		list := codes[name]
		if list == nil {
			return fmt.Errorf("there is no code system %q", name)
		}
		r.bound = append(r.bound, list)
	}
	return nil
}

// typesOf reads which types a choice may have.
func (r *rule) typesOf(names []string) error {
	last := r.steps[len(r.steps)-1]
	for _, name := range names {
		ids := fhir.NameIDs(last.name + strings.ToUpper(name[:1]) + name[1:])
		if !last.choice || len(ids) == 0 {
			return fmt.Errorf("STU3 has no %s of the type %q", last.text, name)
		}
		r.types = append(r.types, ids...)
	}
	return nil
}

// alternatives compiles the paths, one of which must exist.
func (c *compiler) alternatives(g *group, r *rule, paths []string) error {
	for _, path := range paths {
		steps, err := c.compile(path)
		if err != nil {
			return err
		}
		if err := g.knownPath(slices.Concat(r.steps, steps)); err != nil {
			return err
		}
		r.oneOf = append(r.oneOf, steps)
	}
	return nil
}

// condition restricts a rule to resources in which an element has one of the
// values.
type condition struct {
	path   string
	steps  []step
	values []string
}

func (c *compiler) condition(g *group, r *rule, f *whenFile) error {
	if f == nil {
		return nil
	}
	if f.Path == "" || len(f.Values) == 0 {
		return errors.New("\"when\" needs path and values")
	}
	steps, err := c.compile(f.Path)
	if err == nil {
		err = g.knownPath(steps)
	}
	if err != nil {
		return fmt.Errorf("when: %w", err)
	}
	r.when = &condition{f.Path, steps, f.Values}
	r.id += "(" + strings.Join(f.Values, ",") + ")"
	return nil
}

func (c *condition) in(resource fhir.Node) bool {
	return anyAt(resource, c.steps, func(n fhir.Node) bool { return equalsAny(n, c.values) })
}

// refersTo reads what a reference may lead to. The groups are looked up later,
// when all are compiled.
func (r *rule) refersTo(names []string) error {
	for _, name := range names {
		resource, _, _ := strings.Cut(name, "(")
		if err := knownResources(resource); err != nil {
			return err
		}
		r.refers = append(r.refers, target{name: name, resource: resource})
	}
	return nil
}

// findTargets looks up the slices that references lead to.
func (r *rule) findTargets(s *ruleSet) error {
	for i, t := range r.refers {
		if t.name == t.resource {
			continue
		}
		if r.refers[i].group = s.group(t.name); r.refers[i].group == nil {
			return fmt.Errorf("%s refers to %s, but resources has no such entry", r.path, t.name)
		}
	}
	return nil
}

// texts composes, once, what the rule says when it is broken.
func (r *rule) texts(g *group, f elementFile) {
	name := g.name + "." + r.path
	condition := ""
	if r.when != nil {
		condition = " where " + r.when.path + " is " + strings.Join(r.when.values, " or ")
	}
	r.missing = name + " is needed" + condition + "; received none. Add it"
	switch {
	case len(r.values) > 0:
		r.missing += " with the value " + quoted(r.values)
		r.wrong = name + " has the value " + quoted(r.values) + condition + "; received another. Correct it"
	case r.form != nil:
		r.wrong = name + " is " + r.formName + "; received another form"
	case r.types != nil:
		r.wrong = name + " has the type " + strings.Join(f.Types, " or ") + "; received another"
	case r.bound != nil:
		r.wrong = name + " has a code of " + strings.Join(f.Bound, " or ") + " under its system; received none of them"
	case r.oneOf != nil:
		r.wrong = name + " has one of " + strings.Join(f.OneOf, ", ") + "; received none of them"
	}
}

// quoted lists values of the standard for people.
func quoted(values []string) string {
	const few = 12
	if len(values) > few {
		return fmt.Sprintf("%s or another of %d", quoted(values[:few]), len(values))
	}
	return "`" + strings.Join(values, "` or `") + "`"
}

// finish marks the steps for which another rule reports or allows that the element is missing.
func (r *rule) finish(own *group, groups []*group) {
	parts := strings.Split(r.path, ".")
	for i := range len(parts) - 1 {
		prefix := strings.Join(parts[:i+1], ".")
		r.steps[i].covered = slices.ContainsFunc(groups, func(g *group) bool {
			if g != own && g.slice != "" && !(r.shared && own.slice == "") {
				return false // it is about other resources
			}
			return slices.ContainsFunc(g.rules, func(other *rule) bool { return other.path == prefix && other.covers(r) })
		})
	}
}

// covers reports whether r decides if an element must exist, so that other
// rules about what is inside it need not report that it is missing. A shared
// rule that leaves the element optional does not cover a row of the event's own
// page.
func (r *rule) covers(other *rule) bool {
	if r.when != nil || r.strict || r.profile {
		return false
	}
	return !r.shared || other.shared || r.count[0].min > 0
}
