package catalogue

import (
	"bytes"
	"fmt"
	"strings"

	"nems/internal/fhir"
)

// step is one element of a path below a resource: a name, a choice such as
// deceased[x], an extension with its url, or a slice of a repeating element.
type step struct {
	name    string
	choice  bool   // name is the common start of a choice's elements
	url     string // of an extension
	slice   *slice
	label   string // of the slice
	covered bool   // another rule speaks about this element's absence
}

// slice is the elements where a descendant has one of the values.
type slice struct {
	path   []string
	values []string
}

// in reports whether n belongs to the slice. Repeating elements on the way are
// all looked at.
func (s *slice) in(n fhir.Node) bool { return anyValue(n, s.path, s.values) }

// anyValue reports whether an element at the path below n has one of the values.
func anyValue(n fhir.Node, path, values []string) bool {
	if len(path) == 0 {
		return equalsAny(n, values)
	}
	for c := range n.ChildrenNamed(path[0]) {
		if anyValue(c, path[1:], values) {
			return true
		}
	}
	return false
}

// anyAt reports whether an element at the steps below n is as wanted.
func anyAt(n fhir.Node, steps []step, wanted func(fhir.Node) bool) bool {
	if len(steps) == 0 {
		return wanted(n)
	}
	for c := range n.Children() {
		if steps[0].matches(c, c.Name()) && anyAt(c, steps[1:], wanted) {
			return true
		}
	}
	return false
}

func equalsAny(n fhir.Node, values []string) bool {
	value := n.ValueBytes()
	for _, v := range values {
		if string(value) == v {
			return true
		}
	}
	return false
}

// same reports whether two steps mean the same elements.
func (s *step) same(other *step) bool {
	return s.name == other.name && s.choice == other.choice && s.url == other.url && s.label == other.label
}

// matches reports whether an element of that name is what the step means.
func (s *step) matches(n fhir.Node, name string) bool {
	if s.choice {
		rest, found := strings.CutPrefix(name, s.name)
		return found && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z'
	}
	if name != s.name {
		return false
	}
	if s.url != "" {
		return n.EqualURL(s.url)
	}
	return s.slice == nil || s.slice.in(n)
}

// paths compiles the notation of the files.
type paths struct {
	extensions map[string]string
	slices     map[string]sliceFile
}

// compile reads a path such as identifier(nhsNumber).value, deceased[x] or
// extension(routingDemographics).extension(name).
func (p paths) compile(text string) ([]step, error) {
	if text == "" {
		return nil, fmt.Errorf("a rule needs a path")
	}
	var steps []step
	for _, part := range strings.Split(text, ".") {
		s, err := p.step(part)
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func (p paths) step(part string) (step, error) {
	if name, ok := strings.CutSuffix(part, "[x]"); ok {
		return step{name: name, choice: true}, nil
	}
	name, label, sliced := strings.Cut(strings.TrimSuffix(part, ")"), "(")
	if name == "" || sliced != strings.HasSuffix(part, ")") {
		return step{}, fmt.Errorf("the path element %q is neither a name, name(slice) nor name[x]", part)
	}
	switch {
	case !sliced:
		return step{name: name}, nil
	case name == "extension":
		url, ok := p.extensions[label]
		if !ok {
			return step{}, fmt.Errorf("the extension %q has no url under extensions", label)
		}
		return step{name: name, url: url}, nil
	}
	f, ok := p.slices[part]
	if !ok || f.Element == "" || len(f.Values) == 0 {
		return step{}, fmt.Errorf("the slice %q has no element and values under slices", part)
	}
	return step{name: name, label: label, slice: &slice{strings.Split(f.Element, "."), f.Values}}, nil
}

// uuid reports whether b is a UUID in lower or upper case.
func uuid[T []byte | string](b T) bool {
	if len(b) != 36 {
		return false
	}
	for i := range len(b) {
		c := b[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
				return false
			}
		}
	}
	return true
}

// digits reports whether b is a number without sign.
func digits(b []byte) bool {
	return len(b) > 0 && len(bytes.TrimLeft(b, "0123456789")) == 0
}
