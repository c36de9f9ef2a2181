package assure

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"nems/internal/assure/requirements"
	"nems/internal/directory/devworld"
)

// Verdict is what a check, a step, a requirement or a whole run came to.
type Verdict string

// The verdicts. Observed is something that deviates from what is only recommended.
const (
	Pass      Verdict = "pass"
	Fail      Verdict = "fail"
	NotTested Verdict = "not tested"
	Observed  Verdict = "observed"
	// Incomplete is of runs: nothing failed, and not all was done.
	Incomplete Verdict = "incomplete"
)

// Format is the version of the report's form.
const Format = "nems-assure/1"

// Report is what a run came to. It is the record: all other forms are made of it.
type Report struct {
	Format       string              `json:"format"`
	Side         string              `json:"side"`
	Declared     Declared            `json:"declared"`
	Plan         PlanOf              `json:"plan"`
	Service      ServiceOf           `json:"service"`
	Started      time.Time           `json:"started"`
	Ended        time.Time           `json:"ended"`
	Verdict      Verdict             `json:"verdict"`
	Steps        []*StepResult       `json:"steps"`
	Findings     []Finding           `json:"findings"`
	Requirements []RequirementResult `json:"requirements"`
	Exchanges    []Evidence          `json:"exchanges"`
}

// PlanOf says by which plan a run was done.
type PlanOf struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	SHA256 string `json:"sha256"`
	// Complete is false where only some of the plan's steps were chosen.
	Complete bool `json:"complete"`
}

// ServiceOf says against what a run was done.
type ServiceOf struct {
	Program       string `json:"program"`
	Specification string `json:"specification"`
	ASID          string `json:"asid"`
	TLS           bool   `json:"tls"`
}

// StepResult is what a step came to.
type StepResult struct {
	ID        string        `json:"id"`
	Title     string        `json:"title"`
	Asked     string        `json:"asked"`
	Event     string        `json:"event,omitempty"`
	Kind      string        `json:"kind,omitempty"`
	Verdict   Verdict       `json:"verdict"`
	Note      string        `json:"note,omitempty"` // why it was not tested
	Started   time.Time     `json:"started"`
	Ended     time.Time     `json:"ended"`
	Checks    []CheckResult `json:"checks"`
	Exchanges []int         `json:"exchanges"`
}

// CheckResult is what a check of a step came to.
type CheckResult struct {
	Name    string   `json:"name"` // such as publisher/kind-new-first
	Says    string   `json:"says"`
	Verdict Verdict  `json:"verdict"`
	Wrong   []string `json:"wrong,omitempty"`
}

// Finding is something that deviates from the specification, once for all the exchanges
// in which it was seen.
type Finding struct {
	Requirements []string `json:"requirements"` // ids; none where no requirement names the check
	Check        string   `json:"check"`
	Page         string   `json:"page,omitempty"`
	Verdict      Verdict  `json:"verdict"`
	Text         string   `json:"text"`
	Place        string   `json:"place,omitempty"`
	Steps        []string `json:"steps"`
	Exchanges    []int    `json:"exchanges"`

	// request says that it is about a request, whatever the step: then it is only observed
	// where no requirement is a must. What a step's checks find is a failure of the plan.
	request bool
}

func newStepResult(s *Step, now time.Time, note string) *StepResult {
	r := &StepResult{ID: s.ID, Title: s.Title, Asked: s.Ask, Kind: s.Plan.Kind, Verdict: NotTested, Note: note, Started: now, Ended: now, Checks: []CheckResult{}, Exchanges: []int{}}
	if s.Event != nil {
		r.Event = s.Event.Code
	}
	return r
}

// leftOut says why a step was not judged.
func (r *StepResult) leftOut(why string) { r.Note = why }

// judge runs the checks of a step.
func (r *StepResult) judge(o *Outcome) {
	for _, name := range o.Step.Plan.Checks {
		c := checks[name]
		wrong, tested := c.judge(o)
		verdict := Pass
		switch {
		case len(wrong) > 0:
			verdict = Fail
		case !tested:
			verdict = NotTested
		}
		r.Checks = append(r.Checks, CheckResult{name, c.Says, verdict, wrong})
	}
	r.Verdict = overall(r.Checks)
}

// overall is the verdict of several checks.
func overall(all []CheckResult) Verdict {
	verdict := NotTested
	for _, c := range all {
		switch {
		case c.Verdict == Fail:
			return Fail
		case c.Verdict == Pass:
			verdict = Pass
		}
	}
	if len(all) == 0 {
		return Pass
	}
	return verdict
}

// end notes when a step ended and what came.
func (r *StepResult) end(o *Outcome, now time.Time) {
	r.Ended = now
	for _, x := range o.Exchanges {
		r.Exchanges = append(r.Exchanges, x.Number)
	}
}

// report puts together what the run came to.
func (r *Run) report() *Report {
	all := r.Service.Record.Of("")
	out := &Report{
		Format: Format, Side: r.Plan.Side, Declared: r.Declared, Started: r.started, Ended: r.Service.Now(), Steps: r.results,
		Plan:    PlanOf{r.Plan.Name, r.Plan.Title, r.Plan.Hash, len(r.Only) == 0},
		Service: ServiceOf{Program: r.Program, Specification: "2.15", ASID: string(devworld.NEMS), TLS: strings.HasPrefix(r.Service.URL, "https:")},
	}
	for i := range out.Steps {
		for n := range out.Steps[i].Checks {
			c := &out.Steps[i].Checks[n]
			c.Name = out.Side + "/" + strings.TrimPrefix(c.Name, out.Side+"/")
		}
	}
	out.Findings = r.findings(out, all)
	out.Exchanges = evidence(all, out.Ended)
	out.Requirements = r.requirements(out)
	out.Verdict = out.verdict()
	return out
}

// verdict is that of the whole run.
func (r *Report) verdict() Verdict {
	verdict := Pass
	for _, f := range r.Findings {
		if f.Verdict == Fail {
			return Fail
		}
	}
	for _, s := range r.Steps {
		if s.Verdict == NotTested {
			verdict = Incomplete
		}
	}
	if len(r.Steps) == 0 {
		return Incomplete
	}
	return verdict
}

// findings collects what was wrong, each thing once.
func (r *Run) findings(out *Report, all []*Exchange) []Finding {
	found := collector{run: r, at: map[string]int{}}
	for _, s := range out.Steps {
		for _, c := range s.Checks {
			for _, text := range c.Wrong {
				check, _ := Describe(c.Name)
				found.add(Finding{Check: c.Name, Page: check.Page, Verdict: Fail, Text: text}, s.Event, s.ID, 0)
			}
		}
	}
	for _, x := range all {
		for _, p := range x.Problems {
			name := p.Check
			if !strings.HasPrefix(name, "rule:") {
				name = out.Side + "/" + name
			}
			found.add(Finding{Check: name, Page: p.Page, Text: p.Text, Place: p.Place, request: true}, x.Facts.Code, x.Step, x.Number)
		}
	}
	slices.SortStableFunc(found.all, func(a, b Finding) int { return cmp.Compare(a.Check, b.Check) })
	return found.all
}

// collector merges findings that say the same.
type collector struct {
	run *Run
	all []Finding
	at  map[string]int
}

// add adds a finding about an event type, "" for about none.
func (c *collector) add(f Finding, event, step string, exchange int) {
	key := f.Check + "\n" + f.Text + "\n" + f.Place
	i, known := c.at[key]
	if !known {
		i = len(c.all)
		c.at[key] = i
		f.Requirements, f.Steps, f.Exchanges = []string{}, []string{}, []int{}
		if f.request {
			f.Verdict = Observed // until a requirement is a must, or there is none
		}
		c.all = append(c.all, f)
	}
	demands := c.run.proven(f.Check, event)
	for _, q := range demands {
		if !slices.Contains(c.all[i].Requirements, q.ID) {
			c.all[i].Requirements = append(c.all[i].Requirements, q.ID)
		}
		if q.Level == requirements.Must {
			c.all[i].Verdict = Fail
		}
	}
	if len(demands) == 0 {
		c.all[i].Verdict = Fail
	}
	if step != "" && !slices.Contains(c.all[i].Steps, step) {
		c.all[i].Steps = append(c.all[i].Steps, step)
	}
	if exchange > 0 && !slices.Contains(c.all[i].Exchanges, exchange) {
		c.all[i].Exchanges = append(c.all[i].Exchanges, exchange)
	}
}
