package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"nems/internal/node/nodetest"
)

// printed runs a command line and returns what it prints.
func printed(t *testing.T, args ...string) (string, int) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stdout
	os.Stdout = w
	out := make(chan string)
	go func() {
		text, _ := io.ReadAll(r)
		out <- string(text)
	}()
	code := run(args)
	os.Stdout = before
	_ = w.Close()
	return <-out, code
}

// TestDemo runs the whole demonstration, as a newcomer does.
func TestDemo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	text, code := printed(t, "demo")
	if code != 0 {
		t.Fatalf("nems demo: expected exit code 0; received %d\n%s", code, text)
	}
	for _, says := range []string{"202 Accepted", "MAILBOX1234", "X26ABC1", "byte for byte", "\n  nems serve --dev\n", "\n  nems inbox MAILBOX1234\n"} {
		if !strings.Contains(text, says) {
			t.Errorf("the story does not say %q:\n%s", says, text)
		}
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("the demo leaves nothing behind; received %v, %v", left, err)
	}
}

// TestAfterDemo runs what the demonstration says at its end, against a service
// that runs at the usual address for those commands.
func TestAfterDemo(t *testing.T) {
	s := nodetest.Boot(t)
	s.Clock.Set(time.Now()) // by which the commands write their tokens
	t.Chdir(t.TempDir())
	for line := range strings.Lines(fmt.Sprintf(afterStay, s.URL, "nems")) {
		command, is := strings.CutPrefix(strings.TrimSpace(line), "nems ")
		if !is {
			continue
		}
		command, file, redirected := strings.Cut(command, " > ")
		text, code := printed(t, strings.Fields(command)...)
		if code != 0 {
			t.Fatalf("nems %s: expected exit code 0; received %d\n%s", command, code, text)
		}
		if redirected {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
