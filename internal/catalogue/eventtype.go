package catalogue

import (
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

// Ends is the next date on which something ends: support while the type is
// deprecated, publication once it is no longer supported. Zero when unknown.
func (l LifeCycle) Ends() time.Time {
	switch {
	case l.State == Withdrawn:
		return l.Withdrawn
	case l.State != NoLongerSupported && !l.NoLongerSupported.IsZero():
		return l.NoLongerSupported
	}
	return l.Withdrawn
}

// Level says how strictly messages are judged (design, decision 10).
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
