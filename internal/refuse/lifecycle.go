package refuse

import (
	"fmt"
	"time"
)

// Notice says what happens to an event type and when. An unknown date is the
// zero time.
type Notice struct {
	Display string // "Newborn Hearing"
	Code    string // "newborn-hearing-1"
	// When it was or will be deprecated, no longer supported and withdrawn.
	Deprecated, NoLongerSupported, Withdrawn time.Time
	URL                                      string // a page for people
}

// Deprecated is the information that accompanies a 201 or 202 for a deprecated
// event type, and on publishing also for one that is no longer supported (NEMS,
// "Event Lifecycle and Deprecation"). The form of the text is that of "Publish
// an Event Message", whose table has both dates.
func Deprecated(n Notice) Issue {
	text := fmt.Sprintf("Deprecation of the %s (%s) event type %s", n.Display, n.Code, occurs(n.Deprecated))
	if !n.NoLongerSupported.IsZero() {
		text += ", it is no longer supported from " + n.NoLongerSupported.Format(noticeDate)
	}
	return NewIssue(DeprecatedCode, text+n.more())
}

// NoLongerSupported is the issue about an event type that can no longer be
// subscribed to, or, once it is withdrawn, published.
func NoLongerSupported(n Notice) Issue {
	return NewIssue(NoLongerSupportedCode, fmt.Sprintf("Withdrawal of Event message type `%s` %s%s", n.Code, occurs(n.Withdrawn), n.more()))
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
	return &Refusal{Status: meanings[NoLongerSupportedCode].status, Issues: ordered}
}

// noticeDate is how the specification's examples write dates.
const noticeDate = "02/01/2006"

// occurs says when something happens. Life cycles stored by earlier versions
// may lack the date.
func occurs(at time.Time) string {
	if at.IsZero() {
		return "has been announced"
	}
	return "will occur on " + at.Format(noticeDate)
}

func (n Notice) more() string {
	if n.URL == "" {
		return ""
	}
	return ", for more information go to " + n.URL
}
