package catalogue

import (
	"errors"
	"slices"
	"strings"

	"nems/internal/event"
	"nems/internal/fhir"
)

// Findings checks the bytes of a message against schema and rules, in the order of
// the lines. Unlike publishing, which stops at the first stage that fails, it reports
// everything at once. The document is nil where the bytes are not well formed.
func (c *Catalogue) Findings(raw []byte, level Level) (*fhir.Document, []fhir.Finding) {
	doc, findings, err := fhir.ParseXML(raw)
	if err != nil {
		return nil, []fhir.Finding{syntaxFinding(err)}
	}
	if level != Schema {
		e, facts := event.Read(doc)
		if t, known := c.Type(e.Code); known {
			findings = append(findings, t.Judge(doc, level).Findings...)
		} else {
			findings = append(findings, facts...)
			if e.Code != "" {
				findings = append(findings, c.unknownEvent(doc))
			}
		}
	}
	slices.SortStableFunc(findings, func(a, b fhir.Finding) int { return a.Line - b.Line })
	return doc, findings
}

// syntaxFinding returns a finding for bytes that are not well formed.
func syntaxFinding(err error) fhir.Finding {
	f := fhir.Finding{Severity: fhir.Error, Code: "structure", Rule: "fhir-well-formed", Text: err.Error()}
	var syntax *fhir.SyntaxError
	if errors.As(err, &syntax) {
		f.Rule, f.Text, f.Line, f.Column = syntax.Rule, syntax.Text, syntax.Line, syntax.Column
	}
	return f
}

// unknownEvent returns a finding for an event code without an event type.
func (c *Catalogue) unknownEvent(doc *fhir.Document) fhir.Finding {
	code := doc.Root().At("entry", "resource").Resource().At("event", "code")
	var known []string
	for _, t := range c.Types() {
		known = append(known, t.Code)
	}
	line, column := code.Position()
	return fhir.Finding{
		Severity: fhir.Error, Code: "code-invalid", Rule: "message-event-known", Source: "overview_supported_events",
		Expression: code.Expression(), Location: code.Location(), Line: line, Column: column,
		Text: "MessageHeader.event.code is the code of a supported event (" + strings.Join(known, ", ") + "); received another",
	}
}
