package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nems/internal/assure"
)

// tested are the flags of a test that is over at once.
func tested(out string, more ...string) []string {
	return append([]string{
		"assure", "publisher", "--supplier", "Example Ltd", "--product", "Surgery", "--product-version", "1.2", "--events", "vaccinations-1",
		"--listen", "localhost:0", "--linger", "0s", "--out", out,
	}, more...)
}

// TestAssurePublisher: the exit code says what came of it, and the report has its forms.
func TestAssurePublisher(t *testing.T) {
	out := t.TempDir()
	env := filepath.Join(out, "env")
	text := does(t, "Requirements:", tested(out, "--only", "flagged", "--exec", "env > "+env)...)
	for _, wanted := range []string{"Surgery 1.2 of Example Ltd", "[1/1] A patient whose record is sensitive  (flagged)", "✓ pass  flagged", "0 findings in 1 steps", "report.json"} {
		if !strings.Contains(text, wanted) {
			t.Errorf("nothing says %q:\n%s", wanted, text)
		}
	}
	variables, err := os.ReadFile(env)
	if err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []string{"NEMS_STEP=flagged\n", "NEMS_PHASE=do\n", "NEMS_EVENT=vaccinations-1\n", "NEMS_KIND=new\n", "NEMS_NHS_NUMBER=9990000026\n", "NEMS_FAMILY=HALLOWAY\n", "NEMS_BIRTH_DATE=1979-03-08\n", "NEMS_URL=http://localhost:"} {
		if !bytes.Contains(variables, []byte(wanted)) {
			t.Errorf("the command is not given %s", wanted)
		}
	}
	for _, name := range []string{"report.html", "junit.xml", "assurance.key.pub"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	report := filepath.Join(out, "report.json")
	does(t, "Surgery 1.2 of Example Ltd", "assure", "verify", report, "--key", filepath.Join(out, "assurance.key.pub"))
	does(t, "compare it with the signer's", "assure", "verify", report)
	changed, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(report, bytes.Replace(changed, []byte("Surgery"), []byte("Surgeon"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, "assure", "verify", report)

	if text := fails(t, tested(out, "--only", "new", "--exec", "true")...); !strings.Contains(text, "publisher/arrived: expected 1 message; received 0") {
		t.Error(text)
	}
	if code := run(tested(out, "--only", "new", "--exec", "exit 77")); code != 2 {
		t.Errorf("a step that was left out: exit code %d", code)
	}
}

func TestAssurePlans(t *testing.T) {
	out := t.TempDir()
	does(t, "refused/header", tested(out, "--list")...)
	plan := does(t, "each: event", "assure", "plan")
	file := filepath.Join(out, "own.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(plan, "id: flagged\n", "id: sensitive\n", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	does(t, "sensitive", tested(out, "--plan", file, "--list")...)
	fails(t, tested(out, "--plan", filepath.Join(out, "none.yaml"))...)
	fails(t, tested(out, "--tls-key", file)...)
	fails(t, "assure", "plan", "nothing")
}

// A person answers line by line.
func TestPersonsAreAsked(t *testing.T) {
	var said strings.Builder
	d := &personDriver{in: strings.NewReader("\nskip\nyes\nno\n\nquit\n"), out: &said}
	step := &assure.Step{Confirm: "Was it seen?"}
	ctx := context.Background()
	if err := d.Do(ctx, step); err != nil {
		t.Errorf("Enter: %v", err)
	}
	if err := d.Do(ctx, step); err != assure.ErrSkipped { //nolint:errorlint // the error itself
		t.Errorf("skip: %v", err)
	}
	for _, want := range []string{"true", "false", ""} {
		got, err := d.Confirm(ctx, step)
		if err != nil || got == nil && want != "" || got != nil && (want == "true") != *got {
			t.Errorf("the answer is %v; expected %q", got, want)
		}
	}
	if err := d.Do(ctx, step); err != assure.ErrEnded { //nolint:errorlint // the error itself
		t.Errorf("quit: %v", err)
	}
	ended, end := context.WithCancel(ctx)
	end()
	if err := d.Do(ended, step); err != nil { // nobody answers, and what was waited for has come
		t.Errorf("the end of the input: %v", err)
	}
	if !strings.Contains(said.String(), "Was it seen?") {
		t.Error(said.String())
	}
}
