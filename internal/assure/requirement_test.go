package assure_test

import (
	"slices"
	"strings"
	"testing"

	"nems/internal/assure"
	"nems/internal/assure/requirements"
)

// TestRequirementsAreJudged: what was found names its requirements, and they alone fail.
func TestRequirementsAreJudged(t *testing.T) {
	r := sample()(t) // whose tokens live an hour
	if len(r.Findings) != 1 || len(r.Findings[0].Requirements) == 0 {
		t.Fatalf("the findings are %+v", r.Findings)
	}
	counts := map[assure.Verdict]int{}
	for _, q := range r.Requirements {
		counts[q.Verdict]++
		broken := slices.Contains(r.Findings[0].Requirements, q.ID)
		if broken != (q.Verdict == assure.Fail || q.Verdict == assure.Observed) {
			t.Errorf("%s (%v) is %s", q.ID, q.Checks, q.Verdict)
		}
		if q.Verdict == assure.Pass && len(q.Checks) == 0 {
			t.Errorf("%s passes without a check", q.ID)
		}
		if strings.HasPrefix(q.ID, "NEMS-NBH-") {
			t.Errorf("%s is about an event type that was not declared", q.ID)
		}
	}
	if counts[assure.Pass] < 60 || counts[assure.Fail] == 0 {
		t.Errorf("%v", counts)
	}
}

// TestChecksOfRequirementsAreThere: each check that a requirement of publishers names is
// one that a run makes.
func TestChecksOfRequirementsAreThere(t *testing.T) {
	checks, err := requirements.Checks()
	if err != nil {
		t.Fatal(err)
	}
	own := 0
	for _, c := range checks {
		if !strings.HasPrefix(c.ID, "publisher/") || c.Planned || c.ID == "publisher/contact-present" { // the last stands for a rule
			continue
		}
		if _, there := assure.Describe(c.ID); !there {
			t.Errorf("there is no check %s", c.ID)
		}
		own++
	}
	if own < 35 {
		t.Errorf("only %d checks", own)
	}
}
