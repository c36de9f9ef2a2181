package api

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"nems/internal/spine"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Names of the parameters of a search. The ones after _count are those of a
// cursor: pageAfter stands inside it alone.
const (
	byPatient  = "patient"
	byEvent    = "event"
	byMailbox  = "mailbox"
	byStatus   = "status"
	pageSize   = "_count"
	pageCursor = "_cursor"
	pageAfter  = "after"
)

// aliases are the names that the same things have in criteria.
var aliases = map[string]string{"Patient.identifier": byPatient, "MessageHeader.event": byEvent}

// Sizes of a page.
const (
	defaultPage = 50
	largestPage = 500
)

// readQuery reads the parameters of a search. sealed: they come out of a cursor.
func readQuery(values url.Values, sealed bool) (store.SubscriptionQuery, *spine.Refusal) {
	q := store.SubscriptionQuery{Max: defaultPage}
	seen := map[string]bool{}
	for given, all := range values {
		name := given
		if alias, ok := aliases[given]; ok {
			name = alias
		}
		read, known := parameters[name]
		if sealed && name == pageAfter {
			read, known = readAfter, true
		}
		if !known { // its name is not repeated: it may be anything
			return q, spine.BadRequest("search: expected the parameters " + parameterNames + "; received another one")
		}
		if seen[name] || len(all) > 1 {
			return q, spine.BadRequest("search: expected every parameter at most once; received " + name + " more than once")
		}
		seen[name] = true
		if refusal := read(&q, all[0]); refusal != nil {
			return q, refusal
		}
	}
	return q, nil
}

// writeQuery is the search of a page in the form that readQuery reads.
func writeQuery(q store.SubscriptionQuery) string {
	v := url.Values{pageSize: {strconv.Itoa(q.Max)}}
	for name, value := range map[string]string{byEvent: q.Event, byMailbox: q.Mailbox, byStatus: string(q.Status)} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if !q.Patient.IsZero() {
		v.Set(byPatient, patientSystem+"|"+q.Patient.Digits())
	}
	if !q.After.IsZero() {
		v.Set(pageAfter, q.After.String())
	}
	return v.Encode()
}

const patientSystem = "https://fhir.nhs.uk/Id/nhs-number"

var parameters = map[string]func(*store.SubscriptionQuery, string) *spine.Refusal{
	byPatient: readPatient, byEvent: readEvent, byMailbox: readMailbox, byStatus: readStatus, pageSize: readCount,
}

const parameterNames = "patient (or Patient.identifier), event (or MessageHeader.event), mailbox, status and _count"

func readPatient(q *store.SubscriptionQuery, value string) *spine.Refusal {
	number, err := subscription.ParsePatient(byPatient, value)
	var wrong *subscription.CriteriaError
	if errors.As(err, &wrong) {
		text := "search: " + wrong.Component + ": expected " + wrong.Expected + "; received " + wrong.Received
		if wrong.NHSNumber {
			return spine.InvalidNHSNumber(text)
		}
		return spine.BadRequest(text)
	}
	q.Patient = number
	return nil
}

func readEvent(q *store.SubscriptionQuery, value string) *spine.Refusal {
	if !isCode(value) {
		return spine.BadRequest("search: event: expected an event code such as pds-change-of-gp-1; received another form")
	}
	q.Event = value
	return nil
}

func readMailbox(q *store.SubscriptionQuery, value string) *spine.Refusal {
	if !isCode(value) {
		return spine.BadRequest("search: mailbox: expected the id of a MESH mailbox; received another form")
	}
	q.Mailbox = value
	return nil
}

// isCode tells whether a value has the form of an event code or a mailbox id.
func isCode(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	})
}

func readStatus(q *store.SubscriptionQuery, value string) *spine.Refusal {
	q.Status = subscription.Status(value)
	if !slices.Contains([]subscription.Status{subscription.Requested, subscription.Active, subscription.Off}, q.Status) {
		return spine.BadRequest("search: status: expected requested, active or off; received another value")
	}
	return nil
}

// readCount takes a larger number for the largest page, as STU3 (search.html,
// "Page Count") allows.
func readCount(q *store.SubscriptionQuery, value string) *spine.Refusal {
	n, err := strconv.Atoi(value)
	if err != nil && !errors.Is(err, strconv.ErrRange) || n < 1 {
		return spine.BadRequest("search: _count: expected a number from 1 on; received another value")
	}
	q.Max = min(n, largestPage)
	return nil
}

func readAfter(q *store.SubscriptionQuery, value string) (refusal *spine.Refusal) {
	var err error
	if q.After, err = subscription.ParseID(value); err != nil {
		return spine.BadRequest("search: _cursor: expected what a link of a page holds; received another value")
	}
	return nil
}
