package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const invariantsHeader = `# The invariants of FHIR STU3 (3.0.1), each with the type that it holds for.
# Made from HL7's Schematron (schematron.txt) and the types (stu3.txt) by
# internal/fhir/gen, whose corrections.go says which tests are not as HL7 has
# them; edit nothing here. HL7 places the FHIR specification under Creative
# Commons "No Rights Reserved" (CC0). FHIR (R) is the registered trademark of HL7.
#
# type<TAB>id<TAB>test<TAB>text           it holds for each element of the type
# type/element<TAB>id<TAB>test<TAB>text   for this element of the type alone
`

// invariants binds every invariant to the types of its contexts. HL7's
// Schematron lists the places where a type occurs, down to some depth; binding
// to the type covers every depth.
func invariants(all []assertion, types typeTable) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(invariantsHeader)
	for _, a := range all {
		if faulty[a.id] != "" || faulty[a.id+" "+a.contexts[0]] != "" {
			continue
		}
		places, err := a.places(types)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.id, err)
		}
		test := a.test
		if c, found := corrected[a.id]; found {
			test = c
		}
		for _, place := range places {
			fmt.Fprintf(&out, "%s\t%s\t%s\t%s\n", place, a.id, test, a.text)
		}
	}
	return out.Bytes(), nil
}

// places returns the types to which the contexts lead.
func (a *assertion) places(types typeTable) ([]string, error) {
	found := map[string]bool{}
	for _, context := range a.contexts {
		switch context {
		case "*":
			found["Element"] = true
			continue
		case "extension", "modifierExtension":
			found["Extension"] = true
			continue
		}
		parent, element, typ := types.follow(strings.Split(strings.ReplaceAll(context, "//", "/"), "/"))
		switch {
		case typ == "":
			return nil, fmt.Errorf("no type has the context %s", context)
		case ofElement[a.id]:
			found[parent+"/"+element] = true
		case strings.HasPrefix(a.id, "dom-") && types[typ].base == "DomainResource":
			found["DomainResource"] = true
		default:
			found[typ] = true
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// typeTable is what stu3.txt says about types: the base, and the types of their
// own elements.
type typeTable map[string]*typeEntry

type typeEntry struct {
	base     string
	elements map[string]string
}

func parseTypes(facts []byte) typeTable {
	types := typeTable{}
	var current *typeEntry
	for line := range strings.Lines(string(facts)) {
		line = strings.TrimSuffix(line, "\n")
		slot, isSlot := strings.CutPrefix(line, "\t")
		fields := strings.Split(line, "\t")
		switch {
		case strings.HasPrefix(line, "#"):
		case isSlot:
			current.add(strings.Fields(slot))
		default:
			current = &typeEntry{elements: map[string]string{}}
			if fields[0] == "type" {
				current.base = fields[2]
			}
			types[fields[1]] = current
		}
	}
	return types
}

// add reads "name type min max" or "? name:type ... min max".
func (t *typeEntry) add(fields []string) {
	if fields[0] != "?" {
		t.elements[fields[0]] = strings.Join(fields[1:len(fields)-2], " ")
		return
	}
	for _, f := range fields[1 : len(fields)-2] {
		name, typ, _ := strings.Cut(f, ":")
		t.elements[name] = typ
	}
}

// follow returns the type at the end of a path that starts with a resource, and
// the element that leads there with the type that it belongs to.
func (t typeTable) follow(path []string) (parent, element, typ string) {
	if t[path[0]] == nil {
		return "", "", ""
	}
	typ = path[0]
	for _, name := range path[1:] {
		parent, element, typ = typ, name, t.child(typ, name)
	}
	return parent, element, typ
}

func (t typeTable) child(typ, name string) string {
	for ; t[typ] != nil; typ = t[typ].base {
		if child := t[typ].elements[name]; child != "" {
			return child
		}
	}
	return ""
}
