package publisher

import (
	"fmt"
	"strings"

	"nems/internal/catalogue"
	"nems/internal/fhir"
)

// Level says how strictly messages are checked. The zero Level is Standard.
type Level string

// Levels of checking: the rules are those of the service itself, and of the event's page.
const (
	// Standard is what a NEMS checks unless told otherwise: rules that an official
	// example breaks are warnings.
	Standard Level = "standard"
	// Strict makes them errors too. What package message writes passes it.
	Strict Level = "strict"
)

// Finding is one thing that is wrong with a message. It holds no values of the message.
type Finding struct {
	Severity   string // error, warning
	Rule       string // its stable id
	Text       string // what was expected and what was received
	Source     string // the page that says so
	Expression string // the element, as FHIRPath
	Line       int    // from 1
	Column     int
}

// CheckError says that a message would be refused.
type CheckError struct{ Findings []Finding }

func (e *CheckError) Error() string {
	lines := []string{fmt.Sprintf("the message would be refused: %d findings", len(e.Findings))}
	for _, f := range e.Findings {
		lines = append(lines, fmt.Sprintf("  line %d: %s: %s", f.Line, f.Expression, f.Text))
	}
	return strings.Join(lines, "\n")
}

// Check checks a message as the service does, without asking it. It returns a *CheckError
// with everything that refuses the message.
func Check(message []byte, level Level) error {
	all, err := Findings(message, level)
	if err != nil {
		return err
	}
	var refuse []Finding
	for _, f := range all {
		if f.Severity == string(fhir.Error) || f.Severity == string(fhir.Fatal) {
			refuse = append(refuse, f)
		}
	}
	if len(refuse) > 0 {
		return &CheckError{refuse}
	}
	return nil
}

// Findings lists everything that a check finds, warnings too, in the order of the lines.
func Findings(message []byte, level Level) ([]Finding, error) {
	types, err := catalogue.Embedded()
	if err != nil {
		return nil, err
	}
	if level == "" {
		level = Standard
	}
	_, found := types.Findings(message, catalogue.Level(level))
	out := make([]Finding, len(found))
	for i, f := range found {
		out[i] = Finding{string(f.Severity), f.Rule, f.Text, f.Source, f.Expression, f.Line, f.Column}
	}
	return out, nil
}
