package client

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"nems/internal/access"
	"nems/internal/fhir"
	"nems/internal/jwt"
)

// MaxBatch is how many changes a batch may hold.
const MaxBatch = 1000

// Change is one entry of a batch: a subscription to create or, where Delete is set,
// the id of one to delete.
type Change struct {
	Create Subscription
	Delete string
}

// Result is what became of a change.
type Result struct {
	// ID is that of the subscription that was created or deleted. Where an equal
	// one is there already, the refusal holds its id.
	ID string
	// Err is nil, or an *Error as if the change had come alone. Its Status 503 means
	// that the change was not done, or that its outcome is not known: send it again.
	Err error
}

// Batch makes up to MaxBatch changes with one call. Deletions are done first. Each
// change is done or refused as if it had come alone; results are in the order of the
// changes. It returns an error when the service refuses the batch as a whole. This
// is an extension of this NEMS.
func (c *Client) Batch(ctx context.Context, changes []Change) ([]Result, error) {
	_, body, err := c.do(ctx, call{
		method: http.MethodPost, path: "/STU3", interaction: access.CreateInteraction,
		scope: jwt.ScopeWrite, contentType: "application/fhir+xml", body: c.bundle(changes),
	})
	if err != nil {
		return nil, err
	}
	doc, _, err := fhir.ParseXML(body)
	if err != nil {
		return nil, err
	}
	results := make([]Result, 0, len(changes))
	for entry := range doc.Root().ChildrenNamed("entry") {
		results = append(results, result(entry.Child("response")))
	}
	if len(results) != len(changes) {
		return nil, fmt.Errorf("the answer to a batch: expected %d results; received %d", len(changes), len(results))
	}
	for i, change := range changes {
		if change.Delete != "" {
			results[i].ID = change.Delete
		}
	}
	return results, nil
}

func (c *Client) bundle(changes []Change) []byte {
	w := fhir.NewWriter("Bundle").Value("type", "batch")
	for _, change := range changes {
		method, url := http.MethodPost, "Subscription"
		w.Open("entry")
		if change.Delete == "" {
			w.Open("resource").Raw(c.resource(change.Create)).Close()
		} else {
			method, url = http.MethodDelete, "Subscription/"+change.Delete
		}
		w.Open("request").Value("method", method).Value("url", url).Close()
		w.Close()
	}
	return w.Bytes()
}

// result reads one response of a batch.
func result(response fhir.Node) (r Result) {
	text, _, _ := strings.Cut(response.Child("status").Value(), " ")
	status, err := strconv.Atoi(text)
	if err != nil || status >= 300 {
		r.Err = &Error{Status: status, Issues: outcomeIssues(response.At("outcome", "OperationOutcome"))}
	}
	location := response.Child("location").Value()
	r.ID = location[strings.LastIndexByte(location, '/')+1:]
	return r
}
