package broker

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/fhir"
	"nems/internal/refuse"
)

// batchEntry is one entry of a batch as it was read.
type batchEntry struct {
	action   audit.Action // the action of the Step
	id       string       // of the subscription to delete
	resource fhir.Node
	findings []fhir.Finding // about its structure
	refused  error          // a *refuse.Refusal, if the entry requests nothing that can be done
}

// readBatch reads a Bundle of type batch. A mistake in one entry concerns only
// that entry; a mistake in the Bundle refuses everything.
func readBatch(body []byte, media access.Media) ([]batchEntry, error) {
	doc, findings, err := readDocument(body, media)
	if err != nil {
		return nil, err
	}
	own, byEntry, unjudged := assign(findings, media)
	if len(own) > 0 {
		return nil, refuse.InvalidResource(Issues(own)...)
	}
	root := doc.Root()
	if kind := root.Child("type"); root.Name() != "Bundle" || !kind.EqualValue("batch") {
		return nil, refuse.InvalidResource(refuse.ResourceIssue("error", "",
			"this endpoint takes a Bundle of type `batch`; received another resource or type", kind.Expression(), kind.Location()))
	}
	if n := root.Count("entry"); n > MaxBatch {
		return nil, refuse.InvalidRequestMessage(fmt.Sprintf("Bundle.entry: expected at most %d entries; received %d", MaxBatch, n))
	}
	var entries []batchEntry
	for n := range root.ChildrenNamed("entry") {
		i := len(entries)
		entries = append(entries, readEntry(n, byEntry[i]))
		if i >= unjudged && entries[i].refused == nil {
			entries[i].refused = refuse.InvalidResource(refuse.ResourceIssue("error", "",
				"this entry was not checked, because the entries before it have too many faults; correct those first", n.Expression(), n.Location()))
		}
	}
	return entries, nil
}

// assign sorts the findings of a Bundle by the entry that they concern. own are
// those of the Bundle itself. Findings are capped, so the entries from unjudged
// on may have more than are listed.
func assign(findings []fhir.Finding, media access.Media) (own []fhir.Finding, byEntry map[int][]fhir.Finding, unjudged int) {
	byEntry, unjudged = map[int][]fhir.Finding{}, math.MaxInt
	last := -1
	for _, f := range findings {
		entry, inside, ok := entryOf(f.Expression)
		switch {
		case !f.Refuses():
			// "and 17 more findings" ends a list that was in document order.
			unjudged = min(unjudged, last+1)
			last = -1
		case !ok, !inside && media.Format == access.JSON:
			// An entry that is not an object is missing in the XML made from
			// the JSON, so the numbers would differ from there on.
			own = append(own, f)
		default:
			byEntry[entry] = append(byEntry[entry], f)
			last = entry
		}
	}
	return own, byEntry, unjudged
}

// entryOf reads the number of the entry from a path such as
// Bundle.entry[17].resource. inside says that the path continues after the
// entry.
func entryOf(expression string) (entry int, inside, ok bool) {
	rest, found := strings.CutPrefix(expression, "Bundle.entry[")
	digits, rest, closed := strings.Cut(rest, "]")
	entry, err := strconv.Atoi(digits)
	return entry, rest != "", found && closed && err == nil
}

// readEntry reads what an entry requests: POST or DELETE of a Subscription,
// without conditions.
func readEntry(n fhir.Node, findings []fhir.Finding) batchEntry {
	request := n.Child("request")
	e := batchEntry{action: audit.ActionBatch, resource: n.Child("resource").Resource(), findings: findings}
	id, hasID := strings.CutPrefix(request.Child("url").Value(), "Subscription/")
	switch method := request.Child("method"); {
	case hasCondition(request):
		e.refused = entryIssue(request, "an entry.request without ifMatch, ifNoneMatch, ifModifiedSince and ifNoneExist", "one of them")
	case method.EqualValue("POST") && request.Child("url").EqualValue("Subscription"):
		e.action = audit.ActionSubscribe
		if !e.resource.Exists() && len(findings) == 0 {
			e.refused = entryIssue(n, "a resource to create", "none")
		}
	case method.EqualValue("DELETE") && hasID:
		e.action, e.id = audit.ActionDelete, id
		if len(findings) > 0 {
			e.refused = refuse.InvalidResource(Issues(findings)...)
		}
	case len(findings) > 0:
		e.refused = refuse.InvalidResource(Issues(findings)...)
	default:
		e.refused = entryIssue(n, "entry.request with the method POST and the url Subscription, or DELETE and Subscription/[id]", "another method or url")
	}
	return e
}

func hasCondition(request fhir.Node) bool {
	for _, name := range []string{"ifMatch", "ifNoneMatch", "ifModifiedSince", "ifNoneExist"} {
		if request.Child(name).Exists() {
			return true
		}
	}
	return false
}

func entryIssue(at fhir.Node, expected, received string) error {
	return refuse.InvalidResource(refuse.ResourceIssue("error", "",
		"expected "+expected+"; received "+received, at.Expression(), at.Location()))
}
