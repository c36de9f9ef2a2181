package fhir

import "strings"

// IsResource reports whether STU3 has a resource type of that name.
func IsResource(name string) bool { return resourceType(facts(), name) != nil }

// HasElement reports whether resources of a type may have an element at this
// path. A choice can be named by its beginning: deceased[x].
func HasElement(resource string, path ...string) bool {
	table := facts()
	t := resourceType(table, resource)
	for _, name := range path {
		if t == nil {
			return false
		}
		t = t.child(table, name)
	}
	return t != nil
}

func resourceType(table *factTable, name string) *typeFacts {
	return table.types[typeResourceContainer].child(table, name)
}

// child returns the type of a child element, nil when t has none of that name.
// For a choice it is the type of one of its elements.
func (t *typeFacts) child(table *factTable, name string) *typeFacts {
	start, choice := strings.CutSuffix(name, "[x]")
	if !choice {
		if c := t.find(table.names, []byte(name)); c != nil {
			return &table.types[c.typ]
		}
		return nil
	}
	for _, slot := range t.slots {
		rest, found := strings.CutPrefix(table.names[slot.elements[0].name], start)
		if len(slot.elements) > 1 && found && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z' {
			return &table.types[slot.elements[0].typ]
		}
	}
	return nil
}
