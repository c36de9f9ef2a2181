package nodetest

import (
	"errors"
	"fmt"
	"mime"

	"nems/internal/fhir"
)

// Outcome is an OperationOutcome, in whichever format it came.
type Outcome struct {
	ID      string
	Profile string
	Issues  []Issue
}

// Issue is one issue of it.
type Issue struct {
	Severity, Type        string // FHIR issue severity and type
	System, Code, Display string // the Spine's code
	Diagnostics           string
	Expression            string
}

// Outcome reads the body as an OperationOutcome in the format that the
// Content-Type header names. An empty body and any other resource are errors.
func (a Answer) Outcome() (Outcome, error) {
	if len(a.Body) == 0 {
		return Outcome{}, errors.New("the body is empty")
	}
	media, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil {
		return Outcome{}, fmt.Errorf("Content-Type %q: %w", a.Header.Get("Content-Type"), err)
	}
	body := a.Body
	switch media {
	case "application/fhir+xml", "application/xml+fhir":
	case "application/fhir+json", "application/json+fhir":
		var findings []fhir.Finding
		if body, findings, err = fhir.JSONToXML(body); err != nil || len(findings) > 0 {
			return Outcome{}, fmt.Errorf("not FHIR JSON: %w, %d findings", err, len(findings))
		}
	default:
		return Outcome{}, fmt.Errorf("Content-Type %q is none of FHIR", media)
	}
	doc, findings, err := fhir.ParseXML(body)
	if err != nil || len(findings) > 0 {
		return Outcome{}, fmt.Errorf("not a valid resource: %w, %d findings", err, len(findings))
	}
	if name := doc.Root().Name(); name != "OperationOutcome" {
		return Outcome{}, fmt.Errorf("expected an OperationOutcome; received %s", name)
	}
	return outcome(doc.Root()), nil
}

func outcome(root fhir.Node) Outcome {
	o := Outcome{ID: root.Child("id").Value(), Profile: root.At("meta", "profile").Value()}
	for i := range root.ChildrenNamed("issue") {
		coding := i.At("details", "coding")
		o.Issues = append(o.Issues, Issue{
			Severity: i.Child("severity").Value(), Type: i.Child("code").Value(),
			System: coding.Child("system").Value(), Code: coding.Child("code").Value(), Display: coding.Child("display").Value(),
			Diagnostics: i.Child("diagnostics").Value(), Expression: i.Child("expression").Value(),
		})
	}
	return o
}
