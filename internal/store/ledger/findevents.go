package ledger

import (
	"context"
	"strconv"
	"strings"

	"nems/internal/store"
)

// EventCopies is how a database tells how many copies an event had when it was
// routed: columns of event e, which are read of every event that is looked at,
// and then, over those columns of a row w and a join, the number and the condition
// that there is a copy.
type EventCopies struct{ Columns, Join, Count, Any string }

// eventSearch makes the statement of a search for events. It reads a window of at
// most Effort events, the newest first, through the primary key; what has to be
// found in the window needs no index, which every publish would have to pay for.
type eventSearch struct {
	args   []any
	copies EventCopies
	q      *store.EventQuery
}

// arg adds an argument and returns its parameter.
func (s *eventSearch) arg(value any) string {
	s.args = append(s.args, value)
	return "$" + strconv.Itoa(len(s.args))
}

// FindEvents is operator.Events'.
func (l *Ledger) FindEvents(ctx context.Context, q store.EventQuery) (page store.EventPage, err error) {
	s := eventSearch{copies: l.dialect.EventCopies(), q: &q}
	window, err := s.window(ctx, l)
	if err != nil {
		return page, err
	}
	effort := s.arg(q.Effort)
	wanted := s.wanted()
	statement := `SELECT w.id, t.code, w.kind, w.publisher, w.message_id, w.withheld, ` + s.copies.Count + `, p.event, p.refusal, w.n, ` + wanted + `
		FROM (SELECT e.*, row_number() OVER (ORDER BY e.id DESC) AS n FROM (` + window + ` LIMIT ` + effort + `) e) w
		JOIN event_type t ON t.id = w.type LEFT JOIN pending p ON p.event = w.id` + s.copies.Join + `
		WHERE (` + wanted + `) OR w.n = ` + effort + ` ORDER BY w.id DESC LIMIT ` + s.arg(q.Max+1)
	err = l.engine.View(ctx, func(r Reader) error {
		page = store.EventPage{}
		return r.Query(func(row Row) error { return l.scanFound(row, &q, &page) }, statement, s.args...)
	})
	return page, err
}

// scanFound adds a row to a page. The last row of the window comes whether it is
// wanted or not: it says where to go on.
func (l *Ledger) scanFound(row Row, q *store.EventQuery, page *store.EventPage) error {
	var e store.FoundEvent
	var withheld, wanted bool
	var pending *int64
	var refusal string
	var n int
	err := row.Scan(&e.Event, &e.Code, &e.Kind, &e.Publisher, &e.MessageID, &withheld, &e.Copies, &pending, &refusal, &n, &wanted)
	switch {
	case err != nil:
		return err
	case len(page.Found) == q.Max: // one more than the page has
		page.Next = page.Found[q.Max-1].Event
		return nil
	case wanted:
		e.At, e.Outcome = l.engine.Moments().Of(e.Event), outcome(withheld, pending != nil, refusal, e.Copies)
		page.Found = append(page.Found, e)
	}
	if n == q.Effort {
		page.Next = e.Event
	}
	return nil
}

func outcome(withheld, pending bool, refusal string, copies int64) store.EventOutcome {
	switch {
	case withheld:
		return store.EventWithheld
	case pending && refusal != "":
		return store.EventUndeliverable
	case pending:
		return store.EventWaiting
	case copies > 0:
		return store.EventMatched
	}
	return store.EventUnmatched
}

// window selects the events to look at, without a limit.
func (s *eventSearch) window(ctx context.Context, l *Ledger) (string, error) {
	span := s.span(l)
	columns := "SELECT e.id, e.type, e.kind, e.message_id, e.publisher, e.withheld, " + s.copies.Columns + " FROM event e"
	switch {
	case s.q.Mailbox != "":
		box, err := l.engine.BoxByID(ctx, s.q.Mailbox)
		if err != nil {
			return "", err
		}
		copies := " WHERE mailbox = " + s.arg(box.Row) + " AND type <> 0 AND " + span("position") + " ORDER BY position DESC LIMIT " + s.arg(s.q.Effort)
		return columns + ` JOIN (SELECT position FROM (SELECT position FROM collected` + copies + `) settled
			UNION ALL SELECT position FROM (SELECT position FROM inbox` + copies + `) waiting) c ON e.id = c.position ORDER BY c.position DESC`, nil
	case s.q.Events != nil:
		ids := make([]int64, len(s.q.Events))
		for i, id := range s.q.Events {
			ids[i] = int64(id)
		}
		return columns + " WHERE " + l.dialect.In("e.id", s.arg(ids), Numbers) + " AND " + span("e.id") + " ORDER BY e.id DESC", nil
	}
	return columns + " WHERE " + span("e.id") + " ORDER BY e.id DESC", nil
}

// span is the condition that a position is within the query's time and place.
func (s *eventSearch) span(l *Ledger) func(column string) string {
	first, before := l.engine.Moments().Position(s.q.From), s.q.Before
	narrow := func(to store.EventID) {
		if before == 0 || to < before {
			before = to
		}
	}
	if !s.q.To.IsZero() {
		narrow(max(1, l.engine.Moments().Position(s.q.To)))
	}
	if s.q.Event != 0 {
		first = max(first, s.q.Event)
		narrow(s.q.Event + 1)
	}
	from := s.arg(first)
	if before == 0 {
		return func(column string) string { return column + " >= " + from }
	}
	to := s.arg(before)
	return func(column string) string { return column + " >= " + from + " AND " + column + " < " + to }
}

// wanted is the condition that an event is selected.
func (s *eventSearch) wanted() string {
	all := []string{"1 = 1"}
	is := func(column, value string) {
		if value != "" {
			all = append(all, column+" = "+s.arg(value))
		}
	}
	is("t.code", s.q.Code)
	is("w.kind", s.q.Kind)
	if id := s.q.MessageID; id != "" {
		all = append(all, "(w.message_id = "+s.arg(id)+" OR w.message_id = "+s.arg(strings.ToLower(id))+")")
	}
	if s.q.Publishers != nil {
		of := []string{"1 = 0"}
		for _, asid := range s.q.Publishers {
			of = append(of, "w.publisher = "+s.arg(string(asid)))
		}
		all = append(all, "("+strings.Join(of, " OR ")+")")
	}
	const routed = "p.event IS NULL"
	switch s.q.Outcome {
	case store.EventWithheld:
		all = append(all, "w.withheld")
	case store.EventWaiting:
		all = append(all, "p.event IS NOT NULL AND p.refusal IS NULL")
	case store.EventUndeliverable:
		all = append(all, "p.refusal IS NOT NULL")
	case store.EventMatched:
		all = append(all, routed, "NOT w.withheld", s.copies.Any)
	case store.EventUnmatched:
		all = append(all, routed, "NOT w.withheld", "NOT "+s.copies.Any)
	}
	return strings.Join(all, " AND ")
}
