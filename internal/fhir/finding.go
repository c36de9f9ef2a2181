package fhir

import "strconv"

// Severity says how bad a finding is, in the words of the FHIR value set
// issue-severity (STU3, OperationOutcome.issue.severity).
type Severity string

// The severities of FHIR STU3.
const (
	Fatal       Severity = "fatal"
	Error       Severity = "error"
	Warning     Severity = "warning"
	Information Severity = "information"
)

// Finding is one thing that is wrong with a resource. No field ever holds the
// value of a primitive, because values are patient data.
type Finding struct {
	// Severity is Error for everything that this package finds. Only the last
	// line of a capped list has Information.
	Severity Severity
	// Code is the FHIR issue type (value set issue-type): structure, required,
	// value, code-invalid, invariant, ...
	Code string
	// Rule is the stable id of the rule. Rules of HL7's XML schema are named
	// "schema-...", rules beyond it "fhir-..."; an invariant has the id that
	// HL7's Schematron gives it.
	Rule string
	// Source is the page or schema that states the rule, for people.
	Source string
	// Expression is the element's path as FHIRPath, such as
	// Bundle.entry[0].resource.ofType(MessageHeader).event.
	Expression string
	// Location is the element's path as XPath, such as
	// /f:Bundle/f:entry[1]/f:resource/f:MessageHeader/f:event.
	// It is empty for findings in JSON.
	Location string
	// Line and Column count from 1, Column in characters; 0 means unknown.
	Line, Column int
	// Text is one sentence that says what was expected and what was received.
	Text string
}

// Refuses reports whether f makes the resource invalid.
func (f Finding) Refuses() bool { return f.Severity == Error || f.Severity == Fatal }

// SyntaxError says why bytes are not XML or JSON that this package reads: they
// are not well formed, or they exceed its limits (rules named "fhir-...":
// DOCTYPE, processing instructions, encodings other than UTF-8, more than 64
// levels or attributes). Its text quotes nothing of the input.
type SyntaxError struct {
	Rule, Text   string
	Line, Column int // from 1, Column in characters
}

// Error returns the place and the text.
func (e *SyntaxError) Error() string {
	return "line " + strconv.Itoa(e.Line) + ", column " + strconv.Itoa(e.Column) + ": " + e.Text
}
