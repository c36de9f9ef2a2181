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
		if len(told.Parts) == 0 || !strings.HasSuffix(told.Happened, ".") {
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
	told := read(t, message)
	if last := told.Parts[len(told.Parts)-1]; !told.Parts[0].Patient || !strings.HasPrefix(told.Parts[1].Title, "Immunization") || !strings.HasPrefix(last.Title, "Message header") {
		t.Errorf("expected patient, focus, ... header; received %s, %s, ... %s", told.Parts[0].Title, told.Parts[1].Title, last.Title)
	}
	for _, part := range told.Parts {
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

func TestHappened(t *testing.T) {
	for file, want := range map[string]string{
		"vaccinations-1-notgiven-new":                "A vaccination was not given: ",
		"vaccinations-1-new":                         "A vaccination was given: ",
		"vaccinations-1-update":                      "Corrected: A vaccination was given: ",
		"vaccinations-1-delete":                      "Withdrawn: A vaccination was given",
		"PDS-Change-Of-GP-ems-example":               "A patient's GP practice changed.",
		"nipe-outcome-1-new":                         "NIPE outcome",
		"PDS-Death-Notification-removed-ems-example": "A death was notified, or a notification of one changed.",
	} {
		message, err := os.ReadFile("../../../testdata/official/" + file + ".xml")
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, message).Happened; !strings.HasPrefix(got, want) {
			t.Errorf("%s: expected %q; received %q", file, want, got)
		}
	}
}

func TestAge(t *testing.T) {
	for birth, want := range map[string]string{
		"2020-03-01": "0 days", "2020-02-29": "1 day", "2020-02-16": "2 weeks", "2019-12-01": "3 months", "2018-03-02": "23 months",
		"2018-03-01": "2 years", "1920-03-02": "99 years", "2020-03-02": "", "1920": "",
	} {
		if got := readable.Age(birth, "2020-03-01T12:00:00+00:00"); got != want {
			t.Errorf("born %s: expected %q; received %q", birth, want, got)
		}
	}
}

func TestWords(t *testing.T) {
	for name, want := range map[string]string{
		"vaccineCode": "Vaccine code", "NHSNumberVerificationStatus": "NHS number verification status", "HealthcareService": "Healthcare service",
		"birth-Time": "Birth time", "é": "É", "X": "X", "": "", "-": "", "deathNotificationStatus": "Death notification status",
	} {
		if got := readable.Words(name); got != want {
			t.Errorf("%s: expected %q; received %q", name, want, got)
		}
	}
}

// A reference is read from where it stands: the same text can lead elsewhere from
// another entry. What is contained is shown, too.
func TestReferencesAndContained(t *testing.T) {
	const message = `<Bundle xmlns="http://hl7.org/fhir"><type value="message"/>
<entry><fullUrl value="urn:uuid:85c8a1c5-a8a1-41c9-bb99-20956fa66218"/><resource><MessageHeader><event><code value="x-1"/></event></MessageHeader></resource></entry>
<entry><fullUrl value="http://a.example/Encounter/1"/><resource><Encounter><contained><Organization><id value="o"/><name value="INSIDE"/></Organization></contained><serviceProvider><reference value="#o"/></serviceProvider></Encounter></resource></entry></Bundle>`
	told := read(t, []byte(message))
	if len(told.Parts) != 3 || told.Parts[1].Title != "Organization: INSIDE" || told.Parts[0].Rows[0].Value != "Organization: INSIDE" {
		t.Errorf("received %+v", told.Parts)
	}
}

// Whatever a message has for names, there is something to read.
func TestHostileNames(t *testing.T) {
	for _, url := range []string{"", "/", "http://a.example/", "#", "-", "Extension-", "é", "Extension-CareConnect--1", strings.Repeat("A", 5000)} {
		told := read(t, []byte(`<Bundle xmlns="http://hl7.org/fhir"><entry><resource><Patient><extension url="`+url+`"><extension url="`+url+`"><valueString value="x"/></extension></extension></Patient></resource></entry></Bundle>`))
		if len(told.Parts) != 1 || len(told.Parts[0].Rows) != 1 || told.Parts[0].Rows[0].Name == "" || len(told.Parts[0].Rows[0].Name) > 1000 {
			t.Errorf("url of %d bytes: received %+v", len(url), told)
		}
	}
}
