package mesh

import (
	"errors"
	"strings"
)

// ErrFilter is for a workflow filter that cannot be read.
var ErrFilter = errors.New("not a workflow filter")

// Comparison is how a workflow filter compares.
type Comparison byte

// The comparisons; each has a negated twin.
const (
	Equals Comparison = iota
	BeginsWith
	Contains
)

// WorkflowFilter selects messages by workflow id ("Check an inbox",
// workflow_filter). The zero value selects all.
type WorkflowFilter struct {
	How  Comparison
	Not  bool
	Text string
}

// ParseWorkflowFilter reads the six forms: WORKFLOW1, !WORKFLOW1, WORKFL*,
// !WORKFL*, *_ACK* and !*_ACK*. Anything else, including a blank text, is
// ErrFilter.
func ParseWorkflowFilter(s string) (WorkflowFilter, error) {
	text, not := strings.CutPrefix(strings.TrimSpace(s), "!")
	f := WorkflowFilter{Not: not}
	text, ends := strings.CutSuffix(text, "*")
	text, begins := strings.CutPrefix(text, "*")
	switch {
	case begins && ends:
		f.How = Contains
	case ends:
		f.How = BeginsWith
	case begins:
		return WorkflowFilter{}, ErrFilter
	}
	if text == "" || strings.Contains(text, "*") {
		return WorkflowFilter{}, ErrFilter
	}
	f.Text = text
	return f, nil
}

// Match reports whether the filter selects a workflow id.
func (f WorkflowFilter) Match(workflow string) bool {
	var hit bool
	switch f.How {
	case BeginsWith:
		hit = strings.HasPrefix(workflow, f.Text)
	case Contains:
		hit = strings.Contains(workflow, f.Text)
	default:
		hit = f.Text == "" || workflow == f.Text
	}
	return hit != f.Not
}

// String returns the filter in the form that ParseWorkflowFilter reads.
func (f WorkflowFilter) String() string {
	s := f.Text
	switch f.How {
	case BeginsWith:
		s += "*"
	case Contains:
		s = "*" + s + "*"
	}
	if f.Not {
		s = "!" + s
	}
	return s
}
