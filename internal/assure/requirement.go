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

// proven are the requirements that a check, or a rule, shows for a side, where it is about
// an event type; "" for about none.
func (r *Run) proven(check, event string) (kept []requirements.Requirement) {
	side := r.Plan.Side
	all := []requirements.Requirement{}
	if rule, is := strings.CutPrefix(check, "rule:"); is {
		all = ofSide(side, requirements.OfRule(groups(), rule))
		check = side + "/message-strict"
	}
	if len(all) == 0 {
		all = ofSide(side, requirements.Of(groups(), check))
	}
	for _, q := range all {
		if about := r.eventOf(q.Page); about == "" || about == event {
			kept = append(kept, q)
		}
	}
	return kept
}

// eventOf is the event type that a page is about, "" for a page about all.
func (r *Run) eventOf(page string) string {
	for _, t := range r.Service.Types.Types() {
		if t.Page == page {
			return t.Code
		}
	}
	return ""
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

// tally counts what checks came to: right, and wrong.
type tally map[counter][2]int

// counter is a check about an event type; "" for about none.
type counter struct{ name, event string }

func (t tally) count(name, event string, right bool) {
	c := t[counter{name, event}]
	if right {
		c[0]++
	} else {
		c[1]++
	}
	t[counter{name, event}] = c
}

// tallies counts all that was judged in a run.
func (r *Run) tallies(out *Report) tally {
	t := tally{}
	for _, s := range out.Steps {
		for _, c := range s.Checks {
			if c.Verdict != NotTested {
				t.count(c.Name, s.Event, c.Verdict == Pass)
			}
		}
	}
	events := map[int]string{}
	for _, e := range out.Exchanges {
		events[e.Number] = e.Event
	}
	for _, l := range r.Service.Record.Judged() {
		name, event := l.Problem.Check, events[l.Exchange]
		if !strings.HasPrefix(name, "rule:") {
			name = out.Side + "/" + name
		} else {
			t.count(out.Side+"/message-strict", event, false)
		}
		t.count(name, event, l.Problem.Text == "")
		if strings.Contains(name, "MessageHeader.source.contact") {
			t.count(out.Side+"/contact-present", event, false)
		} else if name == out.Side+"/message-strict" {
			t.count(out.Side+"/contact-present", event, true)
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
		results = append(results, resultOf(q, counts, r.eventOf(q.Page)))
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

// resultOf is the verdict on one requirement: about an event type, or "" for about all.
func resultOf(q requirements.Requirement, counts tally, event string) RequirementResult {
	result := RequirementResult{
		ID: q.ID, Page: q.Page, At: q.At, Level: string(q.Level), Says: q.Says, Verdict: NotTested, Checks: []string{},
	}
	wrong := false
	for _, test := range q.Tests {
		right, against := counts.of(test, event)
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
		result.Note = firstOf(q.Why, q.Open, "Nothing in this run showed it.")
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

// of counts what a check, or a rule with those below it, came to for an event type, ""
// for all. A rule that no message broke holds for all that were judged.
func (t tally) of(test, event string) (right, wrong int) {
	rule, ruled := strings.CutPrefix(test, "rule:")
	own, _, _ := strings.Cut(rule, "/")
	for c, n := range t {
		broken, is := strings.CutPrefix(c.name, "rule:")
		switch {
		case event != "" && c.event != event:
		case ruled && is && requirements.Covers(rule, broken):
			wrong += n[1]
		case ruled && strings.HasSuffix(c.name, "/message-size") && (own == "generic" || own == c.event): // a message was judged
			right++
		case c.name == test:
			right, wrong = right+n[0], wrong+n[1]
		}
	}
	return right, wrong
}
