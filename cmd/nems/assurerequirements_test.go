package main

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"nems/internal/assure/requirements"
)

// TestAssureRequirements lists the requirements in each format, all of them and some.
func TestAssureRequirements(t *testing.T) {
	groups, err := requirements.All()
	if err != nil {
		t.Fatal(err)
	}
	all := len(requirements.Select(groups, nil))
	table := does(t, "NEMS-HDR-03", "assure", "requirements")
	if n := strings.Count(table, "\n"); n != all+1 {
		t.Errorf("the table has %d lines; expected %d and a header", n, all)
	}
	lines, err := csv.NewReader(strings.NewReader(does(t, "id,page", "assure", "requirements", "--format", "csv"))).ReadAll()
	if err != nil || len(lines) != all+1 {
		t.Errorf("%d lines of CSV: %v", len(lines), err)
	}
	var listed []map[string]any
	if err := json.Unmarshal([]byte(does(t, "[", "assure", "requirements", "--format", "json", "--actor", "nems", "--verdict", "deviates")), &listed); err != nil || len(listed) == 0 {
		t.Fatalf("%d listed: %v", len(listed), err)
	}
	for _, r := range listed {
		if r["actor"] != "nems" || r["verdict"] != "deviates" || r["deviates"] == nil || r["page"] == "" {
			t.Errorf("not chosen: %v", r)
		}
	}
	if text := does(t, "not testable", "assure", "requirements", "--verdict", "not-testable"); strings.Contains(text, " tested ") {
		t.Error("others are listed")
	}
}
