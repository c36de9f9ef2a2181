package assure

import (
	"slices"
	"strings"

	"nems/internal/assure/requirements"
)

// RequirementResult is what a run says about a requirement of the specification.
type RequirementResult struct {
	ID      string  `json:"id"`
	Page    string  `json:"page"`
	At      string  `json:"at"` // the heading on the page
	Level   string  `json:"level"`
	Says    string  `json:"says"`
	Verdict Verdict `json:"verdict"`
	// Checks are those that were made, for and against.
	Checks []string `json:"checks"`
	// Note says why it was not tested, where that is known.
	Note string `json:"note,omitempty"`
}

// groups are the requirements of the specification; none if they cannot be read, which a
// test of their package excludes.
func groups() []requirements.Group {
	all, _ := requirements.All()
	return all
}

// proven are the requirements that a check, or a rule, shows for a side.
func proven(side, check string) []requirements.Requirement {
	if rule, is := strings.CutPrefix(check, "rule:"); is {
		if of := ofSide(side, requirements.OfRule(groups(), rule)); len(of) > 0 {
			return of
		}
		check = side + "/message-strict"
	}
	return ofSide(side, requirements.Of(groups(), check))
}

// ofSide keeps the requirements that those of a side have to meet.
func ofSide(side string, all []requirements.Requirement) (kept []requirements.Requirement) {
	for _, q := range all {
		if slices.Contains(actors[side], q.Actor) {
			kept = append(kept, q)
		}
	}
	return kept
}

// actors are who is tested by the plan of a side.
var actors = map[string][]requirements.Actor{
	Publisher:  {requirements.Publisher},
	Subscriber: {requirements.Subscriber, requirements.Receiver},
}

// tally counts what checks came to, by their names.
type tally map[string]struct{ right, wrong int }

func (t tally) count(name string, right bool) {
	c := t[name]
	if right {
		c.right++
	} else {
		c.wrong++
	}
	t[name] = c
}

// tallies counts all that was judged in a run.
func (r *Run) tallies(out *Report) tally {
	t := tally{}
	for _, s := range out.Steps {
		for _, c := range s.Checks {
			if c.Verdict != NotTested {
				t.count(c.Name, c.Verdict == Pass)
			}
		}
	}
	for _, l := range r.Service.Record.Judged() {
		name := l.Problem.Check
		if !strings.HasPrefix(name, "rule:") {
			name = out.Side + "/" + name
		}
		t.count(name, l.Problem.Text == "")
		if strings.HasPrefix(name, "rule:") {
			t.count(out.Side+"/message-strict", false)
		}
		if strings.Contains(name, "MessageHeader.source.contact") {
			t.count(out.Side+"/contact-present", false)
		} else if name == out.Side+"/message-strict" {
			t.count(out.Side+"/contact-present", true)
		}
	}
	return t
}

// requirements says what the run showed of each requirement of its side.
func (r *Run) requirements(out *Report) []RequirementResult {
	others := r.others()
	all := requirements.Select(groups(), func(q *requirements.Requirement) bool {
		return slices.Contains(actors[out.Side], q.Actor) && !others[q.Page]
	})
	counts := r.tallies(out)
	results := make([]RequirementResult, 0, len(all))
	for _, q := range all {
		results = append(results, resultOf(q, counts, out))
	}
	return results
}

// others are the pages of event types that were not declared: what they demand concerns
// nobody here.
func (r *Run) others() map[string]bool {
	pages := map[string]bool{}
	for _, t := range r.Service.Types.Types() {
		pages[t.Page] = true
	}
	for _, code := range r.Declared.Events {
		if t, known := r.Service.Types.Type(code); known {
			delete(pages, t.Page)
		}
	}
	return pages
}

// resultOf is the verdict on one requirement.
func resultOf(q requirements.Requirement, counts tally, out *Report) RequirementResult {
	result := RequirementResult{
		ID: q.ID, Page: q.Page, At: q.At, Level: string(q.Level), Says: q.Says, Verdict: NotTested, Checks: []string{},
	}
	wrong := false
	for _, test := range q.Tests {
		right, against := counts.of(test, out)
		if right+against == 0 {
			continue
		}
		result.Checks = append(result.Checks, test)
		wrong = wrong || against > 0
	}
	switch {
	case wrong && q.Level == requirements.Must:
		result.Verdict = Fail
	case wrong:
		result.Verdict = Observed
	case len(result.Checks) > 0:
		result.Verdict = Pass
	default:
		result.Note = firstOf(q.Why, q.Open)
	}
	return result
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// of counts what a check, or a rule with those below it, came to. A rule that no message
// broke holds for all messages of its event type.
func (t tally) of(test string, out *Report) (right, wrong int) {
	rule, is := strings.CutPrefix(test, "rule:")
	if !is {
		return t[test].right, t[test].wrong
	}
	for name, c := range t {
		if broken, ruled := strings.CutPrefix(name, "rule:"); ruled && requirements.Covers(rule, broken) {
			wrong += c.wrong
		}
	}
	event, _, _ := strings.Cut(rule, "/")
	if wrong == 0 && slices.ContainsFunc(out.Exchanges, func(e Evidence) bool { return e.Event != "" && (event == "generic" || e.Event == event) }) {
		right = 1
	}
	return right, wrong
}
