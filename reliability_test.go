package nems_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestProofsAreThere: what docs/reliability.md and docs/security.md name as a proof is
// a test, a case of a table of tests, or a fault of torture.
func TestProofsAreThere(t *testing.T) {
	text, err := os.ReadFile("docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") && !strings.HasPrefix(path, "internal/proof/torture/") {
			return err
		}
		source, err := os.ReadFile(path)
		tests.Write(source)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	controls, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	functions := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`").FindAllStringSubmatch(string(text)+string(controls), -1)
	faults := regexp.MustCompile(`(?m)^\| \d+ \| [^|]*\| ([^|]*) \|`).FindAllStringSubmatch(string(text), -1)
	if len(functions) < 30 || len(faults) != 34 {
		t.Fatalf("%d tests and %d rows were found", len(functions), len(faults))
	}
	for _, f := range functions {
		if !strings.Contains(tests.String(), "func "+f[1]+"(") {
			t.Errorf("docs/reliability.md or security.md names %s, which is no test", f[1])
		}
	}
	lower := regexp.MustCompile("`([a-z0-9]+-[a-z0-9-]+[a-z0-9])`")
	for _, row := range faults {
		for _, f := range lower.FindAllStringSubmatch(row[1], -1) {
			if !strings.Contains(tests.String(), `"`+f[1]+`"`) {
				t.Errorf("docs/reliability.md names %s, which is no fault of torture", f[1])
			}
		}
	}
}
