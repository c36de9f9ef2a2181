package spine

import (
	"fmt"
	"net/http"
	"time"
)

// Notice says what happens to an event type and when. A date that is not known
// is the zero time.
type Notice struct {
	Display string // "Newborn Hearing"
	Code    string // "newborn-hearing-1"
	Date    time.Time
	URL     string // a page for people
}

// Deprecated is the information that goes with a 201 or 202 for an event type
// that is deprecated; and, on publishing, for one that is no longer supported
// (NEMS, "Event Lifecycle and Deprecation"). The form of the text is that of
// "Publish an Event Message".
func Deprecated(n Notice) Issue {
	return NewIssue(DeprecatedCode, fmt.Sprintf("Deprecation of the %s (%s) event type %s%s", n.Display, n.Code, n.when(), n.more()))
}

// NoLongerSupported is the finding about an event type that cannot be
// subscribed to any more, or, once it is withdrawn, published either.
func NoLongerSupported(n Notice) Issue {
	return NewIssue(NoLongerSupportedCode, fmt.Sprintf("Withdrawal of Event message type `%s` %s%s", n.Code, n.when(), n.more()))
}

// EventTypesRefused refuses a subscription or message because of the state of
// its event types. All issues are listed, the fatal ones first.
func EventTypesRefused(issues ...Issue) *Refusal {
	ordered := make([]Issue, 0, len(issues))
	for _, fatal := range []bool{true, false} {
		for _, issue := range issues {
			if (issue.Severity == "fatal") == fatal {
				ordered = append(ordered, issue)
			}
		}
	}
	return &Refusal{Status: http.StatusUnprocessableEntity, Issues: ordered}
}

// when writes the date as the specification's examples do.
func (n Notice) when() string {
	if n.Date.IsZero() {
		return "has been announced"
	}
	return "will occur on " + n.Date.Format("02/01/2006")
}

func (n Notice) more() string {
	if n.URL == "" {
		return ""
	}
	return ", for more information go to " + n.URL
}
