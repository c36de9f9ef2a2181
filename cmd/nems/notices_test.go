package main

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"nems/internal/node/nodetest"
)

// onStderr runs a command and returns what it prints to standard error.
func onStderr(t *testing.T, do func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = w
	out := make(chan string)
	go func() {
		text, _ := io.ReadAll(r)
		out <- string(text)
	}()
	do()
	os.Stderr = before
	_ = w.Close()
	return <-out
}

// TestDeprecationIsShown checks that those who subscribe to a deprecated event
// type, or publish one, are told when it ends and where to read about it; and
// that an operator cannot deprecate a type without giving these.
func TestDeprecationIsShown(t *testing.T) {
	s := nodetest.Boot(t)
	s.Clock.Set(time.Now()) // that of the commands
	data := s.Config.Data
	told := onStderr(t, func() { fails(t, "event-types", "set", "vaccinations-1", "--state", "deprecated", "--data", data) })
	if !strings.Contains(told, "missing: deprecated, url") {
		t.Errorf("the operator is told: %s", told)
	}
	does(t, "is deprecated", "event-types", "set", "vaccinations-1", "--state", "deprecated", "--deprecated", "2026-06-30",
		"--no-longer-supported", "2026-12-31", "--url", "https://nems.example.nhs.uk/changes", "--data", data)
	const notice = "DEPRECATED: Deprecation of the Vaccinations (vaccinations-1) event type will occur on 30/06/2026, " +
		"it is no longer supported from 31/12/2026, for more information go to https://nems.example.nhs.uk/changes"
	message := file(t, "message.xml", string(nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)))
	s.Eventually("the state is in force", func() bool {
		text, _ := printed(t, "publish", message, "--url", s.URL)
		return strings.Contains(text, "202 Accepted\n  information "+notice)
	})
	var id string
	told = onStderr(t, func() {
		id = does(t, "", "subscribe", "--url", s.URL, "--nhs-number", nodetest.Jack, "--event", "vaccinations-1")
	})
	if len(strings.TrimSpace(id)) != 32 || told != "information "+notice+"\n" {
		t.Errorf("printed %q, told %q", id, told)
	}
}
