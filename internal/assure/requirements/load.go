package requirements

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed data/*.yaml checks.yaml
var embedded embed.FS

// order is that of the page: as a reader meets the subjects.
var order = []string{"ARCH", "HDR", "JWT", "SEC", "PUB", "MSG", "SEQ", "LIFE", "SUB", "RCV", "MESH", "IG", "ERR", "ASR", "BSO", "NBH", "NIPE", "PC", "VAC", "PDSB", "PDSA", "PDSG", "PDSD", "PDSR"}

// groupFile is a group as its file has it.
type groupFile struct {
	Group    string `yaml:"group"`
	Title    string `yaml:"title"`
	Source   string `yaml:"source"`
	Event    string `yaml:"event"`
	Sections []struct {
		Page         string        `yaml:"page"`
		At           string        `yaml:"at"`
		Requirements []Requirement `yaml:"requirements"`
	} `yaml:"sections"`
}

var loadEmbedded = sync.OnceValues(func() ([]Group, error) { return load(embedded) })

// All are the groups of the specification. Nobody may change them.
func All() ([]Group, error) { return loadEmbedded() }

// Checks are the checks of nems assure that requirements may name.
func Checks() ([]Check, error) { return readChecks(embedded) }

// load reads every file of data/. The error has everything that is wrong.
func load(files fs.FS) ([]Group, error) {
	checks, err := readChecks(files)
	if err != nil {
		return nil, err
	}
	known := map[string]Check{}
	for _, c := range checks {
		known[c.ID] = c
	}
	names, err := fs.Glob(files, "data/*.yaml")
	if err != nil {
		return nil, err
	}
	var groups []Group
	var wrong []error
	seen := map[string]bool{}
	for _, name := range names {
		g, err := readGroup(files, name)
		if err != nil {
			return nil, err
		}
		for i := range g.Requirements {
			r := &g.Requirements[i]
			if seen[r.ID] {
				wrong = append(wrong, fmt.Errorf("%s: %s is there twice", name, r.ID))
			}
			seen[r.ID] = true
			r.planned = len(r.Tests) > 0 && !slices.ContainsFunc(r.Tests, func(t string) bool { return !known[t].Planned })
			for _, problem := range problems(g.Code, r, known) {
				wrong = append(wrong, fmt.Errorf("%s: %s: %s", name, r.ID, problem))
			}
		}
		groups = append(groups, g)
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return slices.Index(order, a.Code) - slices.Index(order, b.Code) })
	return groups, errors.Join(wrong...)
}

func readChecks(files fs.FS) ([]Check, error) {
	source, err := fs.ReadFile(files, "checks.yaml")
	if err != nil {
		return nil, err
	}
	var checks []Check
	if err := yaml.UnmarshalWithOptions(source, &checks, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("checks.yaml: %w", err)
	}
	return checks, nil
}

func readGroup(files fs.FS, name string) (Group, error) {
	source, err := fs.ReadFile(files, name)
	if err != nil {
		return Group{}, err
	}
	var f groupFile
	if err := yaml.UnmarshalWithOptions(source, &f, yaml.Strict()); err != nil {
		return Group{}, fmt.Errorf("%s: %w", name, err)
	}
	if f.Title == "" || f.Source == "" || !slices.Contains(order, f.Group) || strings.ToLower(f.Group)+".yaml" != path.Base(name) {
		return Group{}, fmt.Errorf("%s: expected the group of the file's name, which is one of %v, a title and a source; received %q, %q, %q", name, order, f.Group, f.Title, f.Source)
	}
	g := Group{Code: f.Group, Title: f.Title, Source: f.Source}
	for _, s := range f.Sections {
		for _, r := range s.Requirements {
			r.Page, r.At, r.Event = s.Page, s.At, f.Event
			g.Requirements = append(g.Requirements, r)
		}
	}
	if len(g.Requirements) == 0 {
		return Group{}, fmt.Errorf("%s: there are no requirements", name)
	}
	return g, nil
}

var (
	idForm = regexp.MustCompile(`^NEMS-([A-Z]+)-\d{2,3}$`)
	goTest = regexp.MustCompile(`^[a-z0-9/]+ (Test|Fuzz)[A-Za-z0-9]+(/.+)?$`)
	check  = regexp.MustCompile(`^(publisher|subscriber)/[a-z0-9]+(-[a-z0-9]+)*$`)
	aRule  = regexp.MustCompile(`^rule:[a-z0-9-]+/[A-Z]\w+.*$`)
)

// longest is how long a sentence may be. Longer ones are not read.
const longest = 320

// problems says what is wrong with a requirement.
func problems(group string, r *Requirement, checks map[string]Check) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if m := idForm.FindStringSubmatch(r.ID); m == nil || m[1] != group {
		say("expected an id NEMS-%s-NN", group)
	}
	if r.Page == "" {
		say("expected the page")
	}
	if !slices.Contains(Actors, r.Actor) {
		say("actor: expected one of %v; received %q", Actors, r.Actor)
	}
	if !slices.Contains([]Level{Must, Should, May}, r.Level) {
		say("level: expected must, should or may; received %q", r.Level)
	}
	for name, text := range map[string]string{"says": r.Says, "why": r.Why, "open": r.Open, "deviates": r.Deviates, "contradicts": r.Contradicts, "note": r.Note} {
		if text == "" && name != "says" {
			continue
		}
		if !strings.HasSuffix(text, ".") || len(text) > longest {
			say("%s: expected at most %d bytes with a full stop at the end; received %d", name, longest, len(text))
		}
	}
	reasons := 0
	for _, given := range []bool{len(r.Tests) > 0 || r.Deviates != "", r.Why != "", r.Open != ""} {
		if given {
			reasons++
		}
	}
	if reasons != 1 {
		say("expected tests or deviates, or why, or open, and only one of them")
	}
	if r.Deviates != "" && (len(r.Decisions) == 0 || r.Actor != Service) {
		say("deviates: only the service deviates, and a decision says why")
	}
	for _, t := range r.Tests {
		if problem := wrongTest(r.Actor, t, checks); problem != "" {
			say("tests: %s: %s", t, problem)
		}
	}
	return out
}

// wrongTest says what is wrong with the name of a test for an actor.
func wrongTest(actor Actor, t string, checks map[string]Check) string {
	role, _, _ := strings.Cut(t, "/")
	plan := string(actor)
	if actor == Receiver {
		plan = string(Subscriber) // one plan judges both
	}
	switch {
	case aRule.MatchString(t):
		return ""
	case actor == Service && goTest.MatchString(t):
		return ""
	case actor == Service:
		return "expected a Go test or a rule"
	case !check.MatchString(t) || role != plan:
		return "expected " + plan + "/a-check or a rule"
	case checks[t].ID == "":
		return "checks.yaml has no such check"
	}
	return ""
}
