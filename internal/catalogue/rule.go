package catalogue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// harness is the value of "from" of rules that no page states, but the NHS
// assurance harness for NEMS checks (nhsdigitalmait/FHIR_NEMS). They count at
// Strict only.
const harness = "harness"

// noRow is the value of "row" of rules that are no row of a table.
const noRow = "none"

const harnessSource = "NHS assurance harness for NEMS, NEMSDCHTransforms"

// rule is one row of a page's table, compiled.
type rule struct {
	id, path string
	row      string // as the page writes it; noRow when a sentence says it, or the harness
	source   string
	steps    []step
	count    spans
	written  string // the cardinality as the page has it
	when     *slice // below the resource; nil: always
	// brokenBy names the official example because of which the rule is only a
	// warning at Standard.
	brokenBy string
	strict   bool // counts at Strict only
	shared   bool

	values    []string
	form      func([]byte) bool
	formName  string
	codes     *codeSystem
	displays  *codeSystem
	refers    []string
	directory bool // the directory's URL of an organisation will do

	missing string // text for an element that is not there
	wrong   string // text for another value
}

// rule compiles one entry of elements.
func (c *compiler) rule(from origin, g *group, f elementFile) (*rule, error) {
	r := &rule{
		path: f.Path, row: f.Row, source: from.page, brokenBy: f.BrokenBy, shared: from.shared,
		values: f.Values, refers: f.Refers, directory: f.Directory, id: from.prefix + "/" + g.name + "." + f.Path,
	}
	if f.Value != "" {
		r.values = append(r.values, f.Value)
	}
	var err error
	if r.steps, err = c.compile(f.Path); err != nil {
		return nil, err
	}
	if err := errors.Join(knownPath(g.resource, r.steps), knownResources(f.Refers...)); err != nil {
		return nil, err
	}
	if r.count, err = parseSpans(f.Count); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	r.written = written(f.Count)
	if err := r.kindOfCheck(f, c.shared.codes); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	if f.When != nil {
		if f.When.Path == "" || len(f.When.Values) == 0 {
			return nil, fmt.Errorf("%s: \"when\" needs path and values", f.Path)
		}
		r.when = &slice{strings.Split(f.When.Path, "."), f.When.Values}
		if err := knownElement(g.resource, r.when.path); err != nil {
			return nil, fmt.Errorf("%s: when: %w", f.Path, err)
		}
		r.id += "(" + strings.Join(f.When.Values, ",") + ")"
	}
	if r.row == "" {
		r.row = f.Path
	}
	r.texts(g)
	return r, nil
}

// kindOfCheck reads what a rule asks of the element's value.
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
		r.form, r.formName = uuid[[]byte], "a UUID"
	case "integer":
		r.form, r.formName = digits, "an integer"
	default:
		return fmt.Errorf("a form is uuid or integer; received %q", f.Form)
	}
	r.codes, r.displays = codes[f.Codes], codes[f.DisplayOf]
	if f.Codes != "" && r.codes == nil || f.DisplayOf != "" && r.displays == nil {
		return fmt.Errorf("there is no code system %q", f.Codes+f.DisplayOf)
	}
	return nil
}

// texts writes down, once, what the rule says when it is broken.
func (r *rule) texts(g *group) {
	name := g.name + "." + r.path
	condition := ""
	if r.when != nil {
		condition = " where " + strings.Join(r.when.path, ".") + " is " + strings.Join(r.when.values, " or ")
	}
	r.missing = name + " is needed" + condition + "; received none. Add it"
	if len(r.values) > 0 {
		r.missing += " with the value " + quoted(r.values)
		r.wrong = name + " has the value " + quoted(r.values) + condition + "; received another. Correct it"
	} else if r.form != nil {
		r.wrong = name + " is " + r.formName + "; received another form"
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

// finish marks the steps whose absence another rule reports or allows.
func (r *rule) finish(groups []*group) {
	parts := strings.Split(r.path, ".")
	for i := range len(parts) - 1 {
		prefix := strings.Join(parts[:i+1], ".")
		r.steps[i].covered = slices.ContainsFunc(groups, func(g *group) bool {
			return slices.ContainsFunc(g.rules, func(other *rule) bool { return other.path == prefix && other.when == nil && !other.strict })
		})
	}
}
