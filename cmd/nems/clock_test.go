package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nems/internal/node/nodetest"
)

// TestClockOfADevelopmentService sets the clock of a service by commands.
func TestClockOfADevelopmentService(t *testing.T) {
	s := nodetest.Boot(t)
	data := s.Config.Data
	does(t, "It is the machine's clock", "clock", "--data", data)
	does(t, "2026-03-07T09:00:00Z", "clock", "set", "2026-03-07T09:00:00Z", "--stop", "--data", data)
	does(t, "is stopped", "clock", "show", "--data", data)
	does(t, "2026-03-08T09:00:00Z", "clock", "set", "--forward", "24h", "--data", data)
	does(t, `"speed": 1000`, "clock", "run", "--speed", "1000", "--data", data, "--format", "json")
	does(t, "is stopped", "clock", "stop", "--data", data)
	for said, args := range map[string][]string{
		"or begin with an empty data folder": {"clock", "set", "2026-03-01"},
		"received \"soon\"":                  {"clock", "set", "soon"},
		"give either a moment":               {"clock", "set"},
		"a number above 0":                   {"clock", "run", "--speed=-1"},
		"0 to 1,000,000":                     {"clock", "run", "--speed", "1e9"},
		"a duration such as 36h":             {"clock", "set", "--forward", "a day"},
		"a moment from 2000 to 2037":         {"clock", "set", "2050-01-01"},
	} {
		complains(t, said, append(args, "--data", data)...)
	}
	does(t, "It is the machine's clock", "clock", "reset", "--back", "--data", data)
	s.Stop()
	complains(t, "runs with --dev", "clock", "--data", data)
}

// complains runs a command that must fail and say why.
func complains(t *testing.T, says string, args ...string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stderr")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = file
	fails(t, args...)
	os.Stderr = before
	text, err := os.ReadFile(path)
	if err != nil || file.Close() != nil || !strings.Contains(string(text), says) {
		t.Errorf("nems %s: expected %q in\n%s %v", strings.Join(args, " "), says, text, err)
	}
}
