package main

import (
	"io"
	"os"
	"strings"
	"testing"
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
	for _, says := range []string{"202 Accepted", "MAILBOX1234", "X26ABC1", "byte for byte"} {
		if !strings.Contains(text, says) {
			t.Errorf("the story does not say %q:\n%s", says, text)
		}
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("the demo leaves nothing behind; received %v, %v", left, err)
	}
}
