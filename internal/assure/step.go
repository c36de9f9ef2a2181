package assure

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"nems/internal/catalogue"
	"nems/internal/directory"
	"nems/internal/directory/devworld"
	"nems/internal/nhs"
)

// Step is one thing that the system under test is put through.
type Step struct {
	ID    string // such as new/vaccinations-1
	Plan  *Template
	Event *catalogue.EventType // nil where the step is about none
	// Asked is whom the instructions name; Current is the same person as PDS has them when
	// the step is done: a deed or a merged record makes a difference.
	Asked, Current Person
	Before         Person // as PDS had them before the step's deeds
	Wants          int
	Answer         *Answer
	After          string // id of the step whose message this one corrects
	Title, Ask     string
	Confirm        string
}

// Person is an invented patient.
type Person struct {
	NHSNumber string `json:"nhsNumber"`
	Family    string `json:"family,omitempty"`
	Given     string `json:"given,omitempty"`
	Born      string `json:"born,omitempty"` // YYYY-MM-DD, as far as it is known
}

// Name is the person's name for people.
func (p Person) Name() string {
	return cmp.Or(strings.TrimSpace(p.Given+" "+p.Family), "a patient without a name")
}

// Declared is what a supplier says about the system under test.
type Declared struct {
	Supplier string `json:"supplier"`
	Product  string `json:"product"`
	Version  string `json:"version"`
	// Events are the event codes that the product publishes, or subscribes to.
	Events []string `json:"events"`
	ASID   string   `json:"asid"`
	ODS    string   `json:"ods"`
	// Mailbox is where a subscriber's copies go; "" for publishers.
	Mailbox string `json:"mailbox,omitempty"`
}

// expand makes the steps of a plan for the declared event types.
func (p *Plan) expand(d Declared, types *catalogue.Catalogue, url string) ([]*Step, error) {
	var declared []*catalogue.EventType
	for _, code := range d.Events {
		t, known := types.Type(code)
		if !known {
			return nil, fmt.Errorf("there is no event type %q; there are: %s", code, strings.Join(codes(types), ", "))
		}
		declared = append(declared, t)
	}
	if len(declared) == 0 {
		return nil, fmt.Errorf("at least one event type has to be declared; there are: %s", strings.Join(codes(types), ", "))
	}
	world, err := devworld.New()
	if err != nil {
		return nil, err
	}
	x := expansion{p, world, url}
	var steps []*Step
	for i := range p.Steps {
		more, err := x.template(&p.Steps[i], declared)
		if err != nil {
			return nil, fmt.Errorf("step %s: %w", p.Steps[i].ID, err)
		}
		steps = append(steps, more...)
	}
	return steps, nil
}

// StepsOf makes the steps of a plan for what is declared, without a service. eventTypes
// is a folder with further event types, "" for none.
func StepsOf(p *Plan, d Declared, eventTypes string) ([]*Step, error) {
	types, err := catalogue.Load(eventTypes)
	if err != nil {
		return nil, err
	}
	return p.expand(d, types, "the service")
}

func codes(types *catalogue.Catalogue) (all []string) {
	for _, t := range types.Types() {
		all = append(all, t.Code)
	}
	return all
}

// expansion is what making steps needs.
type expansion struct {
	plan  *Plan
	world *devworld.World
	url   string
}

// template makes the steps of one template.
func (x expansion) template(t *Template, declared []*catalogue.EventType) (steps []*Step, err error) {
	var fitting []*catalogue.EventType
	for _, e := range declared {
		if t.fits(e.Kinds) {
			fitting = append(fitting, e)
		}
	}
	if len(fitting) == 0 {
		return nil, nil
	}
	add := func(name string, e *catalogue.EventType, a *Answer) {
		s, wrong := x.step(t, name, e, a)
		steps, err = append(steps, s), cmp.Or(err, wrong)
	}
	switch t.Each {
	case "event":
		for _, e := range fitting {
			add(e.Code, e, t.Answer)
		}
	case "answer":
		for i := range t.Answers {
			add(t.Answers[i].Name, fitting[0], &t.Answers[i])
		}
	default:
		add("", fitting[0], t.Answer)
	}
	return steps, err
}

// fits reports whether an event type with these kinds gets the step.
func (t *Template) fits(kinds []string) bool {
	return (t.Kind == "" || slices.Contains(kinds, t.Kind)) && (t.Has == "" || slices.Contains(kinds, t.Has)) && !slices.Contains(kinds, t.Lacks)
}

// step makes one step.
func (x expansion) step(t *Template, name string, e *catalogue.EventType, a *Answer) (*Step, error) {
	s := &Step{ID: t.ID, Plan: t, Event: e, Answer: a, Wants: 1}
	if name != "" {
		s.ID += "/" + name
	}
	if t.Wants != nil {
		s.Wants = *t.Wants
	}
	if t.After != "" {
		s.After = t.After + strings.TrimPrefix(s.ID, t.ID)
	}
	if number := cmp.Or(t.Patient, x.plan.Patients[e.Code], x.plan.Patient); number != "" {
		var err error
		if s.Asked, s.Current, err = x.person(number); err != nil {
			return nil, err
		}
		s.Before = s.Current
		for _, name := range t.Deeds {
			if change := deeds[name].Person; change != nil {
				s.Current = change(s.Current)
				s.Asked = s.Current
			}
		}
	}
	s.Title, s.Ask, s.Confirm = x.text(s, t.Title), x.text(s, t.Ask), x.text(s, t.Confirm)
	return s, nil
}

// person looks an invented patient up.
func (x expansion) person(number string) (asked, current Person, err error) {
	n, err := nhs.ParseNHSNumber(number)
	if err != nil {
		return asked, current, err
	}
	p, err := x.world.Patient(context.Background(), n)
	if err != nil {
		return asked, current, fmt.Errorf("the patient %s is not in the development world (docs/dev-world.md)", number)
	}
	current = personOf(p)
	asked = current
	if !p.SupersededBy.IsZero() {
		current.NHSNumber = p.SupersededBy.Digits()
		asked.NHSNumber = n.Digits()
	}
	return asked, current, nil
}

func personOf(p directory.Patient) Person {
	out := Person{NHSNumber: p.NHSNumber.Digits(), Family: p.Family, Given: strings.Join(p.Given, " ")}
	if !p.BirthDate.IsZero() {
		out.Born = p.BirthDate.Format(time.DateOnly)
	}
	return out
}

// text fills in what a title or an instruction leaves open.
func (x expansion) text(s *Step, text string) string {
	pairs := []string{"{url}", x.url, "{kind}", s.Plan.Kind, "{patient}", s.Asked.NHSNumber, "{name}", s.Asked.Name(), "{born}", cmp.Or(s.Asked.Born, "on an unknown day")}
	if s.Event != nil {
		pairs = append(pairs, "{event}", s.Event.Code, "{display}", s.Event.Display)
	}
	if s.Answer != nil && s.Answer.Refuse != "" {
		r := refusals[s.Answer.Refuse](*s.Answer)
		pairs = append(pairs, "{code}", string(r.Code()), "{status}", strconv.Itoa(r.Status))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
