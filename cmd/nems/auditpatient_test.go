package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nems/internal/operator"
)

// typing has a command read a text from standard input.
func typing(t *testing.T, text string) {
	t.Helper()
	f, err := os.Open(file(t, "typed", text))
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stdin
	os.Stdin = f
	t.Cleanup(func() { os.Stdin = before; _ = f.Close() })
}

// A number comes from standard input alone; as an argument it is refused, and not
// repeated.
func TestPatientIsNoArgument(t *testing.T) {
	data := t.TempDir()
	plant(t, data)
	for _, number := range []string{"9912003888", "991 200 3888", "991-200-3888", "9912003880"} {
		fails(t, "audit", "patient", number, "--data", data)
		err := (&patientStory{Patient: number}).Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "nems audit patient -") || strings.Contains(err.Error(), number) {
			t.Errorf("%s: expected a hint without the number; received %v", number, err)
		}
	}
	typing(t, "1234567890\n")
	if text := fails(t, "audit", "patient", "-", "--data", data); strings.Contains(text, "1234567890") {
		t.Errorf("the error has the number: %s", text)
	}
}

// The story is a table, a file for spreadsheets that only its owner may read, or
// JSON with one object a line; and the look is part of it.
func TestPatientStory(t *testing.T) {
	data := t.TempDir()
	plant(t, data)
	typing(t, "991 200 3888\n")
	does(t, "WHEN", "audit", "patient", "-", "--reason", "complaint 17", "--data", data)
	typing(t, "9912003888")
	table := does(t, "The patient's story was read.", "audit", "patient", "-", "--data", data)
	if !strings.Contains(table, "complaint 17") || strings.Contains(table, "9912003888") {
		t.Errorf("expected the reason, and no number:\n%s", table)
	}
	typing(t, "9912003888")
	output := filepath.Join(t.TempDir(), "story.csv")
	does(t, "", "audit", "patient", "-", "--data", data, "--format", "csv", "--output", output)
	text, err := os.ReadFile(output)
	info, _ := os.Stat(output)
	if err != nil || info.Mode().Perm() != 0o600 || !strings.HasPrefix(string(text), "at,kind,what,who,reason,patient,") || !strings.Contains(string(text), "complaint 17") {
		t.Errorf("%v, mode %v:\n%s", err, info.Mode(), text)
	}
	typing(t, "9912003888")
	lines := does(t, "complaint 17", "audit", "patient", "-", "--data", data, "--format", "json")
	for line := range strings.Lines(lines) {
		var e operator.StoryEntry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("%v: %s", err, line)
		}
	}
}
