package docs_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"nems/internal/assure/requirements"
)

// TestConformancePage: docs/conformance.md has every requirement of the specification.
func TestConformancePage(t *testing.T) {
	groups, err := requirements.All()
	if err != nil {
		t.Fatal(err)
	}
	checks, err := requirements.Checks()
	if err != nil {
		t.Fatal(err)
	}
	p := conformance{checks: map[string]requirements.Check{}}
	for _, c := range checks {
		p.checks[c.ID] = c
	}
	page := "# Conformance, requirement by requirement\n\nWritten by `go test ./docs -run TestConformancePage -update` from `internal/assure/requirements`. Each statement of the NEMS specification 2.15.0 and of Spine Core that somebody has to meet, in\n" +
		"our words, with what shows that it is met. For the service that is a test of this repository; for suppliers a check of `nems assure` or a rule of the [event types](event-types.md). The same list for\nprograms: `nems assure requirements --format json` or `csv`.\n\n" +
		"Left out, because they demand nothing of anybody here: release notes, help and support; of Spine Core the pages on its proxy, on GP Connect, smartcards, scopes (examples of other services),\nenvironments, and those that are still to be written.\n\n" +
		"| verdict | means |\n| --- | --- |\n| tested | a test or a check shows it |\n| not testable | only people can judge it: purpose, law, contracts, what happens inside an organisation |\n" +
		"| deviates | the service does something else, for the reason that the decision gives |\n| untested | a machine could judge it, and none does yet, or only a check that is planned |\n\n" +
		p.summary(groups) + p.deviations(groups) + p.contradictions(groups)
	for _, g := range groups {
		page += p.group(&g)
	}
	golden(t, "conformance.md", strings.TrimRight(page, "\n")+"\n")
}

// conformance writes the parts of the page.
type conformance struct {
	checks map[string]requirements.Check
}

// names are the actors for readers.
var names = map[requirements.Actor]string{requirements.Service: "service", requirements.Publisher: "publisher", requirements.Subscriber: "subscriber", requirements.Receiver: "receiver"}

// summary counts the requirements by page and actor, and by verdict.
func (conformance) summary(groups []requirements.Group) string {
	out := "## Summary\n\n| | requirements | tested | not testable | deviates | untested |\n| --- | --- | --- | --- | --- | --- |\n"
	all := requirements.Select(groups, nil)
	row := func(name string, some []requirements.Requirement) {
		n := byVerdict(some)
		out += fmt.Sprintf("| %s | %d |", name, len(some))
		for _, v := range requirements.Verdicts {
			out += fmt.Sprintf(" %d |", n[v])
		}
		out += "\n"
	}
	for _, a := range requirements.Actors {
		row(names[a], requirements.Select(groups, func(r *requirements.Requirement) bool { return r.Actor == a }))
	}
	row("**all**", all)
	out += "\nBy page: how many of how many are tested, and what the others are.\n\n| page | service | publisher | subscriber | receiver |\n| --- | --- | --- | --- | --- |\n"
	for _, g := range groups {
		for _, page := range distinct(g.Pages()) {
			out += fmt.Sprintf("| [%s](#%s) `%s` |", g.Title, anchor(g.Title), page)
			for _, a := range requirements.Actors {
				var some []requirements.Requirement
				for _, r := range g.Requirements {
					if r.Page == page && r.Actor == a {
						some = append(some, r)
					}
				}
				out += " " + tally(some) + " |"
			}
			out += "\n"
		}
	}
	return out + "\n"
}

func byVerdict(some []requirements.Requirement) map[requirements.Verdict]int {
	n := map[requirements.Verdict]int{}
	for _, r := range some {
		n[r.Verdict()]++
	}
	return n
}

// tally says in a cell how many are tested.
func tally(some []requirements.Requirement) string {
	if len(some) == 0 {
		return ""
	}
	n := byVerdict(some)
	text := fmt.Sprintf("%d/%d", n[requirements.Tested], len(some))
	for _, v := range requirements.Verdicts[1:] {
		if n[v] > 0 {
			text += fmt.Sprintf(", %d %s", n[v], v)
		}
	}
	return text
}

func distinct(list []string) (out []string) {
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// anchor is what a heading is linked by.
func anchor(title string) string {
	return strings.NewReplacer(" ", "-", ",", "").Replace(strings.ToLower(title))
}

// deviations lists where the service does something else.
func (conformance) deviations(groups []requirements.Group) string {
	out := "## Where the service deviates\n\n| id | the page demands | the service | decision |\n| --- | --- | --- | --- |\n"
	for _, r := range requirements.Select(groups, func(r *requirements.Requirement) bool { return r.Verdict() == requirements.Deviates }) {
		out += fmt.Sprintf("| `%s` | %s | %s | %s |\n", r.ID, cell(r.Says), cell(r.Deviates), decisions(r.Decisions))
	}
	return out + "\n"
}

// contradictions lists where pages differ.
func (conformance) contradictions(groups []requirements.Group) string {
	out := "## Where the pages contradict each other\n\n| id | page | | decision |\n| --- | --- | --- | --- |\n"
	for _, r := range requirements.Select(groups, func(r *requirements.Requirement) bool { return r.Contradicts != "" }) {
		out += fmt.Sprintf("| `%s` | `%s` | %s | %s |\n", r.ID, r.Page, cell(r.Contradicts), decisions(r.Decisions))
	}
	return out + "\n"
}

// decisions are links to the decisions' pages.
func decisions(numbers []int) string {
	var out []string
	for _, n := range numbers {
		found, err := filepath.Glob(fmt.Sprintf("decisions/%04d-*.md", n))
		if err != nil || len(found) != 1 {
			out = append(out, fmt.Sprintf("%d?", n))
			continue
		}
		out = append(out, fmt.Sprintf("[%d](%s)", n, filepath.ToSlash(found[0])))
	}
	return strings.Join(out, ", ")
}

// group is a section: a table for each heading of its pages.
func (p conformance) group(g *requirements.Group) string {
	out := fmt.Sprintf("## %s\n\nOf %s.\n", g.Title, g.Source)
	last := ""
	for _, r := range g.Requirements {
		if place := r.Page + "\x00" + r.At; place != last {
			last = place
			out += fmt.Sprintf("\n### `%s`: %s\n\n| id | who | level | demand | verdict | shown by |\n| --- | --- | --- | --- | --- | --- |\n", r.Page, r.At)
		}
		says := r.Says
		for _, more := range []string{r.Contradicts, r.Note} {
			if more != "" {
				says += " *" + more + "*"
			}
		}
		out += fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s |\n", r.ID, names[r.Actor], r.Level, cell(says), r.Verdict(), cell(p.shownBy(&r)))
	}
	return out + "\n"
}

// shownBy is what shows a requirement, or why nothing does.
func (p conformance) shownBy(r *requirements.Requirement) string {
	var out []string
	for _, t := range r.Tests {
		switch folder, test, isGo := strings.Cut(t, " "); {
		case strings.HasPrefix(t, "rule:"):
			out = append(out, rule(strings.TrimPrefix(t, "rule:")))
		case isGo:
			out = append(out, fmt.Sprintf("`%s` `%s`", strings.TrimPrefix(folder, "internal/"), test))
		case p.checks[t].Planned:
			out = append(out, "planned: `"+t+"`")
		default:
			out = append(out, "`"+t+"`")
		}
	}
	text := strings.Join(out, "<br>")
	for _, reason := range []string{r.Deviates, r.Why, r.Open} {
		if reason != "" && text != "" {
			text += "<br>"
		}
		text += reason
	}
	if len(r.Decisions) > 0 {
		text = strings.TrimPrefix(text+"<br>decision "+decisions(r.Decisions), "<br>")
	}
	return text
}

// rule links a rule to its event type's section of the page of event types.
func rule(id string) string {
	code, rest, _ := strings.Cut(id, "/")
	section := code
	if code == "generic" {
		section = "all-messages"
	}
	return fmt.Sprintf("[rule](event-types.md#%s) `%s`", section, rest)
}
