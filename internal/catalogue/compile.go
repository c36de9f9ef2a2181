package catalogue

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// many stands for the * of a cardinality.
const many = math.MaxInt32

// span is a cardinality.
type span struct {
	min, max int
	text     string // as written, such as 0..*
}

func (s span) holds(n int) bool { return n >= s.min && n <= s.max }

// parseSpan reads 1..1 or 0..*.
func parseSpan(text string) (span, error) {
	low, high, ok := strings.Cut(text, "..")
	lowest, err := strconv.Atoi(low)
	if !ok || err != nil || lowest < 0 {
		return span{}, fmt.Errorf("a cardinality has the form 0..1 or 1..*; received %q", text)
	}
	s := span{min: lowest, max: many, text: text}
	if high != "*" {
		if s.max, err = strconv.Atoi(high); err != nil || s.max < s.min {
			return span{}, fmt.Errorf("a cardinality has the form 0..1 or 1..*; received %q", text)
		}
	}
	return s, nil
}

// spans is a cardinality for each kind, in the order of allKinds.
type spans [3]span

// parseSpans reads one cardinality for all kinds, or a mapping of kinds to
// cardinalities. Without an entry of its own, update has the cardinality of
// new.
func parseSpans(written any) (spans, error) {
	var out spans
	switch v := written.(type) {
	case nil:
		return parseSpans("0..*")
	case string:
		s, err := parseSpan(v)
		return spans{s, s, s}, err
	case map[string]any:
		texts := map[string]string{}
		for kind, text := range v {
			if !slices.Contains(allKinds, kind) {
				return out, fmt.Errorf("a cardinality is given for new, update or delete; received %q", kind)
			}
			texts[kind] = fmt.Sprint(text)
		}
		if texts["update"] == "" {
			texts["update"] = texts["new"]
		}
		for i, kind := range allKinds {
			s, err := parseSpan(texts[kind])
			if err != nil {
				return out, fmt.Errorf("%s: %w", kind, err)
			}
			out[i] = s
		}
		return out, nil
	}
	return out, fmt.Errorf("a cardinality has the form 0..1 or {new: 1..1, delete: 0..1}")
}

// written returns a cardinality as the page has it: for new and delete
// separately, where the page distinguishes them.
func written(count any) string {
	switch v := count.(type) {
	case string:
		return v
	case map[string]any:
		return fmt.Sprint(v["new"], " ", v["delete"])
	}
	return ""
}

// ruleSet is an event type's rules, compiled.
type ruleSet struct {
	code       string
	page       string
	bundle     []*group
	groups     map[string][]*group // by resource type; those without a slice come first
	all        []*group            // those with a cardinality, in the order of the page
	links      []link
	references map[string][]string // STU3 target types by Type.path
	extensions map[string]*group   // definitions of extensions, by url
	// directory says for each kind that the page requires no Organization in
	// the message. Then a reference to an organisation's URL in the directory
	// is right (decision 9).
	directory [3]bool
}

// link puts the resources that a group references at a path into a slice.
type link struct {
	from *group
	path []step
	to   *group
}

// group holds the rules of one resource type, or of one slice of it.
type group struct {
	number   int
	name     string // Patient or Patient(Mother)
	resource string
	slice    string
	heading  string
	page     string
	byValue  *slice
	byWhom   []referrer
	count    spans
	written  string // the cardinality as the page has it, "" for none
	id       string
	brokenBy string
	rules    []*rule
	tree     branch
}

// referrer is an element whose reference puts the target into a slice.
type referrer struct {
	group string // a resource type, or a slice of one
	path  []step
}

// compiler compiles files into rules.
type compiler struct {
	paths
	shared *requirements
	out    *ruleSet
}

// compile combines the type's own rules with the shared rules that it does not
// override.
func compile(f *typeFile, s *source, shared *requirements) (*ruleSet, error) {
	c := compiler{shared: shared, out: &ruleSet{
		code: f.Code, page: f.Page, groups: map[string][]*group{}, references: shared.file.References,
		extensions: shared.extensions,
	}}
	c.extensions = maps.Clone(shared.file.Extensions)
	maps.Copy(c.extensions, f.Extensions)
	c.slices = maps.Clone(shared.file.Slices)
	maps.Copy(c.slices, f.Slices)
	own := origin{prefix: f.Code, page: f.Page, source: s}
	for i, g := range f.Resources {
		if err := c.group(own, i, g); err != nil {
			return nil, err
		}
	}
	generic := origin{prefix: "generic", page: shared.file.Page, source: shared.source, shared: true}
	for i, g := range shared.file.Resources {
		if err := c.group(generic, i, withKinds(g, f)); err != nil {
			return nil, err
		}
	}
	if err := c.conform(own, slices.Concat(shared.file.Profiles, f.Profiles)); err != nil {
		return nil, err
	}
	return c.out, c.finish(own)
}

// withKinds fills in what the generic page leaves to each event type.
func withKinds(g groupFile, f *typeFile) groupFile {
	g.Elements = slices.Clone(g.Elements)
	for i, e := range g.Elements {
		switch {
		case e.Value == "$code":
			g.Elements[i].Value = f.Code
		case e.Value == "$kinds":
			g.Elements[i].Value, g.Elements[i].Values = "", f.Kinds
		case slices.Contains(e.Refers, "$focus"):
			g.Elements[i].Refers = f.Focus
		}
	}
	return g
}

// origin is the file that a rule comes from.
type origin struct {
	prefix, page string
	source       *source
	shared       bool
	profile      bool
}

// group compiles one entry of resources.
func (c *compiler) group(from origin, number int, f groupFile) error {
	at := fmt.Sprintf("$.resources[%d]", number)
	if f.Resource == "" {
		return from.source.errorf(at, "an entry of resources needs the key \"resource\"")
	}
	g, err := c.place(from, f)
	if err != nil {
		return from.source.errorf(at, "%s: %v", f.Resource, err)
	}
	for i, e := range f.Elements {
		if from.shared && c.overridden(f.Resource, e.Path) {
			continue
		}
		r, err := c.rule(from, g, e)
		if err != nil {
			return from.source.errorf(fmt.Sprintf("%s.elements[%d]", at, i), "%s: %v", g.name, err)
		}
		g.rules = append(g.rules, r)
	}
	return nil
}

// place finds or creates the group of an entry. Shared rules are added to the
// type's own group of the same resource.
func (c *compiler) place(from origin, f groupFile) (*group, error) {
	name := f.Resource
	if f.Slice != "" {
		name += "(" + f.Slice + ")"
	}
	for _, g := range c.out.groups[f.Resource] {
		if g.name == name {
			if !from.shared {
				return nil, fmt.Errorf("%s occurs twice", name)
			}
			return g, nil
		}
	}
	if err := knownResources(f.Resource); err != nil {
		return nil, err
	}
	g := &group{
		name: name, resource: f.Resource, slice: f.Slice, heading: f.Heading, page: from.page,
		id: from.prefix + "/" + name, brokenBy: f.BrokenBy,
	}
	var err error
	if g.count, err = parseSpans(f.Count); err != nil {
		return nil, err
	}
	if f.Row != noRow {
		g.written = written(f.Count)
	}
	if err := c.membership(g, f.Is); err != nil {
		return nil, err
	}
	if (f.Slice == "") != (f.Is == nil) {
		return nil, fmt.Errorf("the keys \"slice\" and \"is\" belong together")
	}
	c.out.groups[f.Resource] = append(c.out.groups[f.Resource], g)
	if f.Count != nil && f.Resource != "Bundle" {
		c.out.all = append(c.out.all, g)
	}
	return g, nil
}

// membership compiles the condition that puts resources into a slice.
func (c *compiler) membership(g *group, f *isFile) error {
	if f == nil {
		return nil
	}
	if (f.Element == "") == (len(f.ReferencedBy) == 0) || (f.Element == "") != (len(f.Values) == 0) {
		return fmt.Errorf("\"is\" has either element and values or referenced-by")
	}
	if f.Element != "" {
		g.byValue = &slice{strings.Split(f.Element, "."), f.Values}
		if err := knownElement(g.resource, g.byValue.path); err != nil {
			return err
		}
	}
	for _, from := range f.ReferencedBy {
		name, path, ok := strings.Cut(from, ".")
		if !ok {
			return fmt.Errorf("referenced-by names a resource and an element, such as Communication.subject; received %q", from)
		}
		steps, err := c.compile(path)
		if err != nil {
			return err
		}
		resource, _, _ := strings.Cut(name, "(")
		if err := knownPath(resource, nil, steps); err != nil {
			return err
		}
		g.byWhom = append(g.byWhom, referrer{name, steps})
	}
	return nil
}

// overridden reports whether the event type has its own rule, in any slice of
// the resource, for an element that the generic page has a rule about.
func (c *compiler) overridden(resource, path string) bool {
	for _, g := range c.out.groups[resource] {
		for _, r := range g.rules {
			if r.path == path && !r.shared {
				return true
			}
		}
	}
	return false
}

// finish orders the groups and determines which missing elements have rules of their own.
func (c *compiler) finish(own origin) error {
	number := 0
	for _, groups := range c.out.groups {
		slices.SortStableFunc(groups, func(a, b *group) int { return strings.Compare(a.slice, b.slice) })
		for _, g := range groups {
			g.number = number
			number++
			for _, r := range g.rules {
				r.finish(g, groups)
				g.tree.add(r)
			}
		}
	}
	if err := c.references(); err != nil {
		return own.source.errorf("$.resources", "%v", err)
	}
	for _, g := range c.out.groups["Bundle"] {
		for _, r := range g.rules {
			if len(r.steps) > 1 {
				return own.source.errorf("$.resources", "rules of Bundle are about its own elements; received %s", r.path)
			}
		}
		c.out.bundle = append(c.out.bundle, g)
	}
	for _, g := range c.out.ordered() {
		for _, by := range g.byWhom {
			from := c.out.group(by.group)
			if from == nil || len(from.byWhom) > 0 {
				return own.source.errorf("$.resources", "%s is referenced by %s, but there is no entry of resources of that name that is selected by its own values", g.name, by.group)
			}
			c.out.links = append(c.out.links, link{from, by.path, g})
		}
	}
	delete(c.out.groups, "Bundle")
	if number > maxGroups {
		return own.source.errorf("$.resources", "at most %d entries of resources are possible, the shared ones included; received %d", maxGroups, number)
	}
	return nil
}

// references looks up the slices that references lead to, and where URLs of the
// directory are right.
func (c *compiler) references() error {
	for kind := range allKinds {
		c.out.directory[kind] = !slices.ContainsFunc(c.out.groups["Organization"], func(g *group) bool { return g.count[kind].min > 0 })
	}
	for _, g := range c.out.ordered() {
		for _, r := range g.rules {
			if err := r.findTargets(c.out); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxGroups is the number of groups that a 64-bit set can hold.
const maxGroups = 64

// ordered returns all groups in a fixed order.
func (s *ruleSet) ordered() []*group {
	var out []*group
	for _, resource := range slices.Sorted(maps.Keys(s.groups)) {
		out = append(out, s.groups[resource]...)
	}
	return out
}

// group finds a group by its name, nil when there is none.
func (s *ruleSet) group(name string) *group {
	for _, groups := range s.groups {
		for _, g := range groups {
			if g.name == name {
				return g
			}
		}
	}
	return nil
}
