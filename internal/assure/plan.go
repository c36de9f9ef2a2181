package assure

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"nems/internal/nhs"
)

//go:embed plans/*.yaml
var plans embed.FS

// Plan is a test plan: what a system is put through, as a file has it.
type Plan struct {
	Version int    `yaml:"version"`
	Name    string `yaml:"name"`
	Title   string `yaml:"title"`
	// Side is whose system is tested: publisher or subscriber.
	Side  string `yaml:"side"`
	About string `yaml:"about"`
	// Patient is whom steps are about, by NHS number, unless Patients names another
	// one for the event type, or the step does.
	Patient  string            `yaml:"patient"`
	Patients map[string]string `yaml:"patients"`
	Steps    []Template        `yaml:"steps"`

	// Hash is the SHA-256 of the file, in hex. File is its name.
	Hash string `yaml:"-"`
	File string `yaml:"-"`
}

// Template is what a plan says about a step, or about one for each event or answer.
type Template struct {
	ID    string `yaml:"id"`
	Title string `yaml:"title"`
	// Ask tells a person what to do.
	Ask string `yaml:"ask"`
	// Each is "event" for a step for each declared event type that has the kind,
	// "answer" for one for each of Answers. Otherwise there is one step, about the first
	// declared event type that has the kind.
	Each string `yaml:"each"`
	// Kind is what the messages of the step are: new, update or delete.
	Kind string `yaml:"kind"`
	// Has and Lacks are further kinds that the event type must have, or must not.
	Has   string `yaml:"has"`
	Lacks string `yaml:"lacks"`
	// After is the id of the template whose message this step corrects.
	After   string `yaml:"after"`
	Patient string `yaml:"patient"`
	// Wants is how many messages the step is over with; nil means one.
	Wants *int `yaml:"wants"`
	// Any says that any request counts, not only messages.
	Any bool `yaml:"any"`
	// Deeds are done to the service before the step; what they changed is put back
	// after it.
	Deeds   []string `yaml:"deeds"`
	Answer  *Answer  `yaml:"answer"`
	Answers []Answer `yaml:"answers"`
	// Checks judge what came, by their names.
	Checks []string `yaml:"checks"`
	// Confirm is a question to a person, whose answer the check "told" judges.
	Confirm string `yaml:"confirm"`
}

// Answer is how the service answers in a step, instead of what it would answer.
type Answer struct {
	Name string `yaml:"name"` // ends the step's id
	// Refuse names a refusal of the table refusals.
	Refuse string `yaml:"refuse"`
	// RetryAfter is what the answer asks the caller to wait, in seconds.
	RetryAfter int `yaml:"retry-after"`
	// Lose cuts the connection: "before" the service has the message, or "after".
	Lose string `yaml:"lose"`
	// Times is how often a message is answered so; 0 means always.
	Times int `yaml:"times"`
}

// wait is RetryAfter as a duration.
func (a Answer) wait() time.Duration { return time.Duration(a.RetryAfter) * time.Second }

// BuiltIn returns a plan that comes with the program, by its name.
func BuiltIn(name string) (*Plan, error) {
	text, err := PlanText(name)
	if err != nil {
		return nil, err
	}
	return ReadPlan(name+".yaml", text)
}

// PlanText returns the file of a plan that comes with the program.
func PlanText(name string) ([]byte, error) {
	text, err := plans.ReadFile("plans/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("there is no plan %q; there are: %s", name, strings.Join(PlanNames(), ", "))
	}
	return text, nil
}

// PlanNames lists the plans that come with the program.
func PlanNames() (names []string) {
	files, _ := plans.ReadDir("plans")
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	return names
}

// ReadPlan reads and checks a plan. Errors name the file, and the line or the step.
func ReadPlan(file string, text []byte) (*Plan, error) {
	p := &Plan{File: file}
	decoder := yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField())
	if err := decoder.Decode(p); err != nil {
		var located yaml.Error
		if errors.As(err, &located) && located.GetToken() != nil {
			return nil, fmt.Errorf("%s:%d: %s", file, located.GetToken().Position.Line, located.GetMessage())
		}
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	sum := sha256.Sum256(text)
	p.Hash = hex.EncodeToString(sum[:])
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return p, nil
}

// check returns everything that is wrong with a plan.
func (p *Plan) check() error {
	var wrong []error
	if p.Version != 1 {
		wrong = append(wrong, fmt.Errorf("version: this program reads version 1; received %d", p.Version))
	}
	if p.Side != Publisher && p.Side != Subscriber {
		wrong = append(wrong, fmt.Errorf("side: expected %s or %s; received %q", Publisher, Subscriber, p.Side))
	}
	if len(p.Steps) == 0 {
		wrong = append(wrong, errors.New("steps: a plan has at least one step"))
	}
	for _, number := range append([]string{p.Patient}, values(p.Patients)...) {
		wrong = append(wrong, checkPatient("patient", number))
	}
	known := map[string]bool{}
	for i, t := range p.Steps {
		for _, err := range t.check(known) {
			wrong = append(wrong, fmt.Errorf("steps[%d] (%s): %w", i, t.ID, err))
		}
		known[t.ID] = true
	}
	return errors.Join(wrong...)
}

func values(m map[string]string) (all []string) {
	for _, v := range m {
		all = append(all, v)
	}
	slices.Sort(all)
	return all
}

func checkPatient(key, number string) error {
	if number == "" {
		return nil
	}
	if _, err := nhs.ParseNHSNumber(number); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// first is the id of the template whose message a template corrects in the end; its own if
// it corrects none.
func (p *Plan) first(id string) string {
	for _, t := range slices.Backward(p.Steps) {
		if t.ID == id && t.After != "" {
			id = t.After
		}
	}
	return id
}

// check returns what is wrong with a template. known are the ids before it.
func (t *Template) check(known map[string]bool) (wrong []error) {
	add := func(format string, a ...any) { wrong = append(wrong, fmt.Errorf(format, a...)) }
	if t.ID == "" || strings.ContainsAny(t.ID, "/ ") {
		add("id: expected a word without blanks and slashes; received %q", t.ID)
	}
	if known[t.ID] {
		add("id: another step has it")
	}
	if t.After != "" && !known[t.After] {
		add("after: expected the id of an earlier step; received %q", t.After)
	}
	if t.Each != "" && t.Each != "event" && t.Each != "answer" {
		add("each: expected event or answer; received %q", t.Each)
	}
	if (t.Each == "answer") != (len(t.Answers) > 0) {
		add("each: answer and answers go together")
	}
	for _, name := range t.Checks {
		if _, there := checks[name]; !there {
			add("checks: there is no check %q; there are: %s", name, strings.Join(CheckNames(), ", "))
		}
	}
	for _, name := range t.Deeds {
		if _, there := deeds[name]; !there {
			add("deeds: there is no deed %q; there are: %s", name, strings.Join(sortedNames(deeds), ", "))
		}
	}
	all := t.Answers
	if t.Answer != nil {
		all = append(slices.Clone(all), *t.Answer)
	}
	for _, a := range all {
		if err := a.check(); err != nil {
			add("answer: %w", err)
		}
	}
	if err := checkPatient("patient", t.Patient); err != nil {
		wrong = append(wrong, err)
	}
	return wrong
}

func (a Answer) check() error {
	if _, there := refusals[a.Refuse]; a.Refuse != "" && !there {
		return fmt.Errorf("refuse: there is no refusal %q; there are: %s", a.Refuse, strings.Join(sortedNames(refusals), ", "))
	}
	if (a.Refuse == "") == (a.Lose == "") {
		return errors.New("expected one of refuse and lose")
	}
	if a.Lose != "" && a.Lose != loseBefore && a.Lose != loseAfter {
		return fmt.Errorf("lose: expected %s or %s; received %q", loseBefore, loseAfter, a.Lose)
	}
	return nil
}

// sortedNames lists the keys of a table.
func sortedNames[T any](table map[string]T) []string {
	var names []string
	for name := range table {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
