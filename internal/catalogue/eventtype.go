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
	// Interaction is the event type's name in the interaction id for publishing
	// ("overview_supported_events"). It is "" where only the Spine publishes.
	Interaction string
	Workflow    string // MESH WorkflowID of the copies
	Publishers  Publishers
	Kinds       []string // which of new, update and delete exist
	Focus       []string // resource types that MessageHeader.focus may reference
	LifeCycle   LifeCycle
	Page        string // the specification's page that has the rules

	rules *ruleSet
}

// Publishers says who may publish an event type.
type Publishers string

// The publishers: any system that is registered for the event type, or only the
// Spine's own system ("overview_supported_events", column Publication API).
const (
	Anyone    Publishers = "anyone"
	SpineOnly Publishers = "spine"
)

// State is an event type's state in its life cycle
// ("overview_msg_architecture_life_cycle").
type State string

// The states of the life cycle.
const (
	Current           State = "current"
	Deprecated        State = "deprecated"
	NoLongerSupported State = "no-longer-supported"
	Withdrawn         State = "withdrawn"
)

// LifeCycle is the state of an event type, the dates at which it changes, and
// where people can read about it. Unknown dates are zero. Dates are information
// only; State decides.
type LifeCycle struct {
	State             State
	Deprecated        time.Time
	NoLongerSupported time.Time
	Withdrawn         time.Time
	URL               string
}

// Lacks names what is missing for the warning about a deprecated event type:
// the date "deprecated", or the "url" of a page for people
// ("overview_msg_architecture_life_cycle", "Mechanism"). It returns nothing for
// states without such a warning.
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

// Check returns a *LifeCycleError if a life cycle that is about to be set is
// wrong.
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
			return &LifeCycleError{date.key, "the date is before the date of the preceding state"}
		}
		last = date.at
	}
	if u, err := url.Parse(l.URL); l.URL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		return &LifeCycleError{"url", "expected an address that starts with https://"}
	}
	return nil
}

// LifeCycleError says what is wrong with a part of a life cycle. Key is the
// part's key in the event type's file.
type LifeCycleError struct{ Key, Problem string }

func (e *LifeCycleError) Error() string { return e.Key + ": " + e.Problem }

// Level says how strictly messages are checked (decision 10).
type Level string

// The levels. At Schema only the structure counts, which package fhir checks.
// At Standard every row of an event page is an error, except where an official
// example breaks it: there it is a warning. At Strict those are errors too, and
// what the NHS assurance harness refuses is refused.
const (
	Schema   Level = "schema"
	Standard Level = "standard"
	Strict   Level = "strict"
)

// Judgement is the result of checking a message against the rules.
type Judgement struct {
	// Findings are in the order of the message. Rule and Source name the rule
	// and its page. A reference that leads nowhere has the code "not-found" and
	// a rule that starts with "reference-".
	Findings []fhir.Finding
}

// Errors returns the findings for which the message is refused.
func (j Judgement) Errors() []fhir.Finding { return j.pick(true) }

// Warnings returns the other findings.
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
