package catalogue

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestEveryArrowOfEveryFigureIsARule: every arrow that a figure draws
// (testdata/figures.tsv) is a rule with the same target, and is required where
// the figure says so.
func TestEveryArrowOfEveryFigureIsARule(t *testing.T) {
	c, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	byPage := map[string]*EventType{}
	for _, eventType := range c.Types() {
		byPage[eventType.Page] = eventType
	}
	src, err := os.ReadFile("testdata/figures.tsv")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(src)) {
		cells := strings.Split(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(cells) != 4 || byPage[cells[0]] == nil {
			t.Fatalf("figures.tsv: %q is no arrow of a page", line)
		}
		seen[cells[0]] = true
		group, path, _ := strings.Cut(cells[1], ".")
		g := byPage[cells[0]].rules.group(group)
		if g == nil || !leads(g, path, cells[2]) {
			t.Errorf("%s: no rule says that %s references %s", cells[0], cells[1], cells[2])
		} else if cells[3] == "mandatory" && !needed(g, path) {
			t.Errorf("%s: no rule says that %s has to be there", cells[0], cells[1])
		}
	}
	if len(seen) != len(byPage) {
		t.Errorf("testdata/figures.tsv has arrows of %d pages; there are %d event types: each needs at least one arrow", len(seen), len(byPage))
	}
}

// leads reports whether a rule at the path refers to the target.
func leads(g *group, path, to string) bool {
	return slices.ContainsFunc(g.rules, func(r *rule) bool {
		return r.path == path && slices.ContainsFunc(r.refers, func(t target) bool { return t.name == to })
	})
}

// needed reports whether rules require every element on the path, in new messages.
func needed(g *group, path string) bool {
	parts := strings.Split(path, ".")
	for i := range parts {
		if !slices.ContainsFunc(g.rules, func(r *rule) bool {
			return r.path == strings.Join(parts[:i+1], ".") && r.count[0].min > 0 && r.when == nil && !r.strict
		}) {
			return false
		}
	}
	return true
}
