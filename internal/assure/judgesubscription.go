package assure

import (
	"errors"
	"fmt"

	"nems/internal/fhir"
	"nems/internal/subscription"
)

// subscription looks at the body of a request for a subscription, by the rules of the
// page "Create Subscription".
func (j *Judge) subscription(x *Exchange) (looked []Problem) {
	root, findings := readSubscription(x.Body)
	if root.Exists() {
		resource, wrong := subscription.ReadResource(root)
		findings = append(findings, wrong...)
		id := ""
		if resource.HasID {
			id = "Subscription.id is given by the service; received one"
		}
		looked = append(looked, every("create-without-id", id))
		if resource.Criteria != "" {
			looked = append(looked, j.criteria(resource.Criteria)...)
		}
	}
	for _, f := range findings {
		looked = append(looked, ruled(f))
	}
	if len(findings) == 0 {
		looked = append(looked, every("create-resource", ""))
	}
	return looked
}

// readSubscription reads a resource in either form.
func readSubscription(body []byte) (root fhir.Node, findings []fhir.Finding) {
	unread := func(err error) []fhir.Finding {
		return []fhir.Finding{{Severity: fhir.Error, Rule: "fhir-well-formed", Text: err.Error()}}
	}
	if formOf(body) == "json" {
		xml, wrong, err := fhir.JSONToXML(body)
		if err != nil {
			return root, unread(err)
		}
		body, findings = xml, wrong
		if body == nil {
			return root, findings
		}
	}
	doc, wrong, err := fhir.ParseXML(body)
	if err != nil {
		return root, unread(err)
	}
	return doc.Root(), append(findings, wrong...)
}

// criteria looks at what a subscription asks for.
func (j *Judge) criteria(text string) []Problem {
	c, err := subscription.ParseCriteria(text)
	var wrong *subscription.CriteriaError
	if errors.As(err, &wrong) {
		return []Problem{every("create-criteria", wrong.Error())}
	}
	if err != nil {
		return []Problem{every("create-criteria", "the criteria cannot be read")}
	}
	looked := []Problem{every("create-criteria", "")}
	unknown := ""
	for i, code := range c.Events {
		if _, known := j.Types.Type(code); !known {
			unknown = fmt.Sprintf("criteria: MessageHeader.event number %d: expected the code of a supported event; received an unknown code", i+1)
		}
	}
	return append(looked, every("create-criteria", unknown))
}
