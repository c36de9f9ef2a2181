package readable_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nems/internal/catalogue/example"
	"nems/internal/console/readable"
	"nems/internal/fhir"
)

func read(t *testing.T, message []byte) readable.Message {
	t.Helper()
	doc, _, err := fhir.ParseXML(message)
	if err != nil {
		t.Fatal(err)
	}
	return readable.Of(doc)
}

// Every official example, and every one of ours, is readable: each resource has its
// rows, none is empty, and no URL of an extension is left for a name.
func TestExamplesAreReadable(t *testing.T) {
	files, err := filepath.Glob("../../../testdata/official/*.xml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d official examples: %v", len(files), err)
	}
	messages := map[string][]byte{}
	for _, file := range files {
		if messages[file], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	for _, code := range example.Codes() {
		if messages[code], err = example.Message(code, "new", example.Patient{}); err != nil {
			t.Fatal(err)
		}
	}
	for name, message := range messages {
		told := read(t, message)
		if len(told.Parts) == 0 {
			t.Errorf("%s: nothing to read", name)
		}
		patients := 0
		for _, part := range told.Parts {
			if len(part.Rows) == 0 || part.Line == 0 {
				t.Errorf("%s: %s at line %d has %d rows", name, part.Title, part.Line, len(part.Rows))
			}
			if part.Patient {
				patients++
			}
			for _, row := range part.Rows {
				if row.Name == "" || row.Value == "" || strings.Contains(row.Name, "http") || strings.Contains(row.Name, "urn:") {
					t.Errorf("%s: %s: row %q: %q", name, part.Title, row.Name, row.Value)
				}
			}
		}
		if patients > 1 {
			t.Errorf("%s: %d patients", name, patients)
		}
	}
}

func TestVaccinationReads(t *testing.T) {
	message, err := example.Message("vaccinations-1", "new", example.Patient{})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, part := range read(t, message).Parts {
		for _, row := range part.Rows {
			rows[strings.TrimSuffix(strings.Fields(part.Title)[0], ":")+" "+row.Name] = row.Value
		}
	}
	for name, want := range map[string]string{
		"Patient Name": "DAWKINS, Jack", "Patient Birth date": "2 Oct 2017", "Patient NHS number": "9912003888",
		"Immunization Not given": "no", "Immunization Patient": "Patient: DAWKINS, Jack",
	} {
		if got := rows[name]; got != want {
			t.Errorf("%s: expected %q; received %q", name, want, got)
		}
	}
}
