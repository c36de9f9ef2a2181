package catalogue

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"nems/internal/fhir"
)

// EventType is one kind of event that a NEMS carries. It is data: read from a
// file, never changed afterwards, safe for concurrent use.
type EventType struct {
	Code    string // MessageHeader.event.code, such as vaccinations-1
	Display string // for people, such as Vaccinations
	// Interaction names the event type in the interaction id under which it is
	// published ("overview_supported_events"); "" where only the Spine publishes.
	Interaction string
	Workflow    string // MESH WorkflowID of the copies
	Publishers  Publishers
	Kinds       []string // of new, update and delete
	Focus       []string // resource types that MessageHeader.focus may reference
	LifeCycle   LifeCycle
	Page        string // page of the specification that the rules come from

	rules *ruleSet
}

// Publishers says who may publish an event type.
type Publishers string

// Those who may publish: any system that is registered for it, or the Spine's
// own system alone ("overview_supported_events", column Publication API).
const (
	Anyone    Publishers = "anyone"
	SpineOnly Publishers = "spine"
)

// State is where an event type is in its life cycle
// ("overview_msg_architecture_life_cycle").
type State string

// The states of the life cycle.
const (
	Current           State = "current"
	Deprecated        State = "deprecated"
	NoLongerSupported State = "no-longer-supported"
	Withdrawn         State = "withdrawn"
)

// LifeCycle is the state of an event type, when it changes and where people
// read about it. Dates that are not known are zero; they inform, only State
// decides.
type LifeCycle struct {
	State             State
	Deprecated        time.Time
	NoLongerSupported time.Time
	Withdrawn         time.Time
	URL               string
}

// Lacks names what the warning about a deprecated event type has to say and the
// life cycle does not: the date "deprecated", the "url" of a page for people
// ("overview_msg_architecture_life_cycle", "Mechanism"). Nothing for the states
// that have no such warning.
func (l LifeCycle) Lacks() (missing []string) {
	if l.State != Deprecated && l.State != NoLongerSupported {
		return nil
	}
	if l.Deprecated.IsZero() {
		missing = append(missing, "deprecated")
	}
	if l.URL == "" {
		missing = append(missing, "url")
	}
	return missing
}

// Check says what is wrong with a life cycle that is about to be set: a
// *LifeCycleError.
func (l LifeCycle) Check() error {
	if !slices.Contains([]State{Current, Deprecated, NoLongerSupported, Withdrawn}, l.State) {
		return &LifeCycleError{"state", fmt.Sprintf("a state is current, deprecated, no-longer-supported or withdrawn; received %q", l.State)}
	}
	if missing := l.Lacks(); len(missing) > 0 {
		return &LifeCycleError{"state", fmt.Sprintf("an event type that is %s needs the date of its deprecation (deprecated) and a page about it (url), which callers are told; missing: %s",
			l.State, strings.Join(missing, ", "))}
	}
	var last time.Time
	for _, date := range []struct {
		key string
		at  time.Time
	}{{"deprecated", l.Deprecated}, {"no-longer-supported", l.NoLongerSupported}, {"withdrawn", l.Withdrawn}} {
		if date.at.IsZero() {
			continue
		}
		if date.at.Before(last) {
			return &LifeCycleError{date.key, "the date lies before that of the state before it"}
		}
		last = date.at
	}
	if u, err := url.Parse(l.URL); l.URL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		return &LifeCycleError{"url", "expected an address that starts with https://"}
	}
	return nil
}

// LifeCycleError says what is wrong with a part of a life cycle, by its key in
// the file of an event type.
type LifeCycleError struct{ Key, Problem string }

func (e *LifeCycleError) Error() string { return e.Key + ": " + e.Problem }

// Level says how strictly messages are judged (decision 10).
type Level string

// The levels. At Schema only the structure counts, which package fhir checks.
// At Standard every row of an event page is an error, but where an official
// example breaks it: there it is a warning. At Strict those are errors too, and
// what the NHS assurance harness refuses is refused.
const (
	Schema   Level = "schema"
	Standard Level = "standard"
	Strict   Level = "strict"
)

// Judgement is what the rules have to say about a message.
type Judgement struct {
	// Findings are in the order of the message. Rule and Source name the rule
	// and its page. Those of references that lead nowhere have the code
	// "not-found" and a rule that starts with "reference-".
	Findings []fhir.Finding
}

// Errors gives the findings that refuse the message.
func (j Judgement) Errors() []fhir.Finding { return j.pick(true) }

// Warnings gives the findings that do not.
func (j Judgement) Warnings() []fhir.Finding { return j.pick(false) }

func (j Judgement) pick(refuses bool) []fhir.Finding {
	var out []fhir.Finding
	for _, f := range j.Findings {
		if f.Refuses() == refuses {
			out = append(out, f)
		}
	}
	return out
}
