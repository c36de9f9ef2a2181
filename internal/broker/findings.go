package broker

import (
	"fmt"
	"slices"
	"strings"

	"nems/internal/catalogue"
	"nems/internal/fhir"
	"nems/internal/refuse"
)

// maxIssues limits an OperationOutcome: nonsense gets the first findings and
// the number of the others.
const maxIssues = 50

// judge keeps the warnings among the findings, and refuses the message if there
// is an error among them.
func (p *publication) judge(findings []fhir.Finding) error {
	if slices.ContainsFunc(findings, isError) {
		return refuse.InvalidResource(Issues(findings)...)
	}
	p.warnings = append(p.warnings, findings...)
	return nil
}

func isError(f fhir.Finding) bool { return f.Severity == "error" || f.Severity == "fatal" }

// isReferenceNotFound selects the references that lead nowhere.
func isReferenceNotFound(f fhir.Finding) bool {
	return isError(f) && (f.Rule == fhir.RuleLocalReference || f.Code == "not-found" && strings.HasPrefix(f.Rule, "reference-"))
}

// isOtherPatient selects findings that refuse Patient resources other than the
// routing patient.
func isOtherPatient(f fhir.Finding) bool {
	return isError(f) && strings.HasPrefix(f.Rule, catalogue.PatientRouting)
}

func pick(findings []fhir.Finding, wanted func(fhir.Finding) bool) []fhir.Finding {
	var out []fhir.Finding
	for _, f := range findings {
		if wanted(f) {
			out = append(out, f)
		}
	}
	return out
}

// Issues renders findings: errors before warnings, at most maxIssues, then how
// many more there are. Their issue type is the one that the Spine's table has
// for INVALID_RESOURCE (decision 1), not the finding's own, more specific one.
func Issues(findings []fhir.Finding) []refuse.Issue {
	findings = slices.Clone(findings)
	slices.SortStableFunc(findings, func(a, b fhir.Finding) int {
		switch {
		case isError(a) == isError(b):
			return 0
		case isError(a):
			return -1
		}
		return 1
	})
	more := len(findings) - maxIssues
	findings = findings[:min(len(findings), maxIssues)]
	issues := make([]refuse.Issue, 0, len(findings)+1)
	for _, f := range findings {
		text := f.Text + " [" + f.Rule + "]"
		issues = append(issues, refuse.ResourceIssue(string(f.Severity), "", text, f.Expression, f.Location))
	}
	if more > 0 {
		issues = append(issues, moreIssues(more))
	}
	return issues
}

// moreIssues ends a list that was cut.
func moreIssues(more int) refuse.Issue {
	text := fmt.Sprintf("%d more findings are not listed; correct these first", more)
	return refuse.ResourceIssue("information", "informational", text, "", "")
}
