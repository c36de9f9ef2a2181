package message_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"nems/message"
)

// TestSchema: HL7's own schema accepts what is written.
func TestSchema(t *testing.T) {
	program, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint is not installed: nothing to hold the messages against")
	}
	dir := t.TempDir()
	args := []string{"--noout", "--nonet", "--schema", filepath.Join("..", "testdata", "hl7", "fhir-single.xsd")}
	for i := range 20 {
		for j, written := range everyMessage(t, i) {
			file := filepath.Join(dir, fmt.Sprintf("%d-%d.xml", i, j))
			if err := os.WriteFile(file, written, 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(args, file)
		}
	}
	output, err := exec.Command(program, args...).CombinedOutput()
	if valid := strings.Count(string(output), " validates\n"); err != nil || valid != 20*7 {
		t.Errorf("%d of %d messages are valid: %v\n%.3000s", valid, 20*7, err, output)
	}
}

// everyMessage draws a message of each event from a seed.
func everyMessage(t *testing.T, seed int) [][]byte {
	t.Helper()
	p, h := patientGen().Example(seed), headerGen().Example(seed)
	care, screened := careHeaderGen().Example(seed), screeningGen().Example(seed)
	one := snomedGen().Example(seed)
	var out [][]byte
	for _, make := range []func() ([]byte, error){
		birthGen().Example(seed).XML,
		message.RecordChange{Header: h, Patient: p, ByCitizen: true}.XML,
		message.Death{Header: h, Patient: p, Status: message.DeathFormal, Deceased: "2026-03"}.XML,
		message.ChangeOfGP{Header: h, Patient: p, Previous: &message.Registration{Practice: organisationGen().Example(seed), End: "2026-03-04"}}.XML,
		message.Vaccination{
			Header: care, Patient: p, Identifier: identifierGen().Example(seed), Procedure: one, Date: "2026", Outcome: outcomeGen().Example(seed),
			Encounter: &message.Encounter{Type: message.EncounterHPV}, Place: &message.Place{Name: "X"},
		}.Update,
		message.NewbornHearing{Screening: screened, Summary: one, Tests: []message.HearingTest{{Method: message.AABR, Outcome: one}}}.New,
		message.NIPE{Screening: screened, Hips: one, Eyes: one, Heart: one, BCG: message.EligibleForBCG, Practitioner: practitionerGen().Example(seed)}.New,
	} {
		written, err := make()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, written)
	}
	return out
}
