package fhir

import (
	"os"
	"path/filepath"
	"testing"
)

// official is where the specification's example messages lie.
const official = "../../testdata/official"

// examples returns the official example messages by file name.
func examples(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(official, "*.xml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	sources := map[string][]byte{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources[filepath.Base(file)] = source
	}
	return sources
}

// Four official examples break STU3; the others have no findings.
func TestOfficialExamples(t *testing.T) {
	broken := map[string]string{
		"PDS-Death-Notification-formal-ems-example.xml":   "schema-order",
		"PDS-Death-Notification-informal-ems-example.xml": "schema-order",
		"PDS-Death-Notification-removed-ems-example.xml":  "schema-order",
		"nipe-outcome-1-update.xml":                       "schema-value",
	}
	for name, source := range examples(t) {
		doc, findings, err := ParseXML(source)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if doc.Root().Name() != "Bundle" {
			t.Errorf("%s: root %q", name, doc.Root().Name())
		}
		want := broken[name]
		if want == "" && len(findings) > 0 || want != "" && (len(findings) != 1 || findings[0].Rule != want) {
			t.Errorf("%s: want only %q, got %+v", name, want, findings)
		}
	}
}
