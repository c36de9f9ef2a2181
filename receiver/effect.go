package receiver

import "slices"

// Effect is what an event means for who keeps the things that events are about.
type Effect string

// The effects. Every event message of NEMS carries its thing whole: a correction
// takes the place of what was there.
const (
	// Create: nothing of this thing is remembered. The Memory forgets: after
	// MemoryOptions.MaxAge a correction is a Create too, so whoever keeps things
	// longer keeps them by Facts.Identifier and overwrites what it has.
	Create Effect = "create"
	// Replace: the thing as Message.Earlier brought it is replaced.
	Replace Effect = "replace"
	// Remove: the thing is withdrawn, whether it is remembered or not.
	Remove Effect = "remove"
	// Keep: Message.Earlier is newer, and what it brought stays. Handed over with
	// Config.EveryVersion only.
	Keep Effect = "keep"
)

// Effect says what the event means; "" for what is no event. Of an event whose
// thing cannot be told apart from others of its patient (Message.Problem says
// so) nothing earlier is known.
func (m Message) Effect() Effect {
	switch {
	case m.Kind != Event:
		return ""
	case m.superseded():
		return Keep
	case m.Facts.Kind == kindDelete:
		return Remove
	case !m.Earlier.IsZero() && m.Earlier.Kind != kindDelete:
		return Replace
	}
	return Create
}

// superseded tells whether something newer about the same thing is known.
func (m Message) superseded() bool {
	_, decisive := m.sequence()
	return decisive && m.Order == Stale
}

const kindDelete = "delete"

// Known is the newest event finished of a sequence.
type Known struct {
	Point
	MessageID string // MessageHeader.id; "" when a memory of version 1 knows only the point
	Kind      string // new, update or delete
}

// IsZero reports whether nothing is known.
func (k Known) IsZero() bool { return k == Known{} }

// known is what the Memory is to know of the message.
func (m *Message) known() Known {
	return Known{Point: m.Facts.Point, MessageID: m.Facts.MessageID, Kind: m.Facts.Kind}
}

// compare places k against the newest of its sequence. Of what changed at the same
// moment and has no number to tell, a thing is new before it is updated, and
// updated before it is deleted.
func (k Known) compare(newest Known) Order {
	order := k.Point.compare(newest.Point)
	if order != Same {
		return order
	}
	switch mine, other := rank(k.Kind), rank(newest.Kind); {
	case mine < 0 || other < 0 || mine == other:
		return Same
	case mine < other:
		return Stale
	}
	return Next
}

// rank is a kind's place in a thing's life; -1 for what is no kind.
func rank(kind string) int { return slices.Index([]string{"new", "update", kindDelete}, kind) }

// Merge is what is known once k was known and q is finished too: the newer of
// both. A time or a number that the newer one lacks is kept.
func (k Known) Merge(q Known) Known {
	if k.IsZero() {
		return q
	}
	if q.compare(k) == Stale {
		return k
	}
	if q.Time.IsZero() {
		q.Time = k.Time
	}
	if q.Number == 0 {
		q.Number = k.Number
	}
	return q
}
