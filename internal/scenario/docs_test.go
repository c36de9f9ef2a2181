package scenario

import (
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"nems/docs"
)

// The page about scenarios can be played, and it names every key.
func TestTheHandbookIsRight(t *testing.T) {
	page, err := fs.ReadFile(docs.Files, "scenarios.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	played := 0
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1) {
		s, err := compiled(t, block[1])
		if err != nil {
			t.Errorf("%v\n%s", err, block[1])
			continue
		}
		ordered(t, s)
		played++
	}
	if played == 0 {
		t.Error("no example")
	}
	v, err := routine()
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range slices.Concat(verbNames(), common, cares, Conditions(), slices.Sorted(maps.Keys(removals)), slices.Sorted(maps.Keys(v.Reasons))) {
		if !strings.Contains(text, "`"+word) && !strings.Contains(text, "("+word) {
			t.Errorf("docs/scenarios.md does not explain %s", word)
		}
	}
	for _, word := range v.names() {
		if !strings.Contains(text, word) {
			t.Errorf("docs/scenarios.md does not name the vaccine %s", word)
		}
	}
}
