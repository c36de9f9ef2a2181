package store

import (
	"math"
	"slices"
	"time"

	"nems/internal/subscription"
)

// DeliveryQuery selects deliveries by mailbox and position. Fields that are
// zero do not filter.
type DeliveryQuery struct {
	Mailbox      string
	Subscription subscription.ID
	Event        EventID
	Code         string // event code
	State        State
	From, To     time.Time // of acceptance: [From, To)
	// AfterMailbox and AfterEvent continue behind the last one of a page.
	AfterMailbox int64
	AfterEvent   EventID
	Max          int
}

// Span is the part of a mailbox that a DeliveryQuery is about, and how many
// deliveries of it are wanted.
type Span struct {
	Box         Mailbox
	First, Last EventID
	Max         int
}

// Page puts a page together of mailboxes that stand in the order of their rows.
// read yields a span's deliveries that are selected, in their order.
func (q *DeliveryQuery) Page(t *Moments, boxes []Mailbox, read func(Span) ([]Delivery, error)) (out []Delivery, err error) {
	for _, box := range boxes {
		if len(out) >= q.Max {
			break
		}
		part, err := read(q.span(t, box, q.Max-len(out)))
		if err != nil {
			return nil, err
		}
		out = append(out, part...)
	}
	return out, nil
}

func (q *DeliveryQuery) span(t *Moments, box Mailbox, most int) Span {
	s := Span{Box: box, First: t.Position(q.From), Last: math.MaxInt64, Max: most}
	if !q.To.IsZero() {
		s.Last = t.Position(q.To) - 1
	}
	if q.Event != 0 {
		s.First, s.Last = max(s.First, q.Event), min(s.Last, q.Event)
	}
	if box.Row == q.AfterMailbox {
		s.First = max(s.First, q.AfterEvent+1)
	}
	return s
}

// Selects tells whether a delivery within a span is wanted.
func (q *DeliveryQuery) Selects(d *Delivery) bool {
	return (q.State == "" || q.State == d.State) && (q.Code == "" || q.Code == d.Code) &&
		(q.Subscription.IsZero() || slices.Contains(d.Subscriptions, q.Subscription))
}
