package ledger

import (
	"context"
	"strconv"
	"strings"

	"nems/internal/store"
)

// EventCopies is how a database tells how many copies an event had when it was
// routed: columns of event e, which are read of every event that is looked at, and
// over those columns of a row w the condition that there is a copy, and the number with
// a join that it takes. InOrder has what is selected of a window stay in its order.
type EventCopies struct{ Columns, Any, Join, Count, InOrder string }

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
	effort := s.arg(q.Effort)
	window, places, err := s.window(ctx, l, effort)
	if err != nil {
		return page, err
	}
	wanted := s.wanted()
	columns := "e.id, e.type, e.kind, e.message_id, e.publisher, e.withheld, " + s.copies.Columns
	// Where the window ends, which takes another walk, is asked for only where something
	// is left out; and only if the window is full.
	also, last := "", "1 = 0"
	if wanted != everything {
		last = "w.id = (SELECT min(id) FROM (" + places + " LIMIT " + effort + ") l HAVING count(*) = " + effort + ")"
		also = " OR " + last
	}
	statement := `SELECT w.id, t.code, w.kind, w.publisher, w.message_id, w.withheld, ` + s.copies.Count + `, p.event, p.refusal, w.wanted, w.last
		FROM (SELECT w.*, ` + wanted + ` AS wanted, ` + last + ` AS last FROM (SELECT ` + columns + window + ` LIMIT ` + effort + `) w
			WHERE (` + wanted + `)` + also + s.copies.InOrder + ` LIMIT ` + s.arg(q.Max+1) + `) w
		JOIN event_type t ON t.id = w.type LEFT JOIN pending p ON p.event = w.id` + s.copies.Join + ` ORDER BY w.id DESC`
	seen := 0
	err = l.engine.View(ctx, func(r Reader) error {
		page, seen = store.EventPage{}, 0
		return r.Query(func(row Row) error { seen++; return l.scanFound(row, &q, &page) }, statement, s.args...)
	})
	if wanted == everything && seen == q.Effort && page.Next == 0 {
		page.Next = page.Found[seen-1].Event
	}
	return page, err
}

// scanFound adds a row to a page. The last row of the window comes whether it is
// wanted or not: it says where to go on.
func (l *Ledger) scanFound(row Row, q *store.EventQuery, page *store.EventPage) error {
	var e store.FoundEvent
	var withheld, wanted, last bool
	var pending *int64
	var refusal string
	err := row.Scan(&e.Event, &e.Code, &e.Kind, &e.Publisher, &e.MessageID, &withheld, &e.Copies, &pending, &refusal, &wanted, &last)
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
	if last {
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

// window selects the events e to look at, and their ids alone: both without the limit
// effort.
func (s *eventSearch) window(ctx context.Context, l *Ledger, effort string) (window, places string, err error) {
	span := s.span(l)
	behind := func(places string) (string, string, error) {
		return " FROM event e JOIN (" + places + " LIMIT " + effort + ") c ON e.id = c.id ORDER BY c.id DESC", places, nil
	}
	switch {
	case s.q.Mailbox != "":
		box, err := l.engine.BoxByID(ctx, s.q.Mailbox)
		if err != nil {
			return "", "", err
		}
		copies := " WHERE mailbox = " + s.arg(box.Row) + " AND type <> 0 AND " + span("position") + " ORDER BY position DESC LIMIT " + effort
		return behind(`SELECT id FROM (SELECT position AS id FROM (SELECT position FROM collected` + copies + `) settled
			UNION ALL SELECT position FROM (SELECT position FROM inbox` + copies + `) waiting) c ORDER BY id DESC`)
	case s.q.Events != nil:
		ids := make([]int64, len(s.q.Events))
		for i, id := range s.q.Events {
			ids[i] = int64(id)
		}
		window = " FROM event e WHERE " + l.dialect.In("e.id", s.arg(ids), Numbers) + " AND " + span("e.id") + " ORDER BY e.id DESC"
	case s.q.MessageID != "" && s.q.Events == nil:
		filed, events, err := l.eventsWithID(ctx, s.q.MessageID)
		if err != nil {
			return "", "", err
		}
		return behind("SELECT id FROM (SELECT id FROM (SELECT id FROM event WHERE id > " + s.arg(filed) + " AND " + span("id") + " ORDER BY id DESC LIMIT " + effort + `) newest
			UNION ALL SELECT id FROM event WHERE ` + l.dialect.In("id", s.arg(events), Numbers) + " AND " + span("id") + ") c ORDER BY id DESC")
	case s.q.Outcome == store.EventWaiting || s.q.Outcome == store.EventUndeliverable:
		return behind("SELECT event AS id FROM pending WHERE " + pendingAs[s.q.Outcome] + " AND " + span("event") + " ORDER BY event DESC")
	default:
		window = " FROM event e WHERE " + span("e.id") + " ORDER BY e.id DESC"
	}
	return window, "SELECT e.id" + window, nil
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

// pendingAs is what outcomes are called in table pending.
var pendingAs = map[store.EventOutcome]string{store.EventWaiting: "refusal IS NULL", store.EventUndeliverable: "refusal IS NOT NULL"}

// everything is the condition of a search that leaves nothing out.
const everything = "1 = 1"

// wanted is the condition that an event of the window is selected. It joins nothing,
// so that a database can stop where the page is full.
func (s *eventSearch) wanted() string {
	all := []string{everything}
	if s.q.Code != "" {
		all = append(all, "w.type IN (SELECT id FROM event_type WHERE code = "+s.arg(s.q.Code)+")")
	}
	if s.q.Kind != "" {
		all = append(all, "w.kind = "+s.arg(s.q.Kind))
	}
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
	switch s.q.Outcome {
	case store.EventWithheld:
		all = append(all, "w.withheld")
	case store.EventWaiting, store.EventUndeliverable:
		all = append(all, "w.id IN (SELECT event FROM pending WHERE "+pendingAs[s.q.Outcome]+")")
	case store.EventMatched:
		all = append(all, "NOT w.withheld", s.copies.Any)
	case store.EventUnmatched:
		all = append(all, "NOT w.withheld", "NOT "+s.copies.Any, "w.id NOT IN (SELECT event FROM pending)")
	}
	return strings.Join(all, " AND ")
}
