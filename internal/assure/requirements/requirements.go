// Package requirements holds what the specification of NEMS and Spine Core demand, one
// requirement for each statement, and for each what shows whether it is met.
//
// The data are in data/*.yaml, a file for each group of pages, and checks.yaml names the
// checks of nems assure that requirements point at. docs/conformance.md is written from
// them. Ids never change their meaning: a requirement that goes leaves a gap.
package requirements

import "strings"

// Actor is who has to meet a requirement.
type Actor string

// The actors.
const (
	Service    Actor = "nems"       // this service, and the Spine's demographic events
	Publisher  Actor = "publisher"  // a system that sends events
	Subscriber Actor = "subscriber" // a system that calls the subscription API
	Receiver   Actor = "receiver"   // a system that collects and uses events
)

// Actors are all of them, in the order in which they are shown.
var Actors = []Actor{Service, Publisher, Subscriber, Receiver}

// Level is how strongly a requirement is meant: must also stands for SHALL and for
// mandatory rows of tables.
type Level string

// The levels.
const (
	Must   Level = "must"
	Should Level = "should"
	May    Level = "may"
)

// Verdict is what is known about a requirement.
type Verdict string

// The verdicts.
const (
	// Tested: tests of this repository, or a check of nems assure, show it.
	Tested Verdict = "tested"
	// NotTestable: only people can judge it.
	NotTestable Verdict = "not testable"
	// Deviates: the service does something else, for a reason that a decision gives.
	Deviates Verdict = "deviates"
	// Untested: a machine could judge it, and none does yet, or only a check that is planned.
	Untested Verdict = "untested"
)

// Verdicts are all of them, in the order in which they are shown.
var Verdicts = []Verdict{Tested, NotTestable, Deviates, Untested}

// Requirement is one statement of the specification.
type Requirement struct {
	ID   string `json:"id" yaml:"id"`  // NEMS-GROUP-NN
	Page string `json:"page" yaml:"-"` // the page's file, without .md
	At   string `json:"at" yaml:"-"`   // the heading on the page
	// Event is the event type whose page it is; "" if it is about all.
	Event string `json:"event,omitempty" yaml:"-"`
	Actor Actor  `json:"actor" yaml:"actor"` // who has to meet it
	Level Level  `json:"level" yaml:"level"`
	Says  string `json:"says" yaml:"says"` // in our words
	// Tests are Go tests ("internal/api TestX", with the name of a case after a slash),
	// checks ("publisher/token-claims"), or rules of the event catalogue
	// ("rule:vaccinations-1/Immunization.date", which stands for those below it too).
	Tests []string `json:"tests" yaml:"tests"`
	// Why no machine can judge it.
	Why string `json:"why,omitempty" yaml:"why"`
	// Open says what a test would have to do that nobody has written.
	Open string `json:"open,omitempty" yaml:"open"`
	// Deviates says what the service does instead.
	Deviates string `json:"deviates,omitempty" yaml:"deviates"`
	// Decisions are the numbers of the pages in docs/decisions about it.
	Decisions []int `json:"decisions,omitempty" yaml:"decisions"`
	// Contradicts says where pages differ from each other or from themselves, and which one wins.
	Contradicts string `json:"contradicts,omitempty" yaml:"contradicts"`
	// Note says what is checked and what is not, and what clients do.
	Note string `json:"note,omitempty" yaml:"note"`

	planned bool // no check that shows it is in a plan yet
}

// Verdict is what is known about the requirement.
func (r *Requirement) Verdict() Verdict {
	switch {
	case r.Deviates != "":
		return Deviates
	case len(r.Tests) > 0 && !r.planned:
		return Tested
	case r.Why != "":
		return NotTestable
	}
	return Untested
}

// Group is the requirements of one or several pages on one subject.
type Group struct {
	Code         string // the middle of the ids
	Title        string
	Source       string // the repository of the pages
	Requirements []Requirement
}

// Pages are the pages of the group, in their order.
func (g *Group) Pages() []string {
	var pages []string
	for _, r := range g.Requirements {
		if len(pages) == 0 || pages[len(pages)-1] != r.Page {
			pages = append(pages, r.Page)
		}
	}
	return pages
}

// Check is one judgement of nems assure.
type Check struct {
	ID      string `json:"id" yaml:"id"`           // publisher/token-claims
	Says    string `json:"says" yaml:"says"`       // what passes
	Planned bool   `json:"planned" yaml:"planned"` // no plan has it yet
}

// Of are the requirements that a check shows.
func Of(groups []Group, check string) []Requirement {
	return Select(groups, func(r *Requirement) bool {
		for _, t := range r.Tests {
			if t == check {
				return true
			}
		}
		return false
	})
}

// OfRule are the requirements behind a rule of the event catalogue, as a finding names
// it: those that name it, or else those that name the nearest thing above it.
func OfRule(groups []Group, rule string) []Requirement {
	best := 0
	var found []Requirement
	for _, r := range Select(groups, nil) {
		for _, t := range r.Tests {
			name, is := strings.CutPrefix(t, "rule:")
			if !is || !Covers(name, rule) || len(name) < best {
				continue
			}
			if len(name) > best {
				best, found = len(name), nil
			}
			found = append(found, r)
		}
	}
	return found
}

// Covers reports whether a name of a rule stands for another one: itself, and what lies
// below it.
func Covers(name, rule string) bool {
	rest, is := strings.CutPrefix(rule, name)
	return is && (rest == "" || strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "("))
}

// Select returns the requirements that are wanted, in their order. No function wants all.
func Select(groups []Group, wanted func(*Requirement) bool) []Requirement {
	out := []Requirement{}
	for _, g := range groups {
		for _, r := range g.Requirements {
			if wanted == nil || wanted(&r) {
				out = append(out, r)
			}
		}
	}
	return out
}
