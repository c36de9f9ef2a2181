package catalogue

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// row is one row of a table of the specification: testdata/rows.tsv.
type row struct{ page, table, element, count string }

func readRows(t *testing.T) []row {
	t.Helper()
	src, err := os.ReadFile("testdata/rows.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for _, line := range strings.Split(strings.TrimRight(string(src), "\n"), "\n") {
		cells := strings.Split(line, "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(cells) != 4 {
			t.Fatalf("rows.tsv: %q has %d cells; expected 4", line, len(cells))
		}
		rows = append(rows, row{cells[0], cells[1], cells[2], cells[3]})
	}
	return rows
}

// TestEveryRowOfEveryPageIsARule: no row is missing, none has another
// cardinality, and no rule claims a row that does not exist.
func TestEveryRowOfEveryPageIsARule(t *testing.T) {
	c, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	stated := map[row]int{}
	for _, r := range readRows(t) {
		switch r.table {
		case "workflow", "life cycle", "death":
			continue
		}
		stated[r]++
	}
	ruled := ruledRows(c)
	for r, n := range stated {
		if ruled[r] < n && !(r.page == genericPage && overriddenEverywhere(c, r)) {
			t.Errorf("%s, %s: the row %s %s of testdata/rows.tsv is there %d times, as a rule %d times", r.page, r.table, r.element, r.count, n, ruled[r])
		}
	}
	for r, n := range ruled {
		if stated[r] < n {
			t.Errorf("%s, %s: the rule %s %s is there %d times, as a row of testdata/rows.tsv %d times", r.page, r.table, r.element, r.count, n, stated[r])
		}
	}
	if len(stated) < 450 {
		t.Errorf("only %d rows were looked at", len(stated))
	}
}

// overriddenEverywhere reports whether the pages of all event types have their
// own row in place of a generic one.
func overriddenEverywhere(c *Catalogue, r row) bool {
	for _, eventType := range c.Types() {
		if !slices.ContainsFunc(eventType.rules.groups[r.table], func(g *group) bool {
			return slices.ContainsFunc(g.rules, func(own *rule) bool { return own.path == r.element && own.row != noRow })
		}) {
			return false
		}
	}
	return true
}

// ruledRows lists the rows that rules claim. A row of the generic page is a
// rule of several event types.
func ruledRows(c *Catalogue) map[row]int {
	out := map[row]int{}
	seen := map[string]bool{}
	for _, eventType := range c.Types() {
		for _, g := range append(eventType.rules.ordered(), eventType.rules.bundle...) {
			table := g.resource
			if g.heading != "" {
				table += " (" + g.heading + ")"
			}
			if g.written != "" && g.page != genericPage {
				out[row{g.page, table, "(resource)", g.written}]++
			}
			for _, r := range g.rules {
				switch {
				case r.row == noRow || seen[r.id]:
				case r.shared:
					seen[r.id] = true
					out[row{genericPage, g.resource, r.row, r.written}]++
				default:
					out[row{g.page, table, r.row, r.written}]++
				}
			}
		}
	}
	return out
}

func TestWorkflowsAndKindsAreThePages(t *testing.T) {
	c, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	workflows, refused := map[string]string{}, map[string]bool{}
	for _, r := range readRows(t) {
		if r.table == "workflow" {
			workflows[r.page] = r.count
		}
	}
	for _, code := range []string{"blood-spot-test-outcome-1", "newborn-hearing-1", "nipe-outcome-1"} {
		refused[code] = true
	}
	for _, eventType := range c.Types() {
		if workflows[eventType.Page] != eventType.Workflow {
			t.Errorf("%s has the workflow %s; the rows of the table workflow in testdata/rows.tsv say for the page %s: %q", eventType.Code, eventType.Workflow, eventType.Page, workflows[eventType.Page])
		}
		want := []string{"new", "update", "delete"}
		switch {
		case refused[eventType.Code]:
			want = []string{"new", "delete"}
		case eventType.Publishers == SpineOnly:
			want = []string{"new"}
		}
		if !slices.Equal(eventType.Kinds, want) {
			t.Errorf("%s has the kinds %v; expected %v", eventType.Code, eventType.Kinds, want)
		}
	}
}
