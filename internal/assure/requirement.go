package assure

import (
	"slices"
	"strings"
)

// RequirementResult is what a run says about a requirement of the specification.
type RequirementResult struct {
	ID      string  `json:"id"`
	Page    string  `json:"page"`
	Level   string  `json:"level"`
	Says    string  `json:"says"`
	Verdict Verdict `json:"verdict"`
	// Checks are what showed it.
	Checks []string `json:"checks"`
	// Note says why it was not tested, where that is known.
	Note string `json:"note,omitempty"`
}

// proven are the requirements that a check shows.
func proven(check string) []RequirementResult { return nil }

// requirements says what the run showed of each requirement.
func (r *Run) requirements(out *Report, all []*Exchange) []RequirementResult {
	return []RequirementResult{}
}

var _ = slices.Contains[[]string]
var _ = strings.Cut
