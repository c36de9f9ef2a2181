package devworld

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nems/internal/directory"
	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/nhs"
)

// The official examples can be published in the dev world: their patients exist
// and agree, except the one whose routing birth date is another child's.
func TestOfficialExamplesFindTheirPatients(t *testing.T) {
	const folder = "../../../testdata/official"
	files, err := filepath.Glob(filepath.Join(folder, "*.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no official examples in %s", folder)
	}
	w := seeded(t)
	found := 0
	for _, file := range files {
		name := filepath.Base(file)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, _, err := fhir.ParseXML(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		e, _ := event.Read(doc)
		number, err := nhs.ParseNHSNumber(e.Routing.NHSNumber)
		if err != nil {
			continue // births: the mother's number is missing or has a wrong check digit
		}
		found++
		p, err := w.Patient(t.Context(), number)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := ""
		if name == "vaccinations-1-notgiven-new.xml" {
			want = "birthDateTime"
		}
		if got := strings.Join(directory.Agrees(p, e.Routing.Family, e.Routing.Given, e.Routing.BirthDate), " "); got != want {
			t.Errorf("%s: the demographics differ in %q, want %q", name, got, want)
		}
		for _, postcode := range e.OldPostcodes() {
			if _, err := w.Places(t.Context(), postcode); err != nil {
				t.Errorf("%s: the old postcode is nowhere", name)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d examples have a patient", found)
	}
}
