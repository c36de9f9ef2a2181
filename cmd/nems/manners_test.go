package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nems/internal/node/nodetest"
)

func TestGreeting(t *testing.T) {
	does(t, "nems serve --dev")
	does(t, "NEMS specification 2.15", "--version")
	for given, want := range map[string]string{"help": "--help", "help publish": "publish --help", "publish help": "publish help"} {
		if got := strings.Join(asUsual(strings.Fields(given)), " "); got != want {
			t.Errorf("nems %s: taken for nems %s", given, got)
		}
	}
}

// TestExamplesOnDemand checks that ids, moment and seed can be chosen, and that
// the output for people is the same message as the output in one line.
func TestExamplesOnDemand(t *testing.T) {
	const id = "236bb75d-90ef-461f-b71e-fde7f899802c"
	again := []string{"example", "vaccinations-1", "--seed", "7", "--at", "2026-03-01", "--id", id}
	first, second := does(t, `<id value="`+id+`"/>`, again...), does(t, "2026-03-01T00:00:00", again...)
	if first != second {
		t.Error("the same seed made other bytes")
	}
	compact := does(t, "", append(again, "--compact")...)
	if strings.Count(compact, "\n") != 1 || strings.Join(strings.Fields(first), "") != strings.Join(strings.Fields(compact), "") {
		t.Errorf("another message in one line: %s", compact)
	}
	if other := does(t, "", "example", "vaccinations-1", "--seed", "8", "--at", "2026-03-01"); other == first {
		t.Error("another seed made the same bytes")
	}
	folder := filepath.Join(t.TempDir(), "made")
	does(t, "vaccinations-1-0003.xml", "example", "vaccinations-1", "--count", "3", "--save", folder)
	does(t, "3 of 3 files are valid", "validate", "--level", "strict", folder)
	fails(t, "example", "vaccinations-1", "--id", "7")
	fails(t, "example", "vaccinations-1", "--id", id, "--count", "2")
	fails(t, "example", "vaccinations-1", "--count", "0")
}

// TestPublishingFolders checks that a folder stands for the messages in it, and
// that the printed curl command does the same.
func TestPublishingFolders(t *testing.T) {
	s := nodetest.Boot(t)
	s.Clock.Set(time.Now()) // that of the commands
	folder := filepath.Join(t.TempDir(), "it's messages")
	does(t, "", "example", "vaccinations-1", "--count", "2", "--save", folder)
	if text := does(t, "-0001.xml: 202 Accepted", "publish", folder, "--url", s.URL); strings.Count(text, "202 Accepted") != 2 {
		t.Errorf("published:\n%s", text)
	}
	if text := does(t, `"ok":true`, "publish", folder, "--url", s.URL, "--format", "json"); strings.Count(text, "\n") != 2 {
		t.Errorf("published:\n%s", text)
	}
	if err := os.WriteFile(filepath.Join(folder, "wrong.xml"), []byte(`<Bundle xmlns="http://hl7.org/fhir"/>`), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fails(t, "publish", folder, "--url", s.URL, "--format", "json", "--interaction", "urn:nhs:names:services:events:Vaccinations.Write")
	if strings.Count(text, `"ok":true`) != 2 || !strings.Contains(text, `"status":422`) || !strings.Contains(text, `"code":"INVALID_RESOURCE"`) {
		t.Errorf("published:\n%s", text)
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl to run what is printed for it")
	}
	command := does(t, "curl", "publish", filepath.Join(folder, "vaccinations-1-0001.xml"), "--url", s.URL, "--curl")
	token := strings.TrimSpace(does(t, "", "token", "--endpoint", "publish"))
	sh := exec.Command("sh", "-c", `nems() { echo `+token+`; }; `+strings.TrimSpace(command)+` -w '%{http_code}'`)
	if out, err := sh.CombinedOutput(); err != nil || string(out) != "202" {
		t.Errorf("curl: %s %v\n%s", out, err, command)
	}
}

func TestUnsubscribing(t *testing.T) {
	s := nodetest.Boot(t)
	s.Clock.Set(time.Now()) // that of the commands
	generic := []string{"subscribe", "--url", s.URL, "--event", "vaccinations-1", "--rule", "GP_GP_GP", "--organisation", "B86056", "--service-type", "GP"}
	first := strings.TrimSpace(does(t, "", generic...))
	registered := does(t, `"ok":true`, append(generic, "--gp-registration", "RegisteredOnly", "--format", "json")...)
	if !strings.Contains(registered, `"subscription":"`) {
		t.Error(registered)
	}
	if text := fails(t, append(generic, "--format", "json")...); !strings.Contains(text, `"code":"DUPLICATE_REJECTED"`) {
		t.Error(text)
	}
	does(t, first+": ended", "unsubscribe", first, "--url", s.URL)
	if text := fails(t, "unsubscribe", first, "--url", s.URL, "--format", "json"); !strings.Contains(text, `"status":404`) {
		t.Error(text)
	}
	does(t, "", generic...)
}

// TestConnectionsThatFail checks that people are told what to do next.
func TestConnectionsThatFail(t *testing.T) {
	s := nodetest.Boot(t)
	for address, hint := range map[string]string{
		"http://127.0.0.1:1":                             "nems serve --dev",
		strings.Replace(s.URL, "http://", "https://", 1): "does not use TLS",
	} {
		told := onStderr(t, func() {
			fails(t, "subscribe", "--url", address, "--nhs-number", nodetest.Jack, "--event", "vaccinations-1")
		})
		if !strings.Contains(told, hint) {
			t.Errorf("%s: expected %q in %s", address, hint, told)
		}
	}
}
