package store

import (
	"math"
	"slices"
	"time"

	"nems/internal/subscription"
)

// DeliveryQuery selects deliveries by mailbox and position. Zero fields do not
// filter.
type DeliveryQuery struct {
	Mailbox      string
	Subscription subscription.ID
	Event        EventID
	Code         string // event code
	State        State
	From, To     time.Time     // of acceptance: [From, To)
	After        DeliveryPlace // a page continues after it
	Max          int
	// Effort is the highest number of rows and mailboxes that a page looks at; 0
	// means no limit.
	Effort int
}

// DeliveryPlace is the place of a delivery in the list of all deliveries.
type DeliveryPlace struct {
	Mailbox int64
	Event   EventID
}

// DeliveryPage is what a query selected, as far as it got.
type DeliveryPage struct {
	Found []Delivery
	// Next is where the page ended, if that was before the end of the list;
	// otherwise it is nil. It is possible that nothing follows it.
	Next *DeliveryPlace
}

// Span is the part of a mailbox that is to be read: its first rows, at most Max.
type Span struct {
	Box         Mailbox
	First, Last EventID
	Max         int
}

// deliveryStep is how many rows are read at a time.
const deliveryStep = 1000

// Page puts together a page from mailboxes that are in the order of their rows.
// read returns the deliveries of a span, selected or not, in their order.
func (q *DeliveryQuery) Page(t *Moments, boxes []Mailbox, read func(Span) ([]Delivery, error)) (page DeliveryPage, err error) {
	effort := 0
	for _, box := range boxes {
		for s := q.span(t, box); s.First <= s.Last; {
			if page.Next != nil && (len(page.Found) >= q.Max || q.Effort > 0 && effort >= q.Effort) {
				return page, nil
			}
			s.Max = min(deliveryStep, max(q.Max-len(page.Found), 100))
			rows, err := read(s)
			if err != nil {
				return DeliveryPage{}, err
			}
			effort += 1 + len(rows)
			page.Next = &DeliveryPlace{box.Row, s.Last}
			for i := range rows {
				if len(page.Found) >= q.Max {
					return page, nil
				}
				s.First, page.Next = rows[i].Event+1, &DeliveryPlace{box.Row, rows[i].Event}
				if q.Selects(&rows[i]) {
					page.Found = append(page.Found, rows[i])
				}
			}
			if len(rows) < s.Max {
				break
			}
		}
	}
	page.Next = nil
	return page, nil
}

func (q *DeliveryQuery) span(t *Moments, box Mailbox) Span {
	s := Span{Box: box, First: t.Position(q.From), Last: math.MaxInt64}
	if !q.To.IsZero() {
		s.Last = t.Position(q.To) - 1
	}
	if q.Event != 0 {
		s.First, s.Last = max(s.First, q.Event), min(s.Last, q.Event)
	}
	if box.Row != q.After.Mailbox {
		return s
	}
	if q.After.Event >= s.Last { // the whole box was read
		return Span{Box: box, First: 1}
	}
	s.First = max(s.First, q.After.Event+1)
	return s
}

// Selects reports whether the query selects a delivery within a span.
func (q *DeliveryQuery) Selects(d *Delivery) bool {
	return (q.State == "" || q.State == d.State) && (q.Code == "" || q.Code == d.Code) &&
		(q.Subscription.IsZero() || slices.Contains(d.Subscriptions, q.Subscription))
}
