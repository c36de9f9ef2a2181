package nems_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	citation = regexp.MustCompile(`\bdecisions? (\d+(?:(?:, | and )\d+)*)`)
	number   = regexp.MustCompile(`\d+`)
)

// TestDecisionsThatAreCitedAreThere: a comment that sends its reader to a decision
// sends them to one that exists, and every one of them is in the list.
func TestDecisionsThatAreCitedAreThere(t *testing.T) {
	list, err := os.ReadFile("docs/decisions/README.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("docs/decisions/0*.md")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d decisions: %v", len(files), err)
	}
	there := map[string]bool{}
	for _, f := range files {
		there[strings.TrimLeft(filepath.Base(f)[:4], "0")] = true
		if !strings.Contains(string(list), "("+filepath.Base(f)+")") {
			t.Errorf("docs/decisions/README.md does not list %s", filepath.Base(f))
		}
	}
	cited := 0
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !slices.Contains([]string{".go", ".md", ".yaml"}, filepath.Ext(path)) {
			return err
		}
		text, err := os.ReadFile(path)
		for _, c := range citation.FindAllStringSubmatch(strings.ReplaceAll(string(text), "\n// ", " "), -1) {
			for _, n := range number.FindAllString(c[1], -1) {
				cited++
				if !there[n] {
					t.Errorf("%s cites decision %s, which is not in docs/decisions", path, n)
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if cited < 20 {
		t.Fatalf("only %d citations were found", cited)
	}
}
