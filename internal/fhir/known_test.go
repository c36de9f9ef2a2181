package fhir

import "testing"

func TestKnownNames(t *testing.T) {
	for resource, want := range map[string]bool{"Patient": true, "Bundle": true, "HumanName": false, "Patent": false, "": false} {
		if got := IsResource(resource); got != want {
			t.Errorf("IsResource(%q): expected %t; received %t", resource, want, got)
		}
	}
	for _, c := range []struct {
		want bool
		path []string
	}{
		{true, []string{"Patient", "name", "family"}},
		{true, []string{"Patient", "deceased[x]"}},
		{true, []string{"Patient", "birthDate", "extension", "valueDateTime"}},
		{true, []string{"MessageHeader", "meta", "lastUpdated"}},
		{false, []string{"Patient", "nam"}},
		{false, []string{"Patient", "name", "family", "given"}},
		{false, []string{"Patient", "birth[x]"}},
		{false, []string{"Patent", "name"}},
	} {
		if got := HasElement(c.path[0], c.path[1:]...); got != c.want {
			t.Errorf("HasElement(%q): expected %t; received %t", c.path, c.want, got)
		}
	}
}
