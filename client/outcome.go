package client

import (
	"net/http"
	"strconv"
	"time"

	"nems/internal/fhir"
)

// refusal reads an answer that is not a success.
func refusal(answer *http.Response, body []byte) *Error {
	e := &Error{Status: answer.StatusCode, Issues: issues(body)}
	if s, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}

// issues reads the issues of an OperationOutcome; nil when body is not one.
func issues(body []byte) []Issue {
	if len(body) == 0 {
		return nil
	}
	doc, _, err := fhir.ParseXML(body)
	if err != nil || doc.Root().Name() != "OperationOutcome" {
		return nil
	}
	return outcomeIssues(doc.Root())
}

func outcomeIssues(outcome fhir.Node) (out []Issue) {
	for i := range outcome.ChildrenNamed("issue") {
		out = append(out, Issue{
			Severity:    i.Child("severity").Value(),
			Code:        i.At("details", "coding", "code").Value(),
			Display:     i.At("details", "coding", "display").Value(),
			Diagnostics: i.Child("diagnostics").Value(),
			Expression:  i.Child("expression").Value(),
		})
	}
	return out
}
