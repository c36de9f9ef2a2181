package receiver

import "slices"

// Effect says what an event means to a system that stores what events are about.
type Effect string

// The effects. Every event message of NEMS carries the whole thing that it is
// about, so a correction replaces what was there.
const (
	// Create: no earlier event about this thing is remembered. The Memory
	// forgets after MemoryOptions.MaxAge, and from then on a correction is a
	// Create too. So a system that stores things for longer finds them by
	// Facts.Identifier and overwrites what it has.
	Create Effect = "create"
	// Replace: this event replaces the thing that Message.Earlier brought.
	Replace Effect = "replace"
	// Remove: the thing is withdrawn, whether it is remembered or not.
	Remove Effect = "remove"
	// Keep: Message.Earlier is newer, so what it brought stays. Such an event is
	// handed over only with Config.EveryVersion.
	Keep Effect = "keep"
)

// Effect returns what the event means, "" for a message that is not an event.
// If the event's thing cannot be told apart from others of its patient
// (Message.Problem says so), no earlier event is known.
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

// superseded reports whether a newer event about the same thing is known.
func (m Message) superseded() bool {
	_, decisive := m.sequence()
	return decisive && m.Order == Stale
}

const kindDelete = "delete"

// Known is the newest finished event of a sequence.
type Known struct {
	Point
	MessageID string // MessageHeader.id; "" if it comes from a memory file of version 1, which has only the point
	Kind      string // new, update or delete
}

// IsZero reports whether nothing is known.
func (k Known) IsZero() bool { return k == Known{} }

// known returns what the Memory stores of the message.
func (m *Message) known() Known {
	return Known{Point: m.Facts.Point, MessageID: m.Facts.MessageID, Kind: m.Facts.Kind}
}

// compare orders k against the newest event of its sequence. When both changed at
// the same moment and no number decides, a new event comes before an update, and
// an update before a delete.
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

// rank is the place of a kind in a thing's life; -1 for an unknown kind.
func rank(kind string) int { return slices.Index([]string{"new", "update", kindDelete}, kind) }

// Merge returns what is known after k and q are both finished: the newer of the
// two. A time or number that the newer one lacks is taken from the older one.
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
