package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nems/internal/node/nodetest"
	"nems/internal/play"
)

// TestPlay plays by commands on a service that runs.
func TestPlay(t *testing.T) {
	s := nodetest.Boot(t)
	s.Clock.Set(time.Now()) // by which commands date their tokens
	s.Subscribe(s.National(), "/Bundle?type=message&subscriptionRuleType=COUNTRYCODE&Organization.identifier=E92000001&MessageHeader.event=pds-change-of-address-1", nodetest.NationalBox)
	data := s.Config.Data
	does(t, "family-moves", "play", "--list")
	does(t, "Nothing was played", "play", "family-moves", "--check", "--data", data)
	var sum play.Summary
	text := does(t, "pds-change-of-address-1", "play", "family-moves", "--data", data, "--format", "json", "--until", "day 20", "--seed", "3")
	if err := json.Unmarshal([]byte(text), &sum); err != nil || sum.Done == 0 || sum.Next == 0 {
		t.Fatalf("%+v, %v", sum, err)
	}
	again := does(t, "pds-change-of-address-1", "play", "family-moves", "--data", data, "--seed", "3", "--from", strings.TrimSpace(jsonField(t, text, "next")))
	if !strings.Contains(again, "A family moves: ") {
		t.Errorf("going on: %s", again)
	}
	if copies := s.Collect(nodetest.NationalBox); len(copies) == 0 {
		t.Error("nobody got a copy")
	}
	does(t, "the national mix", "play", "--week", "--days", "2", "--world", worldFile(t), "--multiple", "30", "--data", data, "--back",
		"--faults", "duplicate=5%,reorder=5%,delay=10m,gap=2%,corrupt=5%,refuse=5%,lost-202=5%")
	wrong := file(t, "wrong.yaml", "scenario: wrong\npatients: {kim: {}}\nhappens:\n  - {at: day 1, who: jim, moves: anywhere}\n")
	for _, c := range []struct {
		says string
		args []string
	}{
		{"wrong.yaml:4:22", []string{wrong}},
		{"nems play --list", []string{"no-such-one"}},
		{"give a scenario", nil},
		{"give a scenario", []string{"twins", "--week"}},
		{"expected some of duplicate, reorder", []string{"twins", "--faults", "dup=1%"}},
		{"--until: expected", []string{"twins", "--until", "soon"}},
		{"--start: expected", []string{"twins", "--start", "soon"}},
		{"Begin with an empty data folder", []string{"twins"}},
	} {
		complains(t, c.says, append([]string{"play", "--data", data}, c.args...)...)
	}
	recordAndPlay(t, s)
	s.Stop()
	complains(t, "nems serve --dev", "play", "twins", "--data", data)
}

// recordAndPlay records a mailbox, which keeps its messages, and plays the recording.
func recordAndPlay(t *testing.T, s *nodetest.Server) {
	t.Helper()
	recording := filepath.Join(t.TempDir(), "ward.recording")
	args := []string{"play", "--record", recording, "--mailbox", nodetest.LeedsBox, "--url", s.URL}
	complains(t, "is empty", args...)
	s.Subscribe(s.Leeds(), "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|"+nodetest.Jack+"&MessageHeader.event=vaccinations-1", nodetest.LeedsBox)
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	does(t, "They stay in "+nodetest.LeedsBox, args...)
	complains(t, "give another name", args...)
	complains(t, "goes with --mailbox", "play", "--record", recording)
	does(t, `"acknowledged": true`, "play", "--record", recording+"2", "--mailbox", nodetest.LeedsBox, "--url", s.URL, "--acknowledge", "--format", "json", "--seed", "9")
	if copies := s.Collect(nodetest.LeedsBox); len(copies) != 0 {
		t.Errorf("%d copies are left", len(copies))
	}
	does(t, "1 of 1 steps", "play", recording, "--data", s.Config.Data)
}

// jsonField is a number in an object.
func jsonField(t *testing.T, text, name string) string {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	return string(all[name])
}

// worldFile is a file with a small world.
func worldFile(t *testing.T) string {
	t.Helper()
	return file(t, "world.yaml", does(t, "households", "world", "--patients", "60", "--seed", "4", "--day", "2026-03-02"))
}
