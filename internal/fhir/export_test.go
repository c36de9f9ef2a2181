package fhir

import "testing"

// SchematronFailures returns the invariants that HL7's Schematron finds broken in each
// resource, for tests of packages that write resources. Without Saxon the test is skipped.
func SchematronFailures(t *testing.T, sources [][]byte) (broken [][]string) {
	t.Helper()
	x := findSaxon(t)
	docs := make([]*Document, len(sources))
	for i, source := range sources {
		doc, _, err := ParseXML(source)
		if err != nil {
			t.Fatal(err)
		}
		docs[i] = doc
	}
	for _, found := range x.judge(t, docs) {
		var ids []string
		for f := range found.published {
			ids = append(ids, f.id)
		}
		for f := range found.bound {
			ids = append(ids, f.id)
		}
		broken = append(broken, ids)
	}
	return broken
}
