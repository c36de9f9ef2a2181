package catalogue

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"nems/internal/fhir"
)

// step is one element of a path below a resource: a name, a choice such as
// deceased[x], an extension with its url, or a slice of a repeating element.
type step struct {
	text    string // as written
	name    string
	ids     []fhir.NameID // of the name; for a choice, those of all its elements
	choice  bool          // name is the common beginning of a choice's elements
	url     string        // of an extension
	slice   *slice
	label   string // of the slice
	covered bool   // another rule reports when this element is missing
}

// slice is the set of elements in which a descendant has one of the values.
type slice struct {
	path   []string
	values []string
}

// in reports whether n belongs to the slice. It looks at all repetitions of
// elements on the path.
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

// anyAt reports whether an element at the steps below n satisfies wanted.
func anyAt(n fhir.Node, steps []step, wanted func(fhir.Node) bool) bool {
	if len(steps) == 0 {
		return wanted(n)
	}
	for c := range n.Children() {
		if steps[0].matches(c) && anyAt(c, steps[1:], wanted) {
			return true
		}
	}
	return false
}

func equalsAny(n fhir.Node, values []string) bool {
	for _, v := range values {
		if n.EqualValue(v) {
			return true
		}
	}
	return false
}

// same reports whether two steps mean the same elements.
func (s *step) same(other *step) bool {
	return s.name == other.name && s.choice == other.choice && s.url == other.url && s.slice.same(other.slice)
}

func (s *slice) same(other *slice) bool {
	if s == nil || other == nil {
		return s == other
	}
	return slices.Equal(s.path, other.path) && slices.Equal(s.values, other.values)
}

// matches reports whether the step means a child element.
func (s *step) matches(c fhir.Node) bool { return s.named(c.NameID()) && s.picks(c) }

// named reports whether the step can mean elements of that name.
func (s *step) named(id fhir.NameID) bool {
	return s.ids[0] == id || s.choice && slices.Contains(s.ids, id)
}

// picks reports whether the step means c, which has a matching name.
func (s *step) picks(c fhir.Node) bool {
	if s.url != "" {
		return c.EqualURL(s.url)
	}
	return s.slice == nil || s.slice.in(c)
}

// paths compiles the notation that the files use.
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
	name, label, sliced := strings.Cut(strings.TrimSuffix(part, ")"), "(")
	if name == "" || sliced != strings.HasSuffix(part, ")") {
		return step{}, fmt.Errorf("the path element %q is neither a name, name(slice) nor name[x]", part)
	}
	s := step{text: part, ids: fhir.NameIDs(name)} // an unknown name has no ids; knownPath reports it
	s.name, s.choice = strings.CutSuffix(name, "[x]")
	switch {
	case !sliced:
		return s, nil
	case name == "extension":
		if s.url = p.extensions[label]; s.url == "" {
			return step{}, fmt.Errorf("the extension %q has no url under extensions", label)
		}
		return s, nil
	}
	f, ok := p.slices[part]
	if !ok || f.Element == "" || len(f.Values) == 0 {
		return step{}, fmt.Errorf("the slice %q has no element and values under slices", part)
	}
	s.label, s.slice = label, &slice{strings.Split(f.Element, "."), f.Values}
	return s, nil
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

// digits reports whether b is a number without a sign.
func digits(b []byte) bool {
	return len(b) > 0 && len(bytes.TrimLeft(b, "0123456789")) == 0
}
