package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"nems/internal/fhir"
)

// A name that STU3 does not have would make a rule that no message can satisfy
// or break. A misspelt name is therefore refused at start, before messages are.

// knownResources refuses names that are not resource types.
func knownResources(names ...string) error {
	for _, name := range names {
		if !fhir.IsResource(name) {
			return fmt.Errorf("STU3 has no resource %q", name)
		}
	}
	return nil
}

// knownPath refuses a path that the group's resource cannot have, and slices on
// it that depend on an element that does not exist.
func (g *group) knownPath(steps []step) error {
	if g.resource != extensionType {
		return knownPath(g.resource, nil, steps)
	}
	return knownPath("Patient", []string{"extension"}, steps) // extensions have the same elements everywhere
}

// knownPath checks the steps below an element of a resource against STU3.
func knownPath(resource string, names []string, steps []step) error {
	for _, s := range steps {
		name := s.name
		if s.choice {
			name += "[x]"
		}
		names = append(names, name)
		if err := knownElement(resource, names); err != nil {
			return err
		}
		if s.slice != nil {
			if err := knownElement(resource, slices.Concat(names, s.slice.path)); err != nil {
				return fmt.Errorf("the slice %s(%s): %w", s.name, s.label, err)
			}
		}
	}
	return nil
}

func knownElement(resource string, names []string) error {
	if !fhir.HasElement(resource, names...) {
		return fmt.Errorf("STU3 has no element %s.%s", resource, strings.Join(names, "."))
	}
	return nil
}
