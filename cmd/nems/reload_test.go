package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadAgain: a reload reads the file as it is by then; flags still win over it.
func TestReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "nems.yaml")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"serve", "--dev", "--config", file, "--retention", "48h"}
	write("version: 1\nrate-limit: 5\nretention: 24h\n")
	c, err := readAgain(t.Context(), args)
	if err != nil || c.RateLimit != 5 || c.Retention.Hours() != 48 {
		t.Errorf("received %v, %v, %v", c.RateLimit, c.Retention, err)
	}
	write("version: 1\nrate-limit: 7\n")
	if c, err = readAgain(t.Context(), args); err != nil || c.RateLimit != 7 {
		t.Errorf("the file has changed: received %v, %v", c.RateLimit, err)
	}
	write("version: 1\nrate-limmit: 7\n")
	if _, err = readAgain(t.Context(), args); err == nil || !strings.Contains(err.Error(), "rate-limit") {
		t.Errorf("a misspelt key: received %v", err)
	}
}
