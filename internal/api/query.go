package api

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Names of a search's parameters. Those after _count belong to cursors:
// pageAfter occurs only inside one.
const (
	byPatient  = "patient"
	byEvent    = "event"
	byMailbox  = "mailbox"
	byStatus   = "status"
	pageSize   = "_count"
	pageCursor = "_cursor"
	pageAfter  = "after"
)

// aliases are the names that criteria use for the same things.
var aliases = map[string]string{"Patient.identifier": byPatient, "MessageHeader.event": byEvent}

// Sizes of a page.
const (
	defaultPage = 50
	largestPage = 500
)

// readQuery reads the parameters of a search. sealed says that they come from a cursor.
func readQuery(values url.Values, sealed bool) (store.SubscriptionQuery, *refuse.Refusal) {
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
		if !known { // the name is not repeated, because it may be anything
			return q, refuse.BadRequest("search: expected the parameters " + parameterNames + "; received another one")
		}
		if seen[name] || len(all) > 1 {
			return q, refuse.BadRequest("search: expected every parameter at most once; received " + name + " more than once")
		}
		seen[name] = true
		if refusal := read(&q, all[0]); refusal != nil {
			return q, refusal
		}
	}
	return q, nil
}

// writeQuery returns the search of a page in the form that readQuery reads.
func writeQuery(q store.SubscriptionQuery) string {
	v := url.Values{pageSize: {strconv.Itoa(q.Max)}}
	for name, values := range map[string][]string{byEvent: q.Events, byMailbox: q.Mailboxes, byStatus: texts(q.Statuses)} {
		if len(values) > 0 {
			v.Set(name, strings.Join(values, ","))
		}
	}
	if len(q.Patients) > 0 {
		var values []string
		for _, number := range q.Patients {
			values = append(values, patientSystem+"|"+number.Digits())
		}
		v.Set(byPatient, strings.Join(values, ","))
	}
	if !q.After.IsZero() {
		v.Set(pageAfter, q.After.String())
	}
	return v.Encode()
}

func texts[T ~string](values []T) []string {
	var out []string
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}

const patientSystem = "https://fhir.nhs.uk/Id/nhs-number"

var parameters = map[string]func(*store.SubscriptionQuery, string) *refuse.Refusal{
	byPatient: each(byPatient, readPatient), byEvent: each(byEvent, readEvent), byMailbox: each(byMailbox, readMailbox),
	byStatus: each(byStatus, readStatus), pageSize: readCount,
}

const parameterNames = "patient (or Patient.identifier), event (or MessageHeader.event), mailbox, status and _count"

// mostValues is how many values one parameter may have.
const mostValues = 50

// each reads values separated by commas, of which one must match (STU3,
// search.html, "Composite Search Parameters" and "Escaping Search Parameters").
func each(name string, read func(*store.SubscriptionQuery, string) *refuse.Refusal) func(*store.SubscriptionQuery, string) *refuse.Refusal {
	return func(q *store.SubscriptionQuery, joined string) *refuse.Refusal {
		values := splitValues(joined)
		if len(values) > mostValues {
			return refuse.BadRequest(fmt.Sprintf("search: %s: expected at most %d values; received %d", name, mostValues, len(values)))
		}
		for _, value := range values {
			if refusal := read(q, value); refusal != nil {
				return refusal
			}
		}
		return nil
	}
}

// splitValues splits at commas without a backslash before them, and removes the
// backslash before escaped commas and dollars. An escaped bar does not separate
// system and value, so it is left as it is; no valid value contains one.
func splitValues(joined string) []string {
	var values []string
	var value strings.Builder
	for i := 0; i < len(joined); i++ {
		switch c := joined[i]; {
		case c == ',':
			values = append(values, value.String())
			value.Reset()
		case c == '\\' && i+1 < len(joined) && strings.IndexByte(`,$\`, joined[i+1]) >= 0:
			i++
			value.WriteByte(joined[i])
		default:
			value.WriteByte(c)
		}
	}
	return append(values, value.String())
}

func readPatient(q *store.SubscriptionQuery, value string) *refuse.Refusal {
	number, err := subscription.ParsePatient(byPatient, value)
	var wrong *subscription.CriteriaError
	if errors.As(err, &wrong) {
		text := "search: " + wrong.Component + ": expected " + wrong.Expected + "; received " + wrong.Received
		if wrong.NHSNumber {
			return refuse.InvalidNHSNumber(text)
		}
		return refuse.BadRequest(text)
	}
	q.Patients = append(q.Patients, number)
	return nil
}

func readEvent(q *store.SubscriptionQuery, value string) *refuse.Refusal {
	if !isCode(value) {
		return refuse.BadRequest("search: event: expected an event code such as pds-change-of-gp-1; received another form")
	}
	q.Events = append(q.Events, value)
	return nil
}

func readMailbox(q *store.SubscriptionQuery, value string) *refuse.Refusal {
	if !isCode(value) {
		return refuse.BadRequest("search: mailbox: expected the id of a MESH mailbox; received another form")
	}
	q.Mailboxes = append(q.Mailboxes, value)
	return nil
}

// isCode reports whether a value has the form of an event code or a mailbox id.
func isCode(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	})
}

func readStatus(q *store.SubscriptionQuery, value string) *refuse.Refusal {
	status := subscription.Status(value)
	if !slices.Contains([]subscription.Status{subscription.Requested, subscription.Active, subscription.Off}, status) {
		return refuse.BadRequest("search: status: expected requested, active or off; received another value")
	}
	q.Statuses = append(q.Statuses, status)
	return nil
}

// readCount reads a number above the limit as the largest page, as STU3 allows
// (search.html, "Page Count"). Zero asks for the total.
func readCount(q *store.SubscriptionQuery, value string) *refuse.Refusal {
	n, err := strconv.Atoi(value)
	if err != nil && !errors.Is(err, strconv.ErrRange) || n < 0 {
		return refuse.BadRequest("search: _count: expected a number from 0 on; received another value")
	}
	q.Max = min(n, largestPage)
	return nil
}

func readAfter(q *store.SubscriptionQuery, value string) (refusal *refuse.Refusal) {
	var err error
	if q.After, err = subscription.ParseID(value); err != nil {
		return refuse.BadRequest("search: _cursor: expected what a link of a page holds; received another value")
	}
	return nil
}
